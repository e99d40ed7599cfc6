/**
 * The guest's own view in a trace: follows the kernel's `scmi:*` events from the guest's trace_pipe, and gives them to the
 * trace that the device records, on one time line with its messages.
 */
import { MessageDecoder } from '../../src/observe/messages.js'
import type { TapRecords } from '../../src/observe/tap-records.js'
import { monotonicUs } from '../../src/platform/core/time.js'
import type { KernelEvent } from '../../src/trace/events.js'
import { COMMAND, HEADER_SIZE, packHeader } from '../../src/wire/header.js'
import type { Server } from '../devices/device.js'
import type { Channel } from '../guest/channel.js'
import { WorkError } from '../support/errors.js'
import { GuestClock } from './clock.js'
import { type Instant, isTransfer, parseLine, type TraceLine, type Transfer, Transfers } from './events.js'

/** Words for the kernel's command line: every SCMI event from the first on, by a clock that nobody sets. */
export const KERNEL_TRACE_WORDS = ['trace_event=scmi', 'trace_clock=mono', 'trace_buf_size=4M']

const TRACEFS = '/sys/kernel/tracing'
const MARK = 'lab-clock'
const MARK_EVERY_MS = 5000
/** Long enough for the device's side of a command to be known, which is a few milliseconds late. */
const WRITE_EVERY_MS = 200
const JOB_LIMIT_MS = 10_000
/** Of one header: tokens come again. */
const ARRIVALS_MAX = 16

const nowNs = (): number => Math.round(monotonicUs() * 1000)

/** A command as the device saw it. */
interface Command {
  arrivedNs: number
  token: number
}

export class KernelTrace {
  readonly #server: Server
  readonly #decoder: MessageDecoder
  readonly #clock = new GuestClock()
  readonly #transfers = new Transfers()
  /** By header: arrivals of commands that no transfer has claimed. */
  readonly #arrivals = new Map<number, number[]>()
  readonly #unlisten: () => void
  readonly #timers: NodeJS.Timeout[] = []
  /** By number: when a mark was asked for, and when it was there. */
  readonly #marks = new Map<string, { fromNs: number; toNs: number }>()
  #fresh: (Transfer | Instant)[] = []
  #waiting: (Transfer | Instant)[] = []
  #unfinished = ''
  #writtenOffset: number | undefined
  /** Events in the trace. */
  events = 0

  /** Begins to see the device's side. The device records a trace with `withKernel`. */
  constructor(server: Server) {
    this.#server = server
    this.#decoder = new MessageDecoder(server.protocols)
    this.#unlisten = server.tap.listen(records => this.#see(records))
  }

  /** Half of the interval that the guest's clock is known to lie in, in nanoseconds. */
  get errorNs(): number {
    return this.#clock.errorNs
  }

  /** Follows the guest's kernel from its first event on. Throws WorkError if it can't be followed. */
  async follow(channel: Channel): Promise<void> {
    const mount = `mkdir -p ${TRACEFS}; grep -q ' ${TRACEFS} ' /proc/mounts || mount -t tracefs tracefs ${TRACEFS}`
    const test = `[ -d ${TRACEFS}/events/scmi ] || { echo the kernel has no scmi events; exit 1; }`
    const { value, stdout, stderr } = await channel.job('run', JOB_LIMIT_MS, `${mount} && ${test}`).ended
    if (value !== 0) throw new WorkError(`the guest's kernel can't be traced: ${stdout}${stderr}`.trim())
    // Not cat: busybox's has the kernel move the text from pipe to pipe, and parts of it do not arrive (seen with Linux 7.3).
    const copy = `exec dd if=${TRACEFS}/trace_pipe bs=4096`
    // Without a limit: it ends with the guest, and is no failure then.
    const pipe = channel.job('run', 0, copy, undefined, chunk => this.#read(chunk))
    pipe.ended.catch(() => undefined)
    await this.#mark(channel)
    const again = (): void => void this.#mark(channel).catch(() => undefined)
    this.#timers.push(
      setInterval(again, MARK_EVERY_MS),
      setInterval(() => this.#write(), WRITE_EVERY_MS),
    )
  }

  /** Writes what there is. The trace goes on without the kernel. */
  stop(): void {
    for (const timer of this.#timers.splice(0)) clearInterval(timer)
    this.#unlisten()
    this.#write()
    this.#write()
  }

  #see(records: TapRecords): void {
    while (records.next()) {
      const { request } = records
      if (records.isEvent || request.byteLength < HEADER_SIZE) continue
      const header = request.getUint32(0, true)
      const arrivals = this.#arrivals.get(header) ?? []
      arrivals.push(Math.round(records.arrivedUs * 1000))
      if (arrivals.length > ARRIVALS_MAX) arrivals.shift()
      this.#arrivals.set(header, arrivals)
    }
  }

  /** Has the guest write a line into its trace: between asking and hearing that it is done. */
  async #mark(channel: Channel): Promise<void> {
    const id = String(this.#marks.size + 1)
    const mark = { fromNs: nowNs(), toNs: Number.POSITIVE_INFINITY }
    this.#marks.set(id, mark)
    await channel.job('write', JOB_LIMIT_MS, `${TRACEFS}/trace_marker`, Buffer.from(`${MARK} ${id}\n`)).ended
    mark.toNs = nowNs()
  }

  #read(chunk: Buffer): void {
    const lines = (this.#unfinished + chunk.toString()).split('\n')
    this.#unfinished = lines.pop()!
    for (const text of lines) {
      const line = parseLine(text)
      if (!line) continue
      if (line.name.startsWith('scmi_')) this.#take(line)
      else this.#compare(line)
    }
  }

  #take(line: TraceLine): void {
    const event = this.#transfers.take(line)
    if (event) this.#fresh.push(event)
  }

  /** A mark says how the clocks lie, once it is known when it was written. */
  #compare({ text, timeNs }: TraceLine): void {
    const [, id] = new RegExp(`${MARK} (\\d+)`).exec(text) ?? []
    const mark = id === undefined ? undefined : this.#marks.get(id)
    if (mark) this.#clock.between(timeNs, mark.fromNs, Math.min(mark.toNs, nowNs()))
  }

  /** Writes what was fresh the last time: the device's side of it is known by now. */
  #write(): void {
    this.#server.tap.flush()
    const { trace } = this.#server
    if (!this.#clock.isKnown || !trace) return
    const ready = this.#waiting
    this.#waiting = this.#fresh
    this.#fresh = []
    const commands = ready.map(event => (isTransfer(event) ? this.#commandOf(event) : undefined))
    if (ready.length === 0) return
    const events = ready.map((event, i) => this.#eventOf(event, commands[i]))
    const isNew = this.#writtenOffset !== this.#clock.offsetNs
    this.#writtenOffset = this.#clock.offsetNs
    trace.kernel(events, isNew ? this.#clock.pairAt(events[0]!.timeNs) : undefined)
    this.events += events.length
  }

  /** The command that a transfer made, which says how the clocks lie. */
  #commandOf({ protocolId, messageId, token, beganNs, receivedNs }: Transfer): Command | undefined {
    if (receivedNs === undefined) return undefined
    const arrivals = this.#arrivals.get(packHeader(protocolId, messageId, COMMAND, token)) ?? []
    const i = arrivals.findIndex(arrivedNs => this.#clock.canBeWithin(beganNs, receivedNs, arrivedNs))
    if (i < 0) return undefined
    const [arrivedNs] = arrivals.splice(i, 1)
    this.#clock.within(beganNs, receivedNs, arrivedNs!)
    return { arrivedNs: arrivedNs!, token }
  }

  #eventOf(event: Transfer | Instant, command: Command | undefined): KernelEvent {
    if (!isTransfer(event)) {
      const { protocolId, timeNs, name, fields } = event
      return { protocolId, timeNs, name, values: fields }
    }
    const { protocolId, messageId, token, beganNs, endedNs, fields } = event
    const header = new DataView(Uint32Array.of(packHeader(protocolId, messageId, COMMAND, token)).buffer)
    const name = this.#decoder.command(header, header)?.message ?? fields.msg_id ?? ''
    return { protocolId, name, timeNs: beganNs, endNs: endedNs, ...(command ? { command } : {}), values: fields }
  }
}
