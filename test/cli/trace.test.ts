/** `--trace` and `vhost-user-scmi trace`, as they are used: the built command, with a mock driver's traffic. */
import { spawn } from 'node:child_process'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { until } from '../../src/front-end/wait.js'
import { PacketReader } from '../../src/trace/packets.js'
import { CAPACITY, Guest } from '../driver/guest.js'
import { inFolder, RunningCommand, runCommand } from './command.js'

const CLI = join(import.meta.dirname, '../../dist/src/cli.js')
const PLATFORM = `
vendor: acme
protocols: { clock: { max_pending_async: 2 } }
clocks: [{ name: cpu, rates: [600 MHz, 900 MHz], latency: 1 ms }, { name: uart, rate: 24 MHz }]
sensors: [{ name: soc, type: celsius, scale: -3, value: { sine: { mean: 45, amplitude: 5, period: 1 s } } }]
`
const BASE = 0x10
const CLOCK = 0x14
const SENSOR = 0x15

/** Serves a platform file with a trace, sends messages of a driver, and stops it. Returns the command's output. */
async function record(folder: string, file: string, signal: NodeJS.Signals, platform = PLATFORM): Promise<string> {
  const board = join(folder, 'board.yaml')
  writeFileSync(board, platform)
  const socket = join(folder, 'scmi.sock')
  const command = new RunningCommand(['--socket-path', socket, '--platform', board, '--trace', file])
  await command.said(/ready/)
  const guest = new Guest()
  try {
    await guest.connect(FrontEnd.connect(socket))
    guest.driver.postEventBuffers(8, CAPACITY)
    await talk(guest)
    await until(() => guest.driver.eventq.usedIdx === 2, 'a notification and a delayed response')
    // The trace is written a few milliseconds later.
    await until(() => readFileSync(file).includes('CLOCK_RATE_SET'), 'the messages in the file')
  } finally {
    guest.close()
  }
  const code = await command.stop(signal)
  expect(code).toBe(signal === 'SIGKILL' ? 'SIGKILL' : 0)
  return command.stderr
}

async function talk(guest: Guest): Promise<void> {
  await guest.send(BASE, 0x0)
  for (let i = 0; i < 20; i++) await guest.send(SENSOR, 0x6, 0, 0)
  await guest.send(CLOCK, 0x6, 1)
  await guest.send(CLOCK, 0x6, 9)
  await guest.send(CLOCK, 0x9, 0, 1)
  await guest.send(CLOCK, 0x5, 1, 0, 900e6, 0)
}

describe('a trace of the command', () => {
  let trace = Buffer.alloc(0)
  let said = ''
  const use = <T>(work: (file: string, folder: string) => Promise<T>): Promise<T> =>
    inFolder(folder => {
      const file = join(folder, 'trace')
      writeFileSync(file, trace)
      return work(file, folder)
    })
  beforeAll(() =>
    inFolder(async folder => {
      const file = join(folder, 'trace')
      said = await record(folder, file, 'SIGTERM')
      trace = readFileSync(file)
    }),
  )

  test('is logged when it begins and ends', () => {
    expect(said).toMatch(/recording a trace to .*trace/)
    expect(said).toMatch(/trace .*trace: 27 messages, 0 dropped/)
  })

  test('show prints it like strace', () =>
    use(async file => {
      const { code, stdout, stderr } = await runCommand('trace', 'show', file)
      expect([code, stderr]).toEqual([0, ''])
      const lines = stdout.trimEnd().split('\n')
      expect(lines[0]).toMatch(/^ +0\.000000 +\* trace$/)
      expect(lines.at(-1)).toMatch(/end of trace$/)
      expect(stdout).toMatch(/^ +\d+\.\d{6} guest \* driver started event_queue=1$/m)
      expect(stdout).toMatch(
        /^ +\d+\.\d{6} guest clock CLOCK_RATE_GET\(clock_id=1\) #1 = SUCCESS \{rate=24000000\} <[\d.]+ (us|ms|s)>$/m,
      )
      expect(stdout).toMatch(/CLOCK_RATE_GET\(clock_id=9\) #1 = NOT_FOUND <[\d.]+ (us|ms|s)>$/m)
      expect(stdout).toMatch(
        /CLOCK_RATE_SET\(flags=1, clock_id=0, rate=900000000\) #1 = SUCCESS <[^>]+>, delayed = SUCCESS \{clock_id=0, rate=900000000\} <[^>]+>$/m,
      )
      expect(stdout).toMatch(/! clock CLOCK_RATE_CHANGED\(agent_id=1, clock_id=0, rate=900000000\)$/m)
      expect(stdout).not.toContain('\x1b[')
    }))

  test('show --values shows the resources, too', () =>
    use(async file => {
      const { stdout } = await runCommand('trace', 'show', file, '--values')
      expect(stdout).toMatch(/ {2}clock\.cpu\.rate = 600000000 Hz$/m)
      expect(stdout).toMatch(/ {2}sensor\.soc\.value = (4\d(\.\d+)?|50) °C$/m)
    }))

  test.each([
    { filters: ['protocol=clock'], count: 5 },
    { filters: ['protocol=clock', 'status!=SUCCESS'], count: 1 },
    { filters: ['status=NOT_FOUND'], count: 1 },
    { filters: ['message=*_GET', 'protocol=clock,base'], count: 2 },
    { filters: ['clock_id=9'], count: 1 },
    { filters: ['kind=notification'], count: 1 },
    { filters: ['latency>10s'], count: 0 },
    { filters: ['latency<10s', 'kind=command'], count: 25 },
    { filters: ['rate>500000000'], count: 2 },
  ])('show --filter $filters leaves $count', ({ filters, count }) =>
    use(async file => {
      const options = filters.flatMap(filter => ['--filter', filter])
      const { code, stdout, stderr } = await runCommand('trace', 'show', file, '--json', ...options)
      expect([code, stderr]).toEqual([0, ''])
      expect(stdout.split('\n').filter(Boolean)).toHaveLength(count)
    }),
  )

  test('show --json is one object a line', () =>
    use(async file => {
      const { stdout } = await runCommand('trace', 'show', file, '--json', '--filter', 'protocol=clock')
      const messages = stdout
        .trim()
        .split('\n')
        .map(line => JSON.parse(line))
      expect(messages[0]).toEqual({
        time_us: expect.any(Number),
        kind: 'command',
        agent: 'guest',
        protocol: 'clock',
        message: 'CLOCK_RATE_GET',
        token: 1,
        request: { clock_id: 1 },
        status: 'SUCCESS',
        reply: { rate: 24e6 },
        latency_us: expect.any(Number),
        request_bytes: '06 50 04 00 01 00 00 00',
        reply_bytes: '06 50 04 00 00 00 00 00 00 36 6e 01 00 00 00 00',
      })
      expect(messages.find(({ message }) => message === 'CLOCK_RATE_SET').delayed).toMatchObject({ status: 'SUCCESS' })
    }))

  test('replay on its own platform has no differences, even with a changing sensor', () =>
    use(async file => {
      const { code, stdout, stderr } = await runCommand('trace', 'replay', file)
      expect([code, stderr]).toEqual([0, ''])
      expect(stdout).toMatch(/^25 commands and 2 events: the same on .*board\.yaml\n$/)
    }))

  test('replay on another platform says what differs, with exit code 1', () =>
    use(async (file, folder) => {
      const board = join(folder, 'other.yaml')
      writeFileSync(board, PLATFORM.replace('24 MHz', '48 MHz'))
      const { code, stdout, stderr } = await runCommand('trace', 'replay', file, '--platform', board)
      expect(code).toBe(1)
      expect(stderr).toBe(`vhost-user-scmi: 1 of 25 commands and 2 events differ on ${board}\n`)
      expect(stdout).toMatch(
        /^- .*CLOCK_RATE_GET\(clock_id=1\) #1 = SUCCESS \{rate=24000000\} <.*>\n\+ +(.*) = SUCCESS \{rate=48000000\} <.*> {2}\(rate\)\n$/m,
      )
      const ignored = await runCommand('trace', 'replay', file, '--platform', board, '--ignore', 'rate')
      expect([ignored.code, ignored.stderr]).toEqual([0, ''])
      const json = await runCommand('trace', 'replay', file, '--platform', board, '--json')
      expect(JSON.parse(json.stdout)).toMatchObject({ commands: 25, events: 2, differences: [{ fields: ['rate'] }] })
    }))

  test('replay refuses a wrong platform in one line, with exit code 2', () =>
    use(async file => {
      const { code, stderr } = await runCommand('trace', 'replay', file, '--platform', 'nonsense')
      expect([code, stderr]).toEqual([
        2,
        expect.stringMatching(/^vhost-user-scmi: nonsense: there is no such preset.*\n$/),
      ])
    }))

  test('diff of a trace with itself is empty; of two, it lists what only one has', () =>
    use(async (file, folder) => {
      const copy = join(folder, 'copy')
      copyFileSync(file, copy)
      const same = await runCommand('trace', 'diff', file, copy)
      expect([same.code, same.stdout, same.stderr]).toEqual([0, `${file} and ${copy}: the same messages\n`, ''])
      const other = join(folder, 'other')
      await record(folder, other, 'SIGINT', PLATFORM.replace('24 MHz', '48 MHz'))
      const { code, stdout, stderr } = await runCommand('trace', 'diff', file, other, '--ignore', 'sensor')
      expect(stdout).toMatch(
        /^guest clock\n- clock CLOCK_RATE_GET\(clock_id=1\) .*\{rate=24000000\}.*\n\+ .*\{rate=48000000\}.*\n$/,
      )
      expect([code, stderr]).toEqual([1, `vhost-user-scmi: 2 messages are only in one of ${file} and ${other}\n`])
      const ignored = await runCommand('trace', 'diff', file, other, '--ignore', 'sensor', '--ignore', 'rate')
      expect(ignored.code).toBe(0)
    }))

  test('a trace of a killed process is shown up to its end, with a warning', () =>
    inFolder(async folder => {
      const file = join(folder, 'trace')
      await record(folder, file, 'SIGKILL')
      const { code, stdout, stderr } = await runCommand('trace', 'show', file)
      expect(stdout).toContain('CLOCK_RATE_SET(flags=1')
      expect([code, stderr]).toEqual([0, expect.stringMatching(/trace: incomplete: /)])
    }))
})

describe('a wrong file or option is one line, with exit code 2', () => {
  test.each([
    { args: ['show', '/nowhere'], says: '/nowhere: there is no such file' },
    { args: ['show', import.meta.dirname], says: ': is a folder; give a file' },
    { args: ['show', import.meta.filename], says: "trace.test.ts: not a trace in Perfetto's format" },
    { args: ['show', '/dev/null'], says: '/dev/null: ends before the trace has begun' },
    { args: ['show', 'x', '--filter', 'clock'], says: '--filter clock: write NAME=VALUE, NAME!=VALUE' },
    { args: ['show', 'x', '--filter', 'latency>fast'], says: 'fast is not a time such as 1ms' },
    { args: ['replay'], says: "missing required argument 'file'" },
    { args: ['diff', 'x'], says: "missing required argument 'other'" },
  ])('trace $args', async ({ args, says }) => {
    const { code, stdout, stderr } = await runCommand('trace', ...args)
    expect(stderr).toContain(says)
    expect([code, stdout]).toEqual([2, ''])
  })

  test('--trace to a path that can not be written', () =>
    inFolder(async folder => {
      const { code, stderr } = await runCommand('--socket-path', join(folder, 's'), '--trace', '/nowhere/trace')
      expect([code, stderr]).toEqual([
        2,
        'vhost-user-scmi: /nowhere/trace: there is no folder /nowhere; make it, or give another file\n',
      ])
    }))
})

test('a full disk ends the trace with whole packets, but not the device', () =>
  inFolder(async folder => {
    const [file, socket] = [join(folder, 'trace'), join(folder, 's')]
    // A file size limit of 24 KiB, and no SIGXFSZ: the process gets only the error.
    const limited = `trap '' XFSZ; ulimit -f 24; exec "$0" "$@"`
    const args = [CLI, '--socket-path', socket, '--trace', file]
    const child = spawn('bash', ['-c', limited, process.execPath, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.on('data', data => (said += data))
    const ended = new Promise(resolve => child.on('close', resolve))
    const guest = new Guest()
    try {
      await until(() => said.includes('ready'), 'it is ready')
      await guest.connect(FrontEnd.connect(socket))
      await guest.send(BASE, 0x0)
      await until(() => readFileSync(file).includes('PROTOCOL_VERSION'), 'a message in the file')
      // More than fit. They may be written all at once, and then the file has none of them.
      for (let i = 0; i < 400; i++) await guest.send(BASE, 0x0)
      await until(() => said.includes('ERROR'), 'an error')
      expect(await guest.send(BASE, 0x0)).toEqual([0, 0x20001])
    } finally {
      guest.close()
      child.kill()
    }
    expect(await ended).toBe(0)
    expect(said).toMatch(/ERROR: trace \S+: file too large; it ends here, with \d+ messages\n/)
    const { code, stdout } = await runCommand('trace', 'show', file)
    expect(code).toBe(0)
    expect(stdout.match(/PROTOCOL_VERSION/g)!.length).toBeGreaterThan(0)
    const reader = new PacketReader(file)
    expect([...reader.packets()].length).toBeGreaterThan(10)
    expect(reader.cutOff).toBe(0)
  }))

test('--help teaches with examples', async () => {
  const { code, stdout } = await runCommand('trace', '--help')
  expect(code).toBe(0)
  for (const word of ['show', 'replay', 'diff', 'ui.perfetto.dev', '--ignore', 'Exit codes'])
    expect(stdout).toContain(word)
})
