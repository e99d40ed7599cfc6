/**
 * The kernel's events in the device's trace: reads `scmi:*` events from the guest's trace_pipe, converts their times to the
 * host's clock, and writes them to the trace that the device records.
 */
import { MessageDecoder } from '../../src/observe/messages.js'
import type { TapRecords } from '../../src/observe/tap-records.js'
import { monotonicUs } from '../../src/platform/core/time.js'
import type { KernelEvent } from '../../src/trace/events.js'
import {
  type Instant,
  isTransfer,
  parseLine,
  type TraceLine,
  type Transfer,
  Transfers,
} from '../../src/trace/kernel-events.js'
import { COMMAND, HEADER_SIZE, packHeader } from '../../src/wire/header.js'
import type { Server } from '../devices/device.js'
import type { Channel } from '../guest/channel.js'
import { WorkError } from '../support/errors.js'
import { GuestClock } from './clock.js'

/** Words for the kernel's command line: all SCMI events from boot on, by a clock that is never set. */
export const KERNEL_TRACE_WORDS = ['trace_event=scmi', 'trace_clock=mono', 'trace_buf_size=4M']

const TRACEFS = '/sys/kernel/tracing'
const MARK = 'lab-clock'
const MARK_EVERY_MS = 5000
/** Delay after which the device's record of a command is there; it comes a few milliseconds late. */
const WRITE_EVERY_MS = 200
const JOB_LIMIT_MS = 10_000
/** Arrivals kept per header; more than one, because tokens are reused. */
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
  /** Arrivals of commands that are not matched with a transfer yet, by header. */
  readonly #arrivals = new Map<number, number[]>()
  readonly #unlisten: () => void
  readonly #timers: NodeJS.Timeout[] = []
  /** Marks by number: when one was requested, and when the guest had written it. */
  readonly #marks = new Map<string, { fromNs: number; toNs: number }>()
  #fresh: (Transfer | Instant)[] = []
  #waiting: (Transfer | Instant)[] = []
  #unfinished = ''
  #writtenOffset: number | undefined
  /** Events written to the trace. */
  events = 0

  /** Starts to watch the device's messages. The device must record a trace with `withKernel`. */
  constructor(server: Server) {
    this.#server = server
    this.#decoder = new MessageDecoder(server.protocols)
    this.#unlisten = server.tap.listen(records => this.#see(records))
  }

  /** The clock's error: half of the interval that contains the difference, in nanoseconds. */
  get errorNs(): number {
    return this.#clock.errorNs
  }

  /** Reads the kernel's events from the first one on. Throws WorkError if they cannot be read. */
  async follow(channel: Channel): Promise<void> {
    const mount = `mkdir -p ${TRACEFS}; grep -q ' ${TRACEFS} ' /proc/mounts || mount -t tracefs tracefs ${TRACEFS}`
    const test = `[ -d ${TRACEFS}/events/scmi ] || { echo the kernel has no scmi events; exit 1; }`
    const { value, stdout, stderr } = await channel.job('run', JOB_LIMIT_MS, `${mount} && ${test}`).ended
    if (value !== 0) throw new WorkError(`the guest's kernel can't be traced: ${stdout}${stderr}`.trim())
    // Not cat: busybox's cat uses sendfile(2) between pipes, which loses parts of the text (seen with Linux 7.3).
    const copy = `exec dd if=${TRACEFS}/trace_pipe bs=4096`
    // Without a time limit: it ends with the guest, which is no failure.
    const pipe = channel.job('run', 0, copy, undefined, chunk => this.#read(chunk))
    pipe.ended.catch(() => undefined)
    await this.#mark(channel)
    const again = (): void => void this.#mark(channel).catch(() => undefined)
    this.#timers.push(
      setInterval(again, MARK_EVERY_MS),
      setInterval(() => this.#write(), WRITE_EVERY_MS),
    )
  }

  /** Writes what is left. The trace goes on without the kernel's events. */
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

  /** Has the guest write a mark into its trace: its time lies between the request and the acknowledgement. */
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

  /** A mark narrows the clocks' difference once both its host times are known. */
  #compare({ text, timeNs }: TraceLine): void {
    const [, id] = new RegExp(`${MARK} (\\d+)`).exec(text) ?? []
    const mark = id === undefined ? undefined : this.#marks.get(id)
    if (mark) this.#clock.between(timeNs, mark.fromNs, Math.min(mark.toNs, nowNs()))
  }

  /** Writes the events that were new at the last call: the device's record of them is there by now. */
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

  /** Finds the command of a transfer, and narrows the clocks' difference with it. */
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
