/** native/README.md names every source file once, and its commands work. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
const native = join(root, 'native')
const readme = readFileSync(join(native, 'README.md'), 'utf8')
const packageJson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

it('the table of files names each source once, and no other', () => {
  const table = readme.slice(readme.indexOf('| file |'), readme.indexOf('`bench/`'))
  const firstColumn = table.split('\n').map(line => line.split('|')[1] ?? '')
  const named = firstColumn.flatMap(cell => [...cell.matchAll(/`(\w+\.cc)`/g)].map(match => match[1]))
  expect(named.sort()).toEqual(readdirSync(native).filter(name => name.endsWith('.cc')))
})

it('only the files that it lists as needing Node or libuv include their headers', () => {
  const including = (header: string) =>
    readdirSync(native).filter(
      name => name.endsWith('.cc') && readFileSync(join(native, name), 'utf8').includes(`#include ${header}`),
    )
  const node = [...readme.matchAll(/Only ([\s\S]*?) need Node/g)][0]![1]!.match(/\w+\.cc/g)!
  for (const header of ['<napi.h>', '"binding.h"', '"options.h"', '"values.h"', '"front_end_calls.h"', '<uv.h>'])
    for (const name of including(header)) expect(node).toContain(name)
  expect(including('"event_loop.h"')).toEqual(['event_loop.cc'])
})

const has = (program: string) => spawnSync(program, ['--version']).status === 0

describe('commands', () => {
  const commands = /```sh\n([\s\S]*?)```/
    .exec(readme)![1]!
    .trim()
    .split('\n')
    .map(line => line.replace(/ {2,}#.*/, ''))
  /** Environment of a shell: variables of npm and vitest would change what the commands do. */
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_|VITEST|TEST$|NODE_ENV$)/.test(name)),
  )
  const run = (command: string) =>
    spawnSync(command, { cwd: root, shell: true, encoding: 'utf8', timeout: 120_000, env })
  /** How to try each command. CI runs the long ones; here it is enough that the part exists. */
  const TRIED: Record<string, (command: string) => void> = {
    'node qemu/setup/bootstrap.mjs': command => {
      expect(packageJson.scripts.prepare).toBe(command)
    },
    'npx vitest run': command => expect(run(command)).toMatchObject({ status: 0 }),
    'npm run torture': command => {
      const part = command.split(' -- ')[1]!
      const help = run('node dist/test/torture/cli.js --help').stdout
      expect(help).toContain(part.split(' ')[0])
      for (const option of part.match(/--\w+/g) ?? []) expect(help).toContain(option)
    },
    gdb: command => {
      if (!has('gdb')) return
      const { status, stdout } = run(command.replace('gdb ', 'gdb -batch ').replace(/--socket-path.*/, '--version'))
      expect(status).toBe(0)
      expect(stdout).toContain(packageJson.version)
      expect(stdout).toContain('exited normally')
    },
  }

  it.each(commands)('%s', { timeout: 120_000 }, command => {
    const tried = Object.keys(TRIED).filter(start => command.startsWith(start))
    expect(tried).toHaveLength(1)
    TRIED[tried[0]!]!(command)
  })
})
