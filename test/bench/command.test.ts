/** `vhost-user-scmi bench` as people run it: real processes, short rounds. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { ChannelRate } from '../../src/bench/channel-rates.js'
import type { ChannelResult } from '../../src/bench/channels.js'
import { nativeProgram } from '../../src/bench/front-end.js'
import { type Result, resultSchema } from '../../src/bench/result.js'
import { WAITS } from '../../src/bench/scenario.js'
import { inFolder, RunningCommand, runCommand } from '../cli/command.js'

const SHORT = ['--rounds', '2', '--measure-ms', '20']
const NOTHING_ELSE = ['--starts', '0', '--no-memory']

async function measured(...args: string[]): Promise<Result> {
  const { code, stdout, stderr } = await runCommand('bench', ...SHORT, ...args, '--json')
  expect(code, stderr).toBe(0)
  return resultSchema.parse(JSON.parse(stdout))
}

/** The event loop as somebody's back end, giving these answers. */
async function otherBackEnd(path: string, answers: string[]): Promise<void> {
  const child = spawn(nativeProgram, ['event-loop', `socket=${path}`, ...answers.map(words => `answer=${words}`)])
  onTestFinished(() => void child.kill())
  await once(child.stdout, 'data')
}

/** All that a measurement must be, whatever the machine. */
function expectSane(result: Result): void {
  for (const { scenario, rate, rates, latencyUs, cpuUs, backEnd, ratios, fairness } of result.cells) {
    const { p50, p99, p999, max } = latencyUs
    expect(rates).toHaveLength(result.settings.rounds)
    expect(rate).toBeGreaterThan(10)
    expect([p50, p99, p999, max]).toEqual([p50, p99, p999, max].sort((a, b) => a - b))
    // Little's law: what is in flight is rate times latency. In no round can it be more than twice the depth with the
    // median for the mean; medians over the rounds may be of different ones, but no round's rate is below the lowest.
    expect((Math.min(...rates) * p50) / 1e6).toBeLessThan(scenario.depth * scenario.guests * 10)
    expect(p50).toBeGreaterThan(0)
    expect(cpuUs.backEnd).toBeGreaterThan(0)
    expect(cpuUs.frontEnd).toBeGreaterThan(0)
    expect(fairness !== undefined).toBe(scenario.guests > 1)
    if (fairness) expect(fairness.max).toBeLessThanOrEqual(1)
    expect(ratios !== undefined).toBe(backEnd === 'device' || backEnd === 'other')
    if (!ratios) continue
    for (const { min, median, max } of Object.values(ratios)) {
      expect([min, median, max]).toEqual([min, median, max].sort((a, b) => a - b))
    }
  }
}

describe('measures', () => {
  test('every scenario on the device and on the floors, and writes a report that stands alone', () =>
    inFolder(async folder => {
      const report = join(folder, 'report.html')
      const result = await measured('--mix', 'base', '--depth', '1,8', '--report', report, ...NOTHING_ELSE)
      expectSane(result)
      const cells = result.cells.map(({ scenario, backEnd }) => `${scenario.wait} ${scenario.depth} ${backEnd}`)
      const expected = ['spin', 'sleep'].flatMap(wait =>
        [1, 8].flatMap(depth =>
          ['busy loop', 'event loop', 'native floor', 'device'].map(name => `${wait} ${depth} ${name}`),
        ),
      )
      expect(cells.sort()).toEqual(expected.sort())
      const html = readFileSync(report, 'utf8')
      expect(html).not.toMatch(/(src|href)="/)
      expect(html).toContain('new Chart(')
      const embedded = /<script type="application\/json" id="result">(.*?)<\/script>/s.exec(html)?.[1] ?? ''
      expect(resultSchema.parse(JSON.parse(embedded))).toEqual(result)
    }))

  test('mixes, direct descriptors, no EVENT_IDX, guests, depth 256, one core, a back end that never polls', async () => {
    const result = await measured(
      ...['--mix', 'clock:3,sensor', '--depth', '256', '--wait', 'sleep', '--descriptors', 'direct'],
      ...['--event-idx', 'off', '--guests', '3', '--cores', 'one', '--poll-us', '0', ...NOTHING_ELSE],
    )
    expectSane(result)
    for (const { fairness } of result.cells) expect(fairness?.min).toBeGreaterThan(0)
    expect(result.cells.map(({ scenario }) => scenario)).toEqual(
      new Array(4).fill({
        mix: 'clock:3,sensor',
        depth: 256,
        wait: 'sleep',
        descriptors: 'direct',
        eventIdx: false,
        guests: 3,
        cores: 'one',
      }),
    )
  })

  test('how fair a device is to its guests', () =>
    inFolder(async folder => {
      const sockets = ['favourite', 'victim'].map(name => join(folder, name))
      const faults = join(folder, 'faults.yaml')
      writeFileSync(faults, '[{ agent: victim, message: PROTOCOL_VERSION, delay: 2 ms }]')
      const endpoints = sockets.flatMap(path => ['--agent', `${basename(path)}=${path}`])
      const device = new RunningCommand([...endpoints, '--platform', 'demo', '--faults', faults])
      onTestFinished(() => void device.stop())
      await device.said(/ready: /)
      const others = sockets.flatMap(path => ['--socket-path', path])
      const result = await measured('--mix', 'base', '--depth', '1', '--guests', '2', ...others, ...NOTHING_ELSE)
      expectSane(result)
      for (const wait of WAITS) {
        const fairness = (name: string) =>
          result.cells.find(({ backEnd, scenario }) => backEnd === name && scenario.wait === wait)!.fairness!
        // A guest that waits 2 ms for each answer gets at most ten while the other one gets hundreds.
        expect(fairness('other').max, wait).toBeLessThan(0.2)
        expect(fairness('device').median, wait).toBeGreaterThan(0.2)
      }
      writeFileSync(join(folder, 'result'), JSON.stringify(result))
      const { stdout } = await runCommand('bench', '--compare', join(folder, 'result'), join(folder, 'result'))
      expect(stdout).toMatch(/ FAIRNESS BEFORE +FAIRNESS AFTER /)
    }))

  test('the read command of every protocol', async () => {
    const mix = 'base,power,system,perf,clock,sensor,voltage,powercap'
    const result = await measured('--platform', 'everything', '--mix', mix, '--depth', '16', ...NOTHING_ELSE)
    expectSane(result)
  })

  test('start-up and memory, and prints a table', async () => {
    const args = [
      '--mix',
      'base',
      '--depth',
      '4',
      '--wait',
      'sleep',
      '--rounds',
      '1',
      '--measure-ms',
      '10',
      '--starts',
      '1',
    ]
    const { code, stdout, stderr } = await runCommand('bench', ...args)
    expect(code, stderr).toBe(0)
    expect(stdout).toMatch(
      /^FRONT END +MIX +DEPTH +RATE +× BUSY LOOP +× NATIVE FLOOR +× EVENT LOOP +P50 +P99 +P99\.9 +MAX +CPU$/m,
    )
    expect(stdout).toMatch(/^sleep +base +4 +[\d.]+ [kM]\/s +[\d.]+ \([\d.]+–[\d.]+\) /m)
    expect(stdout).toMatch(/^noise: load [\d.]+ before, [\d.]+ after, [\d.]+ % stolen, [\d.]+ % used by others$/m)
    expect(stdout).toMatch(/^garbage collection: /m)
    const startup =
      /^start-up of demo: accepts connections ([\d.]+) to [\d.]+ ms after exec, [\d.]+ ms of CPU time/m.exec(stdout)
    expect(Number(startup?.[1])).toBeGreaterThan(10)
    const memory = /^memory: ([\d.]+) MB resident with one guest, (-?\d+) kB more for each further one/m.exec(stdout)
    expect(Number(memory?.[1])).toBeLessThan(90)
    expect(Number(memory?.[2])).toBeLessThan(1024)
    expect(stderr).toMatch(/bench: /)
  })
})

test('--channels: reactions to writes, and what looking costs', async () => {
  const args = ['bench', '--channels', '--depth', '1,16', '--rounds', '1', '--measure-ms', '10', '--json']
  const { code, stdout, stderr } = await runCommand(...args)
  expect(code, stderr).toBe(0)
  const result = JSON.parse(stdout) as ChannelResult & { rates: ChannelRate[] }
  const { pollMs, writes, idleUs, loadUs, lookingPercent, unusedPercent, rates } = result
  expect([pollMs, writes]).toEqual([1, 400])
  for (const { p50, p99, max } of [idleUs, loadUs]) {
    expect([p50, p99, max]).toEqual([p50, p99, max].sort((a, b) => a - b))
    expect(p50).toBeGreaterThan(0)
  }
  for (const percent of [lookingPercent, unusedPercent]) expect(percent).toBeGreaterThanOrEqual(0)
  expect(rates.map(({ scenario: { wait, depth } }) => `${wait} ${depth}`)).toEqual([
    'spin 1',
    'spin 16',
    'sleep 1',
    'sleep 16',
  ])
  for (const { ofUnused } of rates) expect(ofUnused.median).toBeGreaterThan(0)
})

describe('another back end', () => {
  test('is measured beside ours', () =>
    inFolder(async folder => {
      const path = join(folder, 'other')
      await otherBackEnd(path, ['0x4000,0,0x20001'])
      const args = ['--socket-path', path, '--mix', 'base', '--depth', '4', '--wait', 'sleep', ...NOTHING_ELSE]
      const result = await measured(...args)
      expectSane(result)
      expect(result.cells.map(({ backEnd }) => backEnd).sort()).toEqual([
        'busy loop',
        'device',
        'event loop',
        'native floor',
        'other',
      ])
    }))

  test.each([
    { answers: ['0x4000,0xffffffff,0'], says: 'the back end answers base PROTOCOL_VERSION with NOT_SUPPORTED' },
    {
      answers: ['0x4000,0'],
      says: 'the back end answers base PROTOCOL_VERSION with 0 bytes, which do not match its declaration',
    },
    { answers: [], says: 'the answer to header 0x4000 is no answer: header 0xffffffff, 0 bytes' },
  ])('that answers wrong ends it: $says', ({ answers, says }) =>
    inFolder(async folder => {
      const path = join(folder, 'other')
      await otherBackEnd(path, answers)
      await expectFailure(['--socket-path', path, '--mix', 'base', '--depth', '1'], says)
    }),
  )

  test('that says nothing ends it', () =>
    inFolder(async folder => {
      const path = join(folder, 'silent')
      const server = createServer().listen(path)
      onTestFinished(() => void server.close())
      await once(server, 'listening')
      await expectFailure(['--socket-path', path], 'the back end does not answer GET_FEATURES')
    }))

  test('that hangs up ends it', () =>
    inFolder(async folder => {
      const path = join(folder, 'curt')
      const server = createServer(socket => socket.destroy()).listen(path)
      onTestFinished(() => void server.close())
      await once(server, 'listening')
      await expectFailure(['--socket-path', path], /the back end (closed the connection|takes no GET_FEATURES)/)
    }))

  async function expectFailure(args: string[], says: string | RegExp): Promise<void> {
    const { code, stdout, stderr } = await runCommand('bench', ...SHORT, ...args, ...NOTHING_ELSE)
    const lines = stderr
      .trim()
      .split('\n')
      .filter(line => !line.startsWith('bench: '))
    expect(lines, stderr).toHaveLength(1)
    expect(lines[0]).toMatch(/^vhost-user-scmi: /)
    if (says instanceof RegExp) expect(lines[0]).toMatch(says)
    else expect(lines[0]).toContain(says)
    expect([code, stdout]).toEqual([1, ''])
  }
})

describe('refuses', () => {
  test.each([
    { args: ['--depth', '0'], says: 'Write a whole number from 1 to 256.' },
    { args: ['--depth', '1,257'], says: 'Write a whole number from 1 to 256.' },
    { args: ['--guests', '17'], says: 'Write a whole number from 1 to 16.' },
    { args: ['--rounds', 'many'], says: 'Write a whole number from 1 to 1000.' },
    { args: ['--measure-ms', '-5'], says: 'Write a whole number from 1 to 60000.' },
    { args: ['--wait', 'nap'], says: 'Write one or more of spin, sleep, with commas.' },
    { args: ['--descriptors', 'packed'], says: 'Write one or more of indirect, direct, with commas.' },
    { args: ['--event-idx', 'maybe'], says: 'Write one or more of on, off, with commas.' },
    { args: ['--cores', 'two'], says: 'Write one or more of free, one, apart, with commas.' },
    { args: ['--poll-us', 'never'], says: 'Write auto, or a whole number of microseconds up to 1000000.' },
    {
      args: ['--mix', 'clock:0'],
      says: '"clock:0" is not a part of a mix; write protocols with a weight from 1 to 99',
    },
    { args: ['--mix', 'gpio'], says: 'there are base, power, system, perf, clock, sensor, voltage, powercap' },
    { args: ['--platform', 'none', ...NOTHING_ELSE], says: 'none: there is no such preset' },
    { args: ['--guests', '2', '--socket-path', 'x'], says: '--guests 2 needs as many --socket-path options, not 1' },
    {
      args: ['--socket-path', '/nowhere'],
      says: '--socket-path /nowhere: there is no such socket; start the back end first',
    },
    { args: ['--compare', 'a.json'], says: '--compare takes two files, such as --compare before.json after.json' },
    { args: ['--compare', '/nowhere', '/nowhere'], says: '/nowhere: there is no such file' },
    {
      args: ['--report', '/nowhere/x.html', ...SHORT, '--mix', 'base', ...NOTHING_ELSE],
      says: '--report /nowhere/x.html',
    },
    { args: ['--nonsense'], says: "unknown option '--nonsense'" },
    { args: ['extra'], says: 'too many arguments' },
  ])('$args in one line, with exit code 2', async ({ args, says }) => {
    const { code, stdout, stderr } = await runCommand('bench', ...args)
    const lines = stderr
      .trim()
      .split('\n')
      .filter(line => !line.startsWith('bench: '))
    expect(lines, stderr).toHaveLength(1)
    expect(lines[0]).toContain(says)
    expect([code, stdout]).toEqual([2, ''])
  })

  test('a file to compare that --json did not print', () =>
    inFolder(async folder => {
      const path = join(folder, 'wrong.json')
      writeFileSync(path, '{"format":"vhost-user-scmi bench 1","cells":7}')
      const { code, stderr } = await runCommand('bench', '--compare', path, path)
      expect(stderr.trim()).toMatch(/^vhost-user-scmi: .*wrong\.json is not what "bench --json" prints: /)
      expect(code).toBe(2)
    }))
})

test('--compare shows what changed, floors included', () =>
  inFolder(async folder => {
    const args = ['--mix', 'base', '--depth', '4', '--wait', 'sleep', ...NOTHING_ELSE]
    const result = await measured(...args)
    const [before, after] = ['before', 'after'].map(name => join(folder, name)) as [string, string]
    writeFileSync(before, JSON.stringify(result))
    const faster = result.cells.map(cell => ({ ...cell, rate: cell.rate * 2 }))
    writeFileSync(after, JSON.stringify({ ...result, cells: faster }))
    const { code, stdout } = await runCommand('bench', '--compare', before, after)
    expect(code).toBe(0)
    for (const name of ['busy loop', 'event loop', 'native floor', 'device']) {
      expect(stdout).toMatch(new RegExp(`^${name} +sleep .* base +4 +\\S+ \\S+ +\\S+ \\S+ +2 `, 'm'))
    }
    const json = JSON.parse((await runCommand('bench', '--compare', before, after, '--json')).stdout)
    expect(json.map(({ rate }: { rate: number }) => rate)).toEqual([2, 2, 2, 2])
  }))

test.each(['SIGINT', 'SIGTERM'] as const)('%s ends it: no process, no file is left', async signal => {
  const folders = () => readdirSync(tmpdir()).filter(name => name.startsWith('scmi-bench-'))
  const before = folders()
  const command = new RunningCommand(['bench', '--mix', 'base', '--depth', '1'])
  await command.said(/round 1/)
  const children = childrenOf(command.child.pid!)
  expect(children.length).toBeGreaterThan(2)
  expect(await command.stop(signal)).toBe(130)
  expect(command.stderr).not.toMatch(/^vhost-user-scmi: |\n\s+at /m)
  expect(folders().filter(name => !before.includes(name))).toEqual([])
  for (const pid of children) expect(() => process.kill(pid, 0)).toThrow('ESRCH')
})

function childrenOf(pid: number): number[] {
  const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return list === '' ? [] : list.split(' ').map(Number)
}
