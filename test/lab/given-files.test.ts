/** Bad files in options of the lab, or beside scenarios: each is an error of one line, at once. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { readFragments } from '../../qemu/kernel/config.js'
import { readPatch } from '../../qemu/kernel/patches.js'
import { readFindings } from '../../qemu/runner/findings.js'
import { scenariosOf } from '../../qemu/runner/load.js'
import { readRunRecord } from '../../qemu/runner/record.js'
import { inFolder } from '../cli/command.js'

const GIB = 2 ** 30

/** What is at a path, how to make it, and the error. */
const KINDS: [string, (path: string) => void, string][] = [
  ['a pipe that nobody writes', path => execFileSync('mkfifo', [path]), 'is not a file'],
  ['a folder', path => mkdirSync(path), 'is a folder; give a file'],
  [
    'a GiB',
    path => {
      writeFileSync(path, '')
      truncateSync(path, GIB)
    },
    'is larger than',
  ],
]
const READERS: [string, (path: string) => unknown][] = [
  ['--patch', readPatch],
  ['--config', path => readFragments('plain', [path])],
  ['--baseline', readRunRecord],
  ['findings', path => readFindings(path)],
]
const CASES = KINDS.flatMap(([kind, make, says]) =>
  READERS.map(([reader, read]) => ({ kind, reader, make, says, read })),
)

test.each(CASES)('$reader of $kind', ({ make, read, says }) =>
  inFolder(async folder => {
    const path = join(folder, 'file')
    make(path)
    expect(() => read(path)).toThrow(
      expect.objectContaining({ name: 'LabError', message: expect.stringMatching(says) }),
    )
  }),
)

test.each(KINDS)('the guest file of a scenario is %s', (_, make, says) =>
  inFolder(async folder => {
    mkdirSync(join(folder, 'own'))
    writeFileSync(join(folder, 'own/one.mjs'), 'export default { summary: "one", run() {} }')
    make(join(folder, 'own/one.sh'))
    await expect(scenariosOf(folder)).rejects.toMatchObject({
      name: 'LabError',
      message: expect.stringMatching(`one.sh: .*${says}|one.sh: ${says}`),
    })
  }),
)

test('modules of scenarios that are not files are ignored', () =>
  inFolder(async folder => {
    mkdirSync(join(folder, 'own/one.mjs'), { recursive: true })
    execFileSync('mkfifo', [join(folder, 'own/two.mjs')])
    await expect(scenariosOf(folder)).rejects.toThrow('there is no scenario')
    rmSync(join(folder, 'own/two.mjs'))
    await expect(scenariosOf(join(folder, 'own/one.mjs'))).rejects.toThrow('there is no scenario')
  }))

const doubled = Array.from({ length: 30 }, (_, i) => `  - &a${i + 1} [*a${i}, *a${i}]`).join('\n')
test.each([
  ['lie deep in each other', '['.repeat(100_000), 'nested more than 100 deep'],
  ['lie within themselves', '- &x [*x]', '*x is inside its own anchor &x'],
  ['multiply without measure', `- &a0 [1]\n${doubled.replaceAll('  - ', '- ')}`, 'expands the file to more than'],
])('findings whose lists %s', (_, text, says) =>
  inFolder(async folder => {
    const path = join(folder, 'one.findings.yaml')
    writeFileSync(path, text)
    expect(() => readFindings(path)).toThrow(
      expect.objectContaining({ name: 'LabError', message: expect.stringContaining(says) }),
    )
  }),
)

test('a series brings options of its own: they are configured where a patch adds them', () => {
  const names = (...texts: string[]) =>
    readFragments(
      'plain',
      [],
      false,
      texts.map(text => ({ text })),
    ).map(({ path }) => basename(path))
  const others = names()
  expect(others).not.toContain('telemetry.config')
  expect(names('+config SOMETHING\n+\tbool\n')).toEqual(others)
  expect(names('+config ARM_SCMI_SYSTEM_TELEMETRY\n+\ttristate\n')).toEqual([...others, 'telemetry.config'])
})
