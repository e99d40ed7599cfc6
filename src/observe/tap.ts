/**
 * Taps all messages of a server for traces, the log and live views. While somebody listens, devices copy each message,
 * with its times, into one buffer that is allocated once; listeners read it a few milliseconds later, outside the batch
 * handler. Without listeners it costs nothing.
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

/** Holds what a device can answer in several times FLUSH_MS, and the longest possible batch. */
const BUFFER_WORDS = 2 << 20
/** Above this, a batch might not fit. */
const BUFFER_FULL = BUFFER_WORDS - BATCH_WORDS - BATCH_MAX * RECORD_MAX
/** Longer than a visit of the ring loop (native/pump.cc), short enough for live views. */
const FLUSH_MS = 5

export type TapListener = (records: TapRecords) => void

export class Tap {
  /** Whether anybody listens. */
  active = false
  /** Messages dropped since start: the buffer was full, or no listener was ready. */
  dropped = 0
  /** Each listener with its `ready` function. */
  readonly #listeners = new Map<TapListener, () => boolean>()
  readonly #devices: DeviceTap[] = []
  readonly #onActive: ((active: boolean) => void)[] = []
  readonly #timer: NodeJS.Timeout
  /** Allocated for the first listener. */
  #space = new ArrayBuffer(0)
  #words = new Uint32Array(0)
  #doubles = new Float64Array(0)
  /** In words. */
  #used = 0
  /** Nothing is recorded above this; -1 while no listener is ready. */
  #limit = BUFFER_FULL
  #count = 0
  #droppedBefore = 0

  constructor() {
    this.#timer = setTimeout(() => this.flush(), FLUSH_MS).unref()
  }

  /**
   * Calls `listener` with all messages from now on, in bursts. Returns a function that stops this, after the last
   * burst. While no listener is `ready`, messages are only counted, which is nearly free.
   */
  listen(listener: TapListener, ready: () => boolean = () => true): () => void {
    if (this.#space.byteLength === 0) {
      // Not zeroed: pages that are never written take no memory.
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

  /** The tap's end for the next device. `times` is shared with the native device. */
  attach(times: Float64Array): DeviceTap {
    const device = new DeviceTap(this, this.#devices.length, times)
    this.#devices.push(device)
    return device
  }

  /** Calls `change` now and whenever `active` changes. */
  onActive(change: (active: boolean) => void): void {
    this.#onActive.push(change)
    change(this.active)
  }

  #setActive(active: boolean): void {
    if (active === this.active) return
    this.active = active
    for (const change of this.#onActive) change(active)
  }

  /** Passes what is recorded to the listeners. Must not be called during a batch. */
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

  /**
   * Begins a batch of `count` messages. Returns its offset in words, or -1 if the buffer is full. Hot, like everything
   * below.
   */
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

  /** All requests of batch `at` are recorded. */
  endRequests(at: number): void {
    this.#words[at + BATCH_REPLIES] = this.#used - at
  }

  reply(room: number, view: DataView, offset: number, length: number): void {
    this.#words[this.#used] = (Math.min(room, LENGTH_MAX) << 16) | Math.min(length, LENGTH_MAX)
    this.#used = copy(this.#words, this.#used + 1, view, offset, length)
  }

  /** All replies are recorded. */
  end(at: number): void {
    this.#used = (this.#used + 1) & ~1
    this.#words[at + BATCH_NEXT] = this.#used - at
  }

  setTimes(at: number, arrivedUs: number, answeredUs: number): void {
    this.#doubles[(at >> 1) + BATCH_ARRIVED] = arrivedUs
    this.#doubles[(at >> 1) + BATCH_ANSWERED] = answeredUs
  }
}

/** Copies a message to offset `to`, truncated to MESSAGE_MAX. Returns the offset after it. Hot. */
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

/** The tap's end for one device. Nothing here allocates. */
export class DeviceTap {
  readonly #tap: Tap
  /** In the upper half of a word. */
  readonly #device: number
  readonly #times: Float64Array
  /** Offset of the last batch, whose times are set once it is published; -1: none. */
  #batch = -1
  #takenUs = 0

  /** Use `Tap.attach`. */
  constructor(tap: Tap, index: number, times: Float64Array) {
    this.#tap = tap
    this.#device = index << 16
    this.#times = times
  }

  /** Whether anybody listens; the other methods are called only then. */
  get active(): boolean {
    return this.#tap.active
  }

  /** Records the commands of a batch before they are executed: later changes of guest memory are not recorded. Hot. */
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

  /** Records the replies; empty for commands that can't be answered. Hot. */
  replies(windows: readonly DataView[], batch: Uint32Array, end: number): void {
    if (this.#batch < 0) return
    for (let entry = BATCH_HEADER; entry < end; entry += ENTRY_WORDS) {
      const room = batch[entry + ENTRY_REPLY_CAPACITY]!
      const view = windows[batch[entry + ENTRY_REPLY_WINDOW]!]!
      this.#tap.reply(room, view, batch[entry + ENTRY_REPLY_OFFSET]!, batch[entry + ENTRY_WRITTEN]!)
    }
    this.#tap.end(this.#batch)
  }

  /** Records a notification or delayed response sent at `timeUs`. Not between `requests` and `replies`. */
  event(timeUs: number, view: DataView, offset: number, length: number): void {
    const at = this.#tap.begin(1)
    if (at < 0) return
    this.#tap.request(this.#device | EVENT, view, offset, 0)
    this.#endOne(at, length, view, offset, length)
    this.#tap.setTimes(at, timeUs, timeUs)
  }

  /** Records a single command with its reply; an empty reply means none. Not between `requests` and `replies`. */
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

  /** The last batch is published: sets its times. */
  settle(): void {
    if (this.#batch >= 0) {
      this.#tap.setTimes(this.#batch, this.#takenUs, this.#takenUs + this.#times[TIME_SERVICE]! / 1000)
    }
    this.#batch = -1
  }
}
