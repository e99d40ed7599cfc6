/**
 * One tap on all messages of a server, for whoever wants to see them: traces, the log, live views. While somebody listens,
 * devices copy each message, with its times, into one buffer that was allocated once; listeners read it a few
 * milliseconds later, outside the batch handler. While nobody does, it costs nothing.
 */
import {
  BATCH_HEADER,
  BATCH_MAX,
  ENTRY_REPLY_CAPACITY,
  ENTRY_REPLY_OFFSET,
  ENTRY_REPLY_WINDOW,
  ENTRY_REQUEST_LENGTH,
  ENTRY_REQUEST_OFFSET,
  ENTRY_REQUEST_WINDOW,
  ENTRY_WORDS,
  ENTRY_WRITTEN,
  TIME_SERVICE,
  TIME_TAKEN,
} from '../device/native.js'
import { MESSAGE_MAX } from '../wire/header.js'
import {
  BATCH_ANSWERED,
  BATCH_ARRIVED,
  BATCH_NEXT,
  BATCH_REPLIES,
  BATCH_WORDS,
  EVENT,
  LENGTH_MAX,
  RECORD_MAX,
  TapRecords,
} from './tap-records.js'

/** Holds what a device can answer in several times FLUSH_MS, and the longest batch there can be. */
const BUFFER_WORDS = 2 << 20
/** Beyond this, a batch might not fit. */
const BUFFER_FULL = BUFFER_WORDS - BATCH_WORDS - BATCH_MAX * RECORD_MAX
/** Longer than a visit of the ring loop (native/pump.cc), short enough for a live view. */
const FLUSH_MS = 5

export type TapListener = (records: TapRecords) => void

export class Tap {
  /** Whether anybody listens. */
  active = false
  /** Messages that found no room in the buffer, or no listener that was ready, ever. */
  dropped = 0
  /** Each with whether it is ready for more. */
  readonly #listeners = new Map<TapListener, () => boolean>()
  readonly #devices: DeviceTap[] = []
  readonly #onActive: ((active: boolean) => void)[] = []
  readonly #timer: NodeJS.Timeout
  /** Allocated when somebody listens for the first time. */
  #space = new ArrayBuffer(0)
  #words = new Uint32Array(0)
  #doubles = new Float64Array(0)
  /** Words. */
  #used = 0
  /** Beyond this, nothing is recorded; -1: as long as no listener is ready. */
  #limit = BUFFER_FULL
  #count = 0
  #droppedBefore = 0

  constructor() {
    this.#timer = setTimeout(() => this.flush(), FLUSH_MS).unref()
  }

  /**
   * Calls `listener` with all messages from now on, in bursts. Returns what ends that, after the last burst. While no
   * listener is `ready`, messages are only counted, which costs next to nothing.
   */
  listen(listener: TapListener, ready: () => boolean = () => true): () => void {
    if (this.#space.byteLength === 0) {
      // Not zeroed: the parts that are never written take no memory, and nobody reads them.
      this.#space = Buffer.allocUnsafeSlow(BUFFER_WORDS * 4).buffer
      this.#words = new Uint32Array(this.#space)
      this.#doubles = new Float64Array(this.#space)
    }
    this.flush()
    this.#listeners.set(listener, ready)
    this.#setActive(true)
    this.#look()
    return () => {
      this.flush()
      this.#listeners.delete(listener)
      this.#setActive(this.#listeners.size > 0)
    }
  }

  /** The end of the tap that the next device writes to; `times` are the native device's. */
  attach(times: Float64Array): DeviceTap {
    const device = new DeviceTap(this, this.#devices.length, times)
    this.#devices.push(device)
    return device
  }

  /** Calls `change` now and whenever `active` has changed. */
  onActive(change: (active: boolean) => void): void {
    this.#onActive.push(change)
    change(this.active)
  }

  #setActive(active: boolean): void {
    if (active === this.active) return
    this.active = active
    for (const change of this.#onActive) change(active)
  }

  /** Hands listeners what there is now. Not from within a batch. */
  flush(): void {
    if (this.#used === 0 && this.dropped === this.#droppedBefore) return
    for (const device of this.#devices) device.settle()
    const bytes = new Uint8Array(this.#space, 0, this.#used * 4)
    const [count, dropped] = [this.#count, this.dropped - this.#droppedBefore]
    this.#droppedBefore = this.dropped
    this.#used = 0
    this.#count = 0
    for (const listener of this.#listeners.keys()) listener(new TapRecords(bytes, count, dropped))
    this.#look()
  }

  #look(): void {
    const isAnyReady = [...this.#listeners.values()].some(ready => ready())
    this.#limit = isAnyReady ? BUFFER_FULL : -1
  }

  /** Begins a batch of so many messages. Returns where, in words, or -1: there is no room. Hot, like all that follows. */
  begin(count: number): number {
    const at = this.#used
    if (at === 0 && this.dropped === this.#droppedBefore) this.#timer.refresh()
    if (at > this.#limit) {
      this.dropped += count
      return -1
    }
    this.#words[at] = count
    this.#used = at + BATCH_WORDS
    this.#count += count
    return at
  }

  request(first: number, view: DataView, offset: number, length: number): void {
    this.#words[this.#used] = first
    this.#used = copy(this.#words, this.#used + 1, view, offset, length)
  }

  /** All requests of batch `at` are there. */
  endRequests(at: number): void {
    this.#words[at + BATCH_REPLIES] = this.#used - at
  }

  reply(room: number, view: DataView, offset: number, length: number): void {
    this.#words[this.#used] = (Math.min(room, LENGTH_MAX) << 16) | Math.min(length, LENGTH_MAX)
    this.#used = copy(this.#words, this.#used + 1, view, offset, length)
  }

  /** All replies are there. */
  end(at: number): void {
    this.#used = (this.#used + 1) & ~1
    this.#words[at + BATCH_NEXT] = this.#used - at
  }

  setTimes(at: number, arrivedUs: number, answeredUs: number): void {
    this.#doubles[(at >> 1) + BATCH_ARRIVED] = arrivedUs
    this.#doubles[(at >> 1) + BATCH_ANSWERED] = answeredUs
  }
}

/** Copies bytes to `to` on, but not more than are kept of a message. Returns the index after the last word. Hot. */
function copy(words: Uint32Array, to: number, view: DataView, offset: number, length: number): number {
  const end = offset + Math.min(length, MESSAGE_MAX)
  let at = to
  let from = offset
  for (; from + 4 <= end; from += 4) words[at++] = view.getUint32(from, true)
  if (from < end) {
    let last = 0
    for (let shift = 0; from < end; from++, shift += 8) last |= view.getUint8(from) << shift
    words[at++] = last
  }
  return at
}

/** What one device writes to. Nothing here allocates. */
export class DeviceTap {
  readonly #tap: Tap
  /** In the upper half of a word. */
  readonly #device: number
  readonly #times: Float64Array
  /** Where the last batch is, which gets its times when it is out; -1: there is none. */
  #batch = -1
  #takenUs = 0

  /** Use `Tap.attach`. */
  constructor(tap: Tap, index: number, times: Float64Array) {
    this.#tap = tap
    this.#device = index << 16
    this.#times = times
  }

  /** Whether anybody listens; what follows is only called if so. */
  get active(): boolean {
    return this.#tap.active
  }

  /** The commands of a batch, before they are carried out: what the guest does to its memory later is not recorded. Hot. */
  requests(windows: readonly DataView[], batch: Uint32Array, end: number): void {
    this.settle()
    this.#takenUs = this.#times[TIME_TAKEN]!
    const at = this.#tap.begin((end - BATCH_HEADER) / ENTRY_WORDS)
    this.#batch = at
    if (at < 0) return
    for (let entry = BATCH_HEADER; entry < end; entry += ENTRY_WORDS) {
      const length = batch[entry + ENTRY_REQUEST_LENGTH]!
      const first = this.#device | Math.min(length, LENGTH_MAX)
      const view = windows[batch[entry + ENTRY_REQUEST_WINDOW]!]!
      this.#tap.request(first, view, batch[entry + ENTRY_REQUEST_OFFSET]!, length)
    }
    this.#tap.endRequests(at)
  }

  /** Their replies, which are empty for those that can't be answered. Hot. */
  replies(windows: readonly DataView[], batch: Uint32Array, end: number): void {
    if (this.#batch < 0) return
    for (let entry = BATCH_HEADER; entry < end; entry += ENTRY_WORDS) {
      const room = batch[entry + ENTRY_REPLY_CAPACITY]!
      const view = windows[batch[entry + ENTRY_REPLY_WINDOW]!]!
      this.#tap.reply(room, view, batch[entry + ENTRY_REPLY_OFFSET]!, batch[entry + ENTRY_WRITTEN]!)
    }
    this.#tap.end(this.#batch)
  }

  /** A notification or delayed response that the driver is given at `timeUs`. Not between `requests` and `replies`. */
  event(timeUs: number, view: DataView, offset: number, length: number): void {
    const at = this.#tap.begin(1)
    if (at < 0) return
    this.#tap.request(this.#device | EVENT, view, offset, 0)
    this.#endOne(at, length, view, offset, length)
    this.#tap.setTimes(at, timeUs, timeUs)
  }

  /** A command that is seen by itself, not with its batch; an empty reply is none. Not between `requests` and `replies`. */
  exchange(arrivedUs: number, answeredUs: number, request: DataView, room: number, reply: DataView): void {
    const at = this.#tap.begin(1)
    if (at < 0) return
    const { byteLength } = request
    this.#tap.request(this.#device | Math.min(byteLength, LENGTH_MAX), request, 0, byteLength)
    this.#endOne(at, room, reply, 0, reply.byteLength)
    this.#tap.setTimes(at, arrivedUs, answeredUs)
  }

  #endOne(at: number, room: number, view: DataView, offset: number, length: number): void {
    this.#tap.endRequests(at)
    this.#tap.reply(room, view, offset, length)
    this.#tap.end(at)
  }

  /** The last batch is out: its messages get their times. */
  settle(): void {
    if (this.#batch >= 0) {
      this.#tap.setTimes(this.#batch, this.#takenUs, this.#takenUs + this.#times[TIME_SERVICE]! / 1000)
    }
    this.#batch = -1
  }
}
