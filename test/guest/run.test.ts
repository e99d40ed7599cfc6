/** `scmi-lab run` and `list` as users run them, on scenarios made to fail: test/lab/scenarios. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ResultRecord, RunRecord } from '../../qemu/runner/record.js'
import { shellLine } from '../../qemu/support/process.js'
import { KERNEL_LIMIT_MS, testKernel } from './kernel.js'
import { CLI, type Finished, LabCommand, runLab } from './lab-command.js'

const LIMIT_MS = 240_000

const scenarios = join(import.meta.dirname, '../lab/scenarios')
const folder = mkdtempSync(join(tmpdir(), 'scmi-lab-test-'))
const file = (name: string): string => join(folder, name)
/** The folder for the guests' folders. */
const guests = file('guests')
let kernel: string

beforeAll(async () => {
  mkdirSync(guests)
  kernel = await testKernel()
}, KERNEL_LIMIT_MS)
afterAll(() => rmSync(folder, { recursive: true }))

const lab = (...words: string[]): Promise<Finished> => runLab(words, { TMPDIR: guests }, LIMIT_MS)
const own = (...words: string[]): string[] => ['run', ...words, '--kernel', kernel, '--scenarios', scenarios]

/** Processes that belong to guests of these tests. */
const guestProcesses = (): string[] =>
  readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(pid => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8')]
      } catch {
        return [] // it has ended meanwhile
      }
    })
    .filter(line => line.startsWith('qemu-system') && line.includes(guests))

const expectNothingLeft = (): void => {
  expect(readdirSync(guests)).toEqual([])
  expect(guestProcesses()).toEqual([])
}

describe('a run', () => {
  let finished: Finished
  let run: RunRecord
  const resultOf = (name: string): ResultRecord => run.results.find(({ scenario }) => scenario === `own/${name}`)!

  beforeAll(async () => {
    const reports = ['--json', file('run.json'), '--junit', file('run.xml'), '--report', file('run.html'), '--ktap']
    finished = await lab(...own('dies', 'fails', 'hangs', 'pair', 'panics', 'recorded', 'works', ...reports))
    run = JSON.parse(readFileSync(file('run.json'), 'utf8'))
  }, LIMIT_MS)

  test('with differences ends with 1, says how many, and leaves nothing behind', () => {
    expect(finished.code).toBe(1)
    expect(finished.stderr).toMatch(/7 run in .*: 2 as recorded, 1 of them known findings, 5 differ$/m)
    expectNothingLeft()
  })

  test('reports a failure with the expectation, its reason, the log since the step, and the messages', () => {
    const { outcome, failures, steps, log, messages } = resultOf('fails')
    expect(outcome).toBe('failed')
    const said = "got 'none', wanted 'never'"
    expect(failures).toEqual([{ what: 'the platform has a clock named "never"', because: 'no reason at all', said }])
    expect(steps.map(({ text }) => text)).toEqual(['boot', 'leave a mark', 'look for a clock'])
    expect(log.join('\n')).toMatch(/Run \/init as init process[\s\S]* lab: look for a clock/)
    expect(messages.join('\n')).toMatch(/base BASE_DISCOVER_VENDOR #\d+ .*vhost-user-scmi/)
    expect(finished.stderr).toContain(said)
  })

  test('shows the logs of both guests, and whose messages they are', () => {
    const { failures, steps, log, messages } = resultOf('pair')
    expect(failures).toMatchObject([{ what: 'the second guest has no clock', said: "got 'uart', wanted ''" }])
    expect(steps.map(({ text }) => text)).toEqual(['boot', 'boot the guest of second', 'ask both'])
    expect(log.join('\n')).toMatch(/lab: ask both[\s\S]*--- the guest of second[\s\S]*lab: ask both/)
    for (const name of ['first', 'second']) expect(messages.join('\n')).toContain(`${name}: `)
  })

  test('ends a scenario that takes too long', () => {
    expect(resultOf('hangs').failures).toMatchObject([
      { what: 'step: sleep', said: expect.stringMatching(/^the scenario is not over after \d+ ms$/) },
    ])
  })

  test('shows a splat whole', () => {
    const { failures, log } = resultOf('panics')
    expect(failures.map(({ what }) => what)).toEqual(['step: crash', 'the kernel reports no fault of its own'])
    expect(failures[1]!.said).toContain('Kernel panic - not syncing: sysrq triggered crash')
    expect(log.join('\n')).toMatch(/sysrq_handle_crash|__handle_sysrq/)
  })

  test('shows why a guest does not boot', () => {
    const { failures, log } = resultOf('dies')
    expect(failures).toMatchObject([
      { what: 'step: boot', said: expect.stringContaining("kernel panicked: the guest's hello did not come") },
      { said: expect.stringContaining('Kernel panic - not syncing') },
    ])
    expect(log.join('\n')).toContain('Unable to mount root fs')
  })

  test('is green if the results match the records', () => {
    expect(resultOf('works')).toMatchObject({ outcome: 'passed', asRecorded: true, log: [] })
    expect(resultOf('recorded')).toMatchObject({ outcome: 'failed', asRecorded: true })
  })

  test('writes every form of report', () => {
    expect(finished.stdout).toMatch(/^KTAP version 1\n1\.\.1\n {2}KTAP version 1\n/)
    expect(finished.stdout).toMatch(/^ {2}not ok 2 own\/fails$/m)
    expect(finished.stdout).toMatch(/^ {2}ok 6 own\/recorded # XFAIL One is not two\.$/m)
    expect(readFileSync(file('run.xml'), 'utf8')).toMatch(/<testsuite name="Linux .*" tests="7" failures="5"/)
    expect(readFileSync(file('run.html'), 'utf8')).toContain('CONFIG_ARM_SCMI_TRANSPORT_VIRTIO=y')
  })

  test(
    'is reproduced by the command it prints, which stops in a shell where the scenario failed',
    async () => {
      const words = ['run', 'own/fails', '--kernel', kernel, '--scenarios', scenarios, '--shell']
      expect(resultOf('fails').reproduce).toBe(shellLine(['node', CLI, ...words]))
      const command = new LabCommand(words, { TMPDIR: guests, TERM: 'vt100' }, 'terminal')
      await command.heard(/wanted 'never'[\s\S]*A shell in the guest, where the scenario failed[\s\S]*guest:~# /)
      command.type('cat /tmp/mark; scmi-raw 0x10 0x0\n')
      await command.heard(/made it here[\s\S]*status 0 \(SUCCESS\)[\s\S]*guest:~# /)
      command.type('exit\n')
      expect(await command.ended).toBe(1)
      expectNothingLeft()
    },
    LIMIT_MS,
  )

  test(
    'runs a share of the scenarios, and compares with a baseline',
    async () => {
      const before = { ...run, results: run.results.map(result => ({ ...result, outcome: 'failed' as const })) }
      writeFileSync(file('before.json'), JSON.stringify(before))
      // Of all eight, the eighth: own/works.
      const { code, stdout } = await lab(...own('--shard', '8/8', '--baseline', file('before.json')))
      expect(stdout).toMatch(/^ok +own\/works .*s$/m)
      expect(stdout).toMatch(/^since the baseline:\nKIND +SCENARIO +KERNEL.*\nbetter +own\/works/m)
      expect(stdout).toMatch(/^1 run in .*: 1 as recorded$/m)
      expect(code).toBe(0)
    },
    LIMIT_MS,
  )
})

test(
  'Ctrl-C ends all guests, and the command with 130',
  async () => {
    const command = new LabCommand(own('waits', 'works'), { TMPDIR: guests })
    await command.said(/own\/waits .*: wait/)
    command.child.kill('SIGINT')
    expect(await command.ended).toBe(130)
    expectNothingLeft()
  },
  LIMIT_MS,
)

describe('a kernel of which no guest answers', () => {
  test(
    'differs, if it boots without an SCMI device',
    async () => {
      const { code, stderr } = await lab(...own('dies'))
      expect(stderr).toMatch(/1 run in .*: 0 as recorded, 1 differ$/m)
      expect(code).toBe(1)
    },
    LIMIT_MS,
  )

  test(
    'cannot be tested, if it never boots: the command ends with 125',
    async () => {
      const image = file('no-init')
      // It looks for other programs than the initramfs has, and panics.
      writeFileSync(image, Buffer.from(readFileSync(kernel, 'latin1').replaceAll('/init\0', '/inix\0'), 'latin1'))
      const { code, stderr } = await lab('run', 'own/works', '--kernel', image, '--scenarios', scenarios)
      expect(stderr).toMatch(/^scmi-lab: Linux \S+ does not boot, not even without an SCMI device: .*panicked/m)
      expect(code).toBe(125)
      expectNothingLeft()
    },
    LIMIT_MS,
  )
})

describe('wrong arguments end with 2 and one line', () => {
  test.each([
    ['a name nobody has', ['run', 'no-such'], 'no scenario has the name, group or tag "no-such"'],
    ['a kernel that is not there', ['run', 'at-boot', '--kernel', '5.4'], '--kernel 5.4: is no such folder'],
    ['an unknown variant', ['run', 'at-boot', '--variant', 'nice'], '--variant nice: give plain, atomic, debug'],
    [
      'a patch that is not there',
      ['run', 'at-boot', '--patch', '/no/patch'],
      '--patch /no/patch: there is no such file',
    ],
    [
      'a configuration for a kernel that is built',
      ['run', 'at-boot', '--kernel', '/proc/version', '--config', '/dev/null'],
      '--config goes with a source; --kernel /proc/version is built already',
    ],
    ['a shell for several scenarios', ['run', 'ci', '--shell'], '--shell goes with one scenario and one kernel'],
    ['a share beyond the last', ['run', '--shard', '4/3'], 'Write I/N, such as 1/3'],
    ['no guests at all', ['run', '--jobs', '0'], 'Write a whole number from 1'],
    ['a baseline that is not there', ['run', '--baseline', '/no/file'], '--baseline /no/file: there is no such file'],
    [
      'a report that cannot be written',
      ['run', '--report', '/no/folder/x.html'],
      '--report /no/folder/x.html: there is no folder /no/folder; make it, or give another file',
    ],
    ['a folder without scenarios', ['list', '--scenarios', '/proc/self/fdinfo'], 'there is no scenario'],
  ])('%s', async (_, words, message) => {
    const { code, stderr, stdout } = await lab(...words)
    expect(stderr).toContain(`scmi-lab: `)
    expect(stderr).toContain(message)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    expect(stdout).toBe('')
    expect(code).toBe(2)
  })
})

describe('list', () => {
  test('has a line for each scenario', async () => {
    const { code, stdout } = await lab('list', 'probe')
    expect(stdout).toMatch(/^NAME +SUMMARY +TAGS\nprobe\/at-boot +device and node are there at boot/)
    expect(stdout).not.toContain('hotplug/')
    expect(code).toBe(0)
  })

  test('and as JSON', async () => {
    const list = JSON.parse((await lab('list', '--json', '--scenarios', scenarios)).stdout)
    expect(list).toContainEqual({ name: 'own/works', summary: 'needs nothing and passes', tags: ['quick'] })
  })
})
