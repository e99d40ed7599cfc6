/**
 * One trace from its first packet to its last: encodes and writes what it is sent, in a worker (worker.ts) or on its
 * owner's thread (recorder.ts). After a write error it keeps accepting messages and reports the error.
 */
import { TapRecords } from '../observe/tap-records.js'
import type { Protocol } from '../protocols/declaration/protocol.js'
import { type Chunk, chunkBytes } from './chunks.js'
import { TraceEncoder } from './encoder.js'
import type { ClockPair, KernelEvent, Moment, Sample, TracedProperty, TraceStart } from './events.js'
import { PacketFile, reasonOf } from './file.js'

export type TraceMessage =
  | { type: 'records'; chunk: Chunk; timeNs: number }
  | { type: 'moment'; moment: Moment }
  | { type: 'quantities'; quantities: readonly TracedProperty[] }
  | { type: 'samples'; samples: readonly Sample[]; timeNs: number }
  /** Kernel events; `clock` applies from then on. */
  | { type: 'kernel'; clock: ClockPair | undefined; events: readonly KernelEvent[] }
  | { type: 'end'; lost: number; timeNs: number }

/** Progress after all messages so far. */
export interface TraceProgress {
  /** Messages in the file. */
  messages: number
  /** Dropped messages; the trace also says how many. */
  lost: number
  /** Length of the file. */
  bytes: number
  /** The error that ended the trace. */
  error?: string
}

/** Messages that are encoded before they are written: protobufjs needs many times their size until then. */
const PORTION = 500

export class TraceSession {
  readonly #encoder: TraceEncoder
  readonly #file: PacketFile
  readonly #memory: SharedArrayBuffer
  readonly #rest: () => void
  readonly #progress: TraceProgress = { messages: 0, lost: 0, bytes: 0 }

  /**
   * `fd` comes from `openTraceFile` and is closed at the end; `memory` holds the chunks; `rest` is called between
   * portions.
   */
  constructor(
    protocols: readonly Protocol[],
    start: TraceStart,
    fd: number,
    memory: SharedArrayBuffer,
    rest: () => void = () => {},
  ) {
    this.#memory = memory
    this.#rest = rest
    this.#encoder = new TraceEncoder(protocols, start)
    this.#file = new PacketFile(fd)
    this.#write(0)
  }

  /** A copy of the current progress. */
  get progress(): TraceProgress {
    return { ...this.#progress }
  }

  handle(message: TraceMessage): TraceProgress {
    if (this.#progress.error === undefined) this.#record(message)
    if (message.type === 'end') this.#file.close()
    return this.progress
  }

  #record(message: TraceMessage): void {
    const encoder = this.#encoder
    switch (message.type) {
      case 'records':
        this.#lose(message.chunk.lost, message.timeNs)
        this.#records(message.chunk)
        break
      case 'moment':
        encoder.moment(message.moment)
        break
      case 'quantities':
        encoder.describe(message.quantities)
        break
      case 'samples':
        encoder.sample(message.samples, message.timeNs)
        break
      case 'kernel':
        if (message.clock) encoder.kernelClock(message.clock)
        for (const event of message.events) encoder.kernel(event)
        break
      case 'end':
        this.#lose(message.lost, message.timeNs)
        this.#end(message.timeNs)
    }
    this.#write(0)
  }

  #records(chunk: Chunk): void {
    const records = new TapRecords(chunkBytes(this.#memory, chunk), chunk.count)
    for (let count = -1; count !== 0 && this.#progress.error === undefined; ) {
      count = this.#encoder.records(records, PORTION)
      this.#write(count)
      this.#rest()
    }
  }

  #lose(messages: number, timeNs: number): void {
    if (messages === 0) return
    this.#progress.lost += messages
    const name = `${messages} messages not recorded`
    this.#encoder.moment({ category: 'lost', name, timeNs, annotations: { messages } })
  }

  #end(timeNs: number): void {
    const { messages, lost } = this.#progress
    this.#encoder.moment({ category: 'trace', name: 'end of trace', timeNs, annotations: { messages, lost } })
  }

  /** Writes what is encoded, which contains `messages` messages. */
  #write(messages: number): void {
    try {
      this.#file.append(this.#encoder.take())
      this.#progress.messages += messages
      this.#progress.bytes = this.#file.size
    } catch (error) {
      this.#progress.error = reasonOf(error)
    }
  }
}
