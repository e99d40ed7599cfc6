/** The lab's README has the table of findings, and describes all variants. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { variants } from '../../qemu/kernel/config.js'
import { ownScenarios } from '../../qemu/runner/load.js'
import { findingsTable } from '../../qemu/runner/report/findings.js'

const path = join(import.meta.dirname, '../../qemu/README.md')
const readme = readFileSync(path, 'utf8')

test('the table of findings is up to date; "npx vitest run test/lab/readme.test.ts -u" makes it so', async () => {
  const table = findingsTable(await ownScenarios())
  const section = /(<!-- findings: .*-->\n)[\s\S]*?(<!-- \/findings -->)/
  expect(readme).toMatch(section)
  const wanted = readme.replace(section, (_, start: string, end: string) => `${start}${table}\n${end}`)
  await expect(wanted).toMatchFileSnapshot(path)
})

test('every variant is described', () => {
  for (const variant of variants()) expect(readme).toMatch(new RegExp(`^\\| \`${variant}\` \\| \\S`, 'm'))
})
