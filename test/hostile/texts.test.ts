/**
 * Names and texts with escape sequences from all sources: what reaches a terminal or a log is on one line of bounded length,
 * without control sequences.
 */
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Server as GrpcServer, ServerCredentials, type UntypedHandleCall } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { ControlClient } from '../../src/access/control/client.js'
import { serviceDefinition } from '../../src/access/control/schema.js'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { inFolder, RunningCommand, runCommand } from '../cli/command.js'
import { Guest } from '../driver/guest.js'

const LIMIT_MS = 120_000
const CLOCK = 0x14
const NASTY = '\x1b[2J\x1b]0;title\x07\x9b31m\u202ex\u2028\x7f'
/** The same text, escaped for double quotes in YAML. */
const YAML = NASTY.replace(/[^ -~]/g, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
/** Names in a platform file are ASCII; what describes it is not. */
const NAME = 'name_that_a_trace_has_and_is_long_enough'
const PLATFORM = `
vendor: acme
description: "d${YAML}"
agents: [{ name: an_agent_s_name }]
clocks: [{ name: ${NAME}, rates: [1 MHz, 2 MHz] }]
sensors: [{ name: soc, type: celsius, value: 25 }]
`

/** Line feeds are the program's own; tabs are allowed in completions. */
function expectFit(text: string, { tabs = false, longest = 60_000 } = {}): void {
  const rest = text.replaceAll('\n', '').replaceAll(tabs ? '\t' : '', '')
  expect(rest).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
  expect(Math.max(...text.split('\n').map(line => line.length))).toBeLessThan(longest)
}

/** Runs a command whose output must be clean and contain the text in its escaped form. */
async function expectShown(...args: string[]): Promise<string> {
  const { stdout, stderr } = await runCommand(...args)
  const text = stdout + stderr
  expect(text, args.join(' ')).toMatch(/\\x1b|\\u001b/)
  expectFit(text, { tabs: args.includes('complete') })
  return text
}

describe('escape sequences', () => {
  it(
    'in names of options, files, presets and plug-ins, and in errors of a platform file',
    () =>
      inFolder(async folder => {
        const file = join(folder, `f${NASTY}.yaml`)
        for (const text of [
          `nonsense${YAML}: 1`,
          `clocks: [{ name: a, "k${YAML}": 1 }]`,
          `clocks: [{ name: a, rate: "${YAML}" }]`,
          `clocks: [{ name: a, parents: ["${YAML}"] }]`,
          `"${YAML}": [`,
          `vendor: *${'\x7f'}x`,
          'vendor: \x1b[2J',
        ]) {
          writeFileSync(file, text)
          const { code, stderr } = await runCommand('platform', 'check', file)
          expect(code, text).toBe(2)
          expectFit(stderr)
          // The error, and perhaps a summary.
          expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(2)
        }
        await expectShown('platform', 'check', `${folder}/none${NASTY}`)
        await expectShown('platform', 'show', NASTY)
        await expectShown('platform', 'show', 'demo', '--agent', NASTY)
        await expectShown('platform', 'show', 'demo', '--plugin', NASTY)
        await expectShown(`--${NASTY}`)
        await expectShown('--log-level', NASTY)
        await expectShown('trace', 'show', `${folder}/none${NASTY}`)
        await expectShown('ctl', '--control', `${folder}/none${NASTY}`, 'show')
        mkdirSync(join(folder, NASTY))
        await expectShown('--socket-path', join(folder, NASTY, 'no', 'folder'))
      }),
    LIMIT_MS,
  )

  it(
    'in descriptions of a platform, and in requests to a device',
    () =>
      inFolder(async folder => {
        const file = join(folder, 'board.yaml')
        writeFileSync(file, PLATFORM)
        await expectShown('platform', 'show', file)
        await expectShown('platform', 'show', file, '--json')
        const [path, control, trace] = ['socket', 'control', 'trace'].map(name => join(folder, name)) as Names
        const words = ['--socket-path', path, '--platform', file, '--control', control, '--trace', trace]
        const device = new RunningCommand([...words, '--log-level', 'debug'])
        await device.said(/ready/)
        const guest = new Guest()
        await guest.connect(FrontEnd.connect(path))
        await guest.send(CLOCK, 0x3, 0)
        await guest.send(CLOCK, 0x6, 0)
        const ctl = (...args: string[]) => expectShown('ctl', '--control', control, ...args)
        await ctl('show')
        await ctl('show', '--json')
        await ctl('get', `clock.${NASTY}`)
        await ctl('set', NASTY, '2 MHz')
        await ctl('set', `clock.${NAME}`, NASTY)
        await ctl('notify', NASTY, 'X')
        await ctl('notify', 'clock', NASTY)
        await ctl('fault', 'add', '--message', NASTY, '--drop')
        await ctl('fault', 'add', '--agent', NASTY, '--drop')
        await ctl('messages', '--protocol', NASTY)
        await ctl('show', '--agent', NASTY)
        guest.close()
        expect(await device.stop()).toBe(0)
        expectFit(device.stderr)

        const whole = join(folder, 'whole')
        writeFileSync(whole, readFileSync(trace))
        const bytes = readFileSync(trace)
        for (const name of [NAME, 'an_agent_s_name', 'CLOCK_ATTRIBUTES', 'SUCCESS', 'clock_id']) spoil(bytes, name)
        writeFileSync(trace, bytes)
        for (const [command, ...more] of [
          ['show'],
          ['show', '--values'],
          ['show', '--json'],
          ['diff', whole],
        ] as const) {
          await expectShown('trace', command, trace, ...more)
        }
      }),
    LIMIT_MS,
  )

  it('in the log, as text and as JSON', async () => {
    for (const json of [false, true]) {
      const { stderr } = await logged(json)
      expect(stderr).toMatch(/\\x1b|\\u001b/)
      expectFit(stderr)
      expect(stderr.split('\n').filter(line => line.includes('once')).length).toBe(1)
      expect(stderr.length).toBeLessThan(60_000)
    }
  })

  it(
    'in replies of a socket that only looks like a device',
    () =>
      inFolder(async folder => {
        const path = join(folder, 'control')
        const server = await fakeDevice(path)
        const client = await ControlClient.open(path)
        client.close()
        for (const words of [
          ['show'],
          ['show', 'clock'],
          ['show', '--agent', 'a'],
          ['get', 'clock'],
          ['get', 'clock', 'sensor'],
          ['set', 'clock', '1'],
          ['stats'],
          ['notify', 'clock', 'X'],
          ['power', 'shutdown'],
          ['fault', 'list'],
          ['trace', 'status'],
          ['watch'],
          ['messages'],
        ]) {
          await expectShown('ctl', '--control', path, ...words)
          await expectShown('ctl', '--control', path, '--json', ...words)
        }
        server.forceShutdown()
      }),
    LIMIT_MS,
  )
})

/** Serves the control service with a nasty text in every text field. */
async function fakeDevice(path: string): Promise<GrpcServer> {
  const reading = { address: `clock.${NASTY}`, text: NASTY, unit: NASTY, shown: NASTY }
  const property = {
    name: NASTY,
    address: reading.address,
    description: NASTY,
    type: 'text',
    allowed: NASTY,
    settable: true,
  }
  const row = { structValue: { fields: { [NASTY]: { stringValue: NASTY } } } }
  const agent = { agent: NASTY, name: NASTY, endpoint: NASTY, protocols: [NASTY], messages: 1 }
  const replies: Record<string, object> = {
    Describe: {
      version: NASTY,
      vendor: NASTY,
      description: NASTY,
      agents: [agent],
      resources: [{ kind: NASTY, name: NASTY, address: `clock.${NASTY}`, main: NASTY, properties: [property] }],
    },
    DescribeAgent: { agent: NASTY, tables: { [NASTY]: [{ [NASTY]: NASTY }] }, row },
    Get: { readings: [reading, reading] },
    Set: { reading, notified: [NASTY] },
    Notify: { notified: [NASTY] },
    RequestPower: { notified: [NASTY] },
    ListFaults: { faults: [{ id: 1, rule: { [NASTY]: NASTY } }] },
    GetStats: {
      agents: [
        {
          agent: NASTY,
          messages: 1,
          latency_ns: { p50: 1, p99: 1, p999: 1, max: 1 },
          protocols: [
            { id: 1, name: NASTY, messages: [{ id: 1, name: NASTY, statuses: { [NASTY]: 1 }, latency: {} }] },
          ],
        },
      ],
    },
    GetTrace: { file: NASTY, recording: true },
    Watch: { readings: [reading] },
    StreamMessages: { messages: [{ agent: NASTY, shown: NASTY, protocol: NASTY, message: NASTY }], omitted: 1 },
  }
  const service = serviceDefinition()
  const handlers = Object.entries(service).map(([name, { responseStream }]): [string, UntypedHandleCall] => [
    name,
    responseStream
      ? (call: { write(message: object): void; end(): void }) => {
          call.write(replies[name] ?? {})
          call.end()
        }
      : (_call: unknown, callback: (error: object | null, reply: object) => void) =>
          callback(null, replies[name] ?? {}),
  ])
  const server = new GrpcServer()
  server.addService(service, Object.fromEntries(handlers))
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), error => (error ? reject(error) : resolve()))
  })
  return server
}

type Names = [string, string, string]

/** Replaces a name by control characters, wherever it occurs. */
function spoil(bytes: Buffer, name: string): void {
  const spoilt = Buffer.from(`\x1b[2J${name}`).subarray(0, name.length)
  for (let at = bytes.indexOf(name); at >= 0; at = bytes.indexOf(name, at + name.length)) spoilt.copy(bytes, at)
}

/** Runs a program that logs nasty texts; returns its output. */
function logged(json: boolean): Promise<{ stderr: string }> {
  const module = JSON.stringify(join(import.meta.dirname, '../../dist/src/support/log.js'))
  const text = JSON.stringify(NASTY)
  const program = `
    import { createLogger } from ${module}
    const log = createLogger({ level: 'info', json: ${json} })
    log.info('once ' + ${text} + '\\n')
    log.child({ agent: ${text} }).warn('an agent')
    log.error(new Error(${text}), 'a bug')
    log.info(${text}.repeat(100_000))`
  return new Promise((resolve, reject) => {
    execFile(process.execPath, ['--input-type=module', '-e', program], (error, _, stderr) => {
      if (error) reject(error)
      else resolve({ stderr })
    })
  })
}
