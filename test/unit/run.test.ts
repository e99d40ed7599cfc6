/** How `npm test` handles failing files: runs its script on files that fail once or always. */
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { inFolder } from '../cli/command.js'

const RUNNER = join(import.meta.dirname, '../run.mjs')
const LIMIT_MS = 180_000

/** Defines `isAgain(name)` in a test file: whether it was called in an earlier run. */
const again = (folder: string) => `
  import { existsSync, writeFileSync } from 'node:fs'
  const isAgain = name => {
    const file = ${JSON.stringify(folder)} + '/' + name
    const there = existsSync(file)
    writeFileSync(file, '')
    return there
  }
`

/** Runs test files, given as text by name; returns the report and the last lines printed. */
function runOf(files: Record<string, string>) {
  return inFolder(async folder => {
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(folder, `${name}.test.js`), again(folder) + text)
    }
    const report = join(folder, 'report.json')
    const child = spawn(process.execPath, [RUNNER, '--root', folder, '--globals'], {
      stdio: ['ignore', 'pipe', 'ignore'],
      // Without the variables of the run that this test is part of.
      env: { PATH: process.env.PATH, HOME: process.env.HOME, SCMI_TEST_REPORT: report },
    })
    let stdout = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    const status = await new Promise(resolve => child.on('close', resolve))
    const { failures, ...counts } = JSON.parse(readFileSync(report, 'utf8')) as {
      failures: string[]
      flaky: string[]
    }
    const short = (text: string) => text.replace(/(\.\.\/)*[^ ]*\/(?=[a-z]+\.test\.js)/, '')
    return {
      status,
      last: stdout.trimEnd().split('\n').at(-1),
      counts: { ...counts, flaky: counts.flaky.map(short) },
      failures: failures.map(failure => short(failure).split('\n', 1)[0]),
    }
  })
}

test(
  'what fails once is flaky and passes: a test, a crash, a hook, an unhandled rejection',
  async () => {
    const { status, last, counts, failures } = await runOf({
      test: "test('fails once', () => expect(isAgain('a')).toBe(true))\ntest('passes', () => {})",
      crash: "test('crashes once', () => isAgain('b') || process.kill(process.pid, 'SIGSEGV'))",
      hook: "beforeAll(() => { if (!isAgain('c')) throw new Error('no') })\ntest('comes after', () => {})",
      stray: `test('drops one', async () => {
        if (!isAgain('d')) Promise.reject(new Error('dropped'))
        await new Promise(resolve => setTimeout(resolve, 50))
      })`,
      twice: "test('fails twice', () => expect(isAgain(isAgain('e') ? 'f' : 'e2')).toBe(true))",
    })
    expect(counts).toEqual({
      passed: 6,
      failed: 0,
      skipped: 0,
      flaky: expect.arrayContaining([
        'flaky: test.test.js > fails once, 1 of 2',
        'flaky: crash.test.js > (the file), 1 of 2',
        'flaky: hook.test.js > (the file), 1 of 2',
        'flaky: stray.test.js > (the file), 1 of 2',
        'flaky: twice.test.js > fails twice, 2 of 3',
      ]),
    })
    expect(counts.flaky).toHaveLength(5)
    expect([status, last, failures]).toEqual([0, '6 passed, 0 failed, 0 skipped', []])
  },
  LIMIT_MS,
)

test(
  'what fails three times fails: a test, a crash, an import',
  async () => {
    const { status, last, counts, failures } = await runOf({
      test: "test('fails', () => expect(1).toBe(2))\ntest('passes', () => {})\ntest.skip('is skipped', () => {})",
      crash: "test('crashes', () => process.kill(process.pid, 'SIGSEGV'))",
      import: "import './nothing.js'\ntest('never runs', () => {})",
    })
    expect(failures.sort()).toEqual([
      'crash.test.js > (the file)',
      'import.test.js > (the file)',
      'test.test.js > fails',
    ])
    expect([status, last, counts.flaky]).toEqual([1, expect.stringMatching(/^1 passed, 3 failed, \d skipped$/), []])
  },
  LIMIT_MS,
)
