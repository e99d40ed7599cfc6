import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadPlatform } from '../../src/loading/load.js'
import { VirtualTime } from '../../src/platform/core/time.js'
import type { Protocol } from '../../src/protocols/declaration/protocol.js'
import { everyProtocol } from '../support/agent.js'

const versionText = (version: number): string => `${version >>> 16}.${version & 0xffff}`

function row({ id, name, versions, commands, events }: Protocol): string {
  const ids = new Set(commands.map(command => command.id))
  const delayed = new Set(commands.filter(command => command.delayed).map(command => command.id))
  const cells = [
    `0x${id.toString(16)}`,
    name,
    versions.map(versionText).join(', '),
    ids.size,
    delayed.size,
    new Set(events.map(event => event.id)).size,
  ]
  return `| ${cells.join(' | ')} |`
}

const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8')

test("README's table of protocols matches the declarations", () => {
  const table = /<!-- protocols:.*-->\n([\s\S]*?)<!-- \/protocols -->/.exec(readme)?.[1]
  const expected = [
    '| id | protocol | versions | commands | with delayed response | notifications |',
    '|---|---|---|---|---|---|',
    ...everyProtocol.map(row),
    '',
  ].join('\n')
  expect(table).toBe(expected)
})

test("README's platform files are valid", async () => {
  const described = readme + readFileSync(join(import.meta.dirname, '../../src/platform/README.md'), 'utf8')
  const files = [...described.matchAll(/```yaml\n(vendor: [\s\S]*?)```/g)].map(([, text]) => text!)
  expect(files.length).toBeGreaterThan(1)
  for (const text of files) await loadPlatform({ text, name: 'README' }, { time: new VirtualTime() })
})
