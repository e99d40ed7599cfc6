/** Traces of real guests: the device's messages and the guest kernel's events on one time line. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { boot } from '../../qemu/boot/boot.js'
import { hexText } from '../../src/observe/messages.js'
import { type Recording, readTrace, type TracedMessage, type TracedMoment } from '../../src/trace/reader.js'
import { replay } from '../../src/trace/replay.js'
import { runCommand } from '../cli/command.js'
import { readmeLines, runLine } from '../support/readme.js'
import { KERNEL_LIMIT_MS, testKernel } from './kernel.js'
import { LabCommand } from './lab-command.js'

const LIMIT_MS = 120_000
const CLOCK = 0x14
const RATE_GET = 0x6

let kernel: string
const folder = mkdtempSync(join(tmpdir(), 'scmi-trace-'))
beforeAll(async () => {
  kernel = await testKernel()
}, KERNEL_LIMIT_MS)
afterAll(() => rmSync(folder, { recursive: true }))

const commandsOf = ({ events }: Recording): TracedMessage[] =>
  events.flatMap(event => (event.what === 'message' && event.kind === 'command' ? event : []))

const kernelEvents = ({ events }: Recording): TracedMoment[] =>
  events.flatMap(event => (event.what === 'moment' && event.category === 'kernel' ? event : []))

describe('a trace of a guest', () => {
  const path = join(folder, 'trace')
  let recording: Recording
  let messages = 0
  beforeAll(async () => {
    const guest = await boot({ kernel, platform: 'demo', trace: path })
    const trace = guest.server!.trace!
    try {
      await guest.check('for i in $(seq 20); do cat /sys/class/hwmon/hwmon*/temp1_input; done')
      expect(await guest.scmi(CLOCK, RATE_GET, [0])).toEqual({ status: 0, words: [24e6, 0] })
      // The kernel's events are added later, in order; its thermal zones keep reading meanwhile.
      const before = commandsOf(readTrace(path)).length
      const isWhole = () => {
        const sofar = readTrace(path)
        const seen = new Set(kernelEvents(sofar).map(({ command }) => command))
        return commandsOf(sofar).some((command, i) => i >= before && seen.has(command))
      }
      await vi.waitUntil(isWhole, { timeout: 60_000, interval: 500 })
      messages = guest.server!.device.stats().messages
    } finally {
      await guest.close()
    }
    await trace.stop()
    recording = readTrace(path)
  }, LIMIT_MS)

  test('has every message that the device answered', () => {
    expect(recording.complete).toBe(true)
    expect(commandsOf(recording).length).toBeGreaterThanOrEqual(messages)
    expect(messages).toBeGreaterThan(80)
  })

  test('has the payloads that the kernel dumped, byte by byte', () => {
    const dumped = (tag: string): string[] =>
      kernelEvents(recording).flatMap(({ name, values }) =>
        name === 'scmi_msg_dump' && values.t === tag
          ? `${values.pt} ${values.msg_id} ${(Number(`0x${values.seq}`) & 0x3ff).toString(16)} ${values.pyld}`.toLowerCase()
          : [],
      )
    const traced = (payload: (message: TracedMessage) => Uint8Array): string[] =>
      commandsOf(recording).map(message => {
        const header = new DataView(message.requestBytes.buffer, message.requestBytes.byteOffset).getUint32(0, true)
        const [id, protocol] = [header & 0xff, (header >>> 10) & 0xff]
        const hex = (value: number) => value.toString(16).padStart(2, '0')
        return `${hex(protocol)} ${hex(id)} ${message.token?.toString(16)} ${hexText(payload(message)).replaceAll(' ', '')}`
      })
    const commands = dumped('CMND')
    expect(commands.length).toBeGreaterThan(80)
    // The kernel dumps a command after it sent it, from a buffer that it shares with the response (drivers.c, do_xfer):
    // where the answer was faster, the dump has the answer's first bytes.
    const sent = traced(({ requestBytes }) => requestBytes.subarray(4))
    const overtaken = traced(({ requestBytes, replyBytes }) => replyBytes.subarray(8, 8 + requestBytes.length - 4))
    expect([...sent, ...overtaken]).toEqual(expect.arrayContaining(commands))
    expect(sent.filter(command => commands.includes(command)).length).toBeGreaterThan(commands.length / 2)
    const responses = dumped('RESP')
    expect(responses.length).toBeGreaterThan(80)
    expect(traced(({ replyBytes }) => replyBytes.subarray(8))).toEqual(expect.arrayContaining(responses))
  })

  test("joins the kernel's transfers with their commands, each within what the kernel saw, as exactly as the trace says", () => {
    const [clock] = recording.events.flatMap(event =>
      event.what === 'moment' && event.name === "the guest's clock" ? Number(event.values.error_ns) : [],
    )
    expect(clock).toBeGreaterThan(0)
    expect(clock).toBeLessThan(5e6)
    const transfers = kernelEvents(recording).filter(({ endNs }) => endNs !== undefined)
    const joined = transfers.filter(({ command }) => command)
    // scmi-raw bypasses the kernel's transfers.
    expect(joined.length).toBeGreaterThan(80)
    expect(joined.length).toBe(transfers.length)
    expect(new Set(joined.map(({ command }) => command)).size).toBe(joined.length)
    for (const { name, protocol, timeNs, endNs, command } of joined) {
      expect([command!.message, command!.protocol]).toEqual([name, protocol])
      expect(command!.timeNs).toBeGreaterThanOrEqual(timeNs - clock! - 2000)
      expect(command!.timeNs).toBeLessThanOrEqual(endNs! + clock! + 2000)
    }
  })

  test('has no differences when it is replayed, even with changing sensors', async () => {
    const { commands, differences } = await replay(recording, { ignored: new Set() })
    expect(differences).toEqual([])
    expect(commands).toBe(commandsOf(recording).length)
  })

  test("is read by Google's protoc, by Perfetto's layout, with as many slices as there are commands and transfers", () => {
    const proto = join(import.meta.dirname, '../../src/trace/perfetto.proto')
    const args = [`-I${join(proto, '..')}`, '--decode=perfetto.protos.Trace', proto]
    const { status, stdout } = spawnSync('protoc', args, { input: readFileSync(path), maxBuffer: 256 << 20 })
    expect(status).toBe(0)
    const text = String(stdout)
    // A field that the layout lacks would be shown as a number.
    expect(text).not.toMatch(/^\s*\d+[:{ ]/m)
    const transfers = kernelEvents(recording).filter(({ endNs }) => endNs !== undefined)
    const responses = recording.events.filter(event => event.what === 'message' && event.kind === 'delayed response')
    const slices = commandsOf(recording).length + transfers.length + responses.length
    expect(text.match(/type: TYPE_SLICE_BEGIN/g)).toHaveLength(slices)
    expect(text.match(/type: TYPE_SLICE_END/g)).toHaveLength(slices)
  })

  test('shows both sides in order of time', async () => {
    const { stdout } = await runCommand('trace', 'show', path)
    expect(stdout).toMatch(
      /~ kernel sensor SENSOR_READING_GET\(task="cat"[^\n]*\n(?:[^\n]*~ kernel[^\n]*\n)+ +\d+\.\d+ guest sensor SENSOR_READING_GET/,
    )
  })
})

test(
  'scmi-lab boot --trace records both sides while the user works in the shell',
  async () => {
    const path = join(folder, 'boot')
    const command = new LabCommand(['boot', '--kernel', kernel, '--trace', path], {}, 'terminal')
    await command.heard(/guest:~# /)
    command.type('cat /sys/class/hwmon/hwmon*/temp1_input; echo shell-$((40 + 2))\n')
    await command.heard(/shell-42/)
    await expect
      .poll(() => kernelEvents(readTrace(path)).length, { timeout: 60_000, interval: 500 })
      .toBeGreaterThan(100)
    command.type('exit\n')
    expect(await command.ended).toBe(0)
    expect(command.stdout).toMatch(
      /scmi-lab: trace \S+: \d+ messages, 0 not recorded, \d+ events of the kernel, clocks compared to within \d+ us/,
    )
    expect(readTrace(path).complete).toBe(true)
    const [boot, ...commands] = readmeLines('boot --trace')
    expect(boot).toMatch(/^npx scmi-lab boot --trace boot\.pftrace /)
    for (const line of commands) {
      const { code, stdout, stderr } = await runLine(line.replace('boot.pftrace', path))
      expect([code, stderr], line).toEqual([0, ''])
      expect(stdout, line).not.toBe('')
    }
  },
  LIMIT_MS,
)

test('scmi-lab boot --trace reports a file that can not be written in one line', async () => {
  const command = new LabCommand(['boot', '--kernel', kernel, '--trace', '/nowhere/trace'])
  expect(await command.ended).toBe(2)
  expect(command.stderr).toBe('scmi-lab: /nowhere/trace: there is no folder /nowhere; make it, or give another file\n')
})
