/**
 * One tap on all messages of a server, for whoever wants to see them: traces, the log, live views. While somebody listens,
 * devices copy each message, with its times, into one buffer that was allocated once; listeners read it a few
 * milliseconds later, outside the batch handler. While nobody does, it costs one boolean test a batch.
 */
import { TIME_SERVICE, TIME_TAKEN } from './native.js'
import { align, EVENT, RECORD_HEADER, RECORD_MAX, TapRecords } from './tap-records.js'
import { MESSAGE_MAX } from './wire/header.js'

/** Holds what a device can answer in several times FLUSH_MS. */
const BUFFER_SIZE = 8 << 20
/** Longer than a visit of the ring loop (native/pump.cc), short enough for a live view. */
const FLUSH_MS = 5

export type TapListener = (records: TapRecords) => void

export class Tap {
  /** Whether anybody listens: what devices test once a batch. */
  active = false
  /** Messages that found no room in the buffer, ever. */
  dropped = 0
  readonly #listeners = new Set<TapListener>()
  readonly #devices: DeviceTap[] = []
  readonly #timer: NodeJS.Timeout
  /** Allocated when somebody listens for the first time. */
  #space = new ArrayBuffer(0)
  #words = new Uint32Array(0)
  #doubles = new Float64Array(0)
  #used = 0
  #count = 0
  #record = 0
  #droppedBefore = 0

  constructor() {
    this.#timer = setTimeout(() => this.flush(), FLUSH_MS).unref()
  }

  /** Calls `listener` with all messages from now on, in bursts. Returns what ends that, after the last burst. */
  listen(listener: TapListener): () => void {
    if (this.#space.byteLength === 0) {
      this.#space = new ArrayBuffer(BUFFER_SIZE)
      this.#words = new Uint32Array(this.#space)
      this.#doubles = new Float64Array(this.#space)
    }
    this.flush()
    this.#listeners.add(listener)
    this.active = true
    return () => {
      this.flush()
      this.#listeners.delete(listener)
      this.active = this.#listeners.size > 0
    }
  }

  /** The end of the tap that the next device writes to; `times` are the native device's. */
  attach(times: Float64Array): DeviceTap {
    const device = new DeviceTap(this, this.#devices.length, times)
    this.#devices.push(device)
    return device
  }

  /** Hands listeners what there is now. Not from within a batch. */
  flush(): void {
    if (this.#used === 0 && this.dropped === this.#droppedBefore) return
    for (const device of this.#devices) device.settle()
    const bytes = new Uint8Array(this.#space, 0, this.#used)
    const [count, dropped] = [this.#count, this.dropped - this.#droppedBefore]
    this.#droppedBefore = this.dropped
    this.#used = 0
    this.#count = 0
    for (const listener of this.#listeners) listener(new TapRecords(bytes, count, dropped))
  }

  /** Where the next record begins, in bytes. Hot, like all that follows. */
  get position(): number {
    return this.#used
  }

  /** Begins a record with the first bytes of `view` at `offset` as its request. False if there is no room. */
  open(where: number, view: DataView, offset: number, length: number, room: number): boolean {
    if (this.#used + RECORD_MAX > BUFFER_SIZE) {
      this.dropped++
      return false
    }
    if (this.#used === 0) this.#timer.refresh()
    const at = this.#used
    this.#record = at
    this.#words[(at >> 2) + 1] = where
    this.#words[(at >> 2) + 6] = length
    this.#words[(at >> 2) + 8] = room
    this.#used += RECORD_HEADER
    this.#copy(view, offset, length)
    return true
  }

  /** Ends the record with its reply. */
  finish(view: DataView, offset: number, length: number): void {
    this.#words[(this.#record >> 2) + 7] = length
    this.#copy(view, offset, length)
    this.#used = align(this.#used, 8)
    this.#words[this.#record >> 2] = this.#used - this.#record
    this.#count++
  }

  /** Sets the times of the records from byte `from` to byte `to`. */
  stamp(from: number, to: number, arrivedUs: number, answeredUs: number): void {
    for (let at = from; at < to; at += this.#words[at >> 2]!) {
      this.#doubles[(at >> 3) + 1] = arrivedUs
      this.#doubles[(at >> 3) + 2] = answeredUs
    }
  }

  #copy(view: DataView, offset: number, length: number): void {
    const end = offset + Math.min(length, MESSAGE_MAX)
    let from = offset
    let to = this.#used >> 2
    for (; from + 4 <= end; from += 4) this.#words[to++] = view.getUint32(from, true)
    if (from < end) {
      let last = 0
      for (let shift = 0; from < end; from++, shift += 8) last |= view.getUint8(from) << shift
      this.#words[to++] = last
    }
    this.#used = to << 2
  }
}

/** What one device writes to. Hot code: nothing here allocates. */
export class DeviceTap {
  readonly #tap: Tap
  readonly #index: number
  readonly #times: Float64Array
  /** The records of the last batch, which get their times when it is out. */
  #batchFrom = 0
  #batchTo = 0
  #takenUs = 0
  #isOpen = false

  /** Use `Tap.attach`. */
  constructor(tap: Tap, index: number, times: Float64Array) {
    this.#tap = tap
    this.#index = index
    this.#times = times
  }

  /** Whether anybody listens; what follows is only called if so. */
  get active(): boolean {
    return this.#tap.active
  }

  /** A batch begins. */
  begin(): void {
    this.settle()
    this.#takenUs = this.#times[TIME_TAKEN]!
    this.#batchFrom = this.#batchTo = this.#tap.position
  }

  /** A command with room for its reply, before it is carried out: what the guest does to its memory afterwards is not recorded. */
  command(view: DataView, offset: number, length: number, room: number): void {
    this.#isOpen = this.#tap.open(this.#index, view, offset, length, room)
  }

  /** Its reply, which is empty if it can't be answered. */
  reply(view: DataView, offset: number, length: number): void {
    if (!this.#isOpen) return
    this.#tap.finish(view, offset, length)
    this.#batchTo = this.#tap.position
  }

  /** A notification or delayed response that the driver is given at `timeUs`. */
  event(timeUs: number, view: DataView, offset: number, length: number): void {
    const from = this.#tap.position
    if (!this.#tap.open(EVENT | this.#index, view, offset, 0, length)) return
    this.#tap.finish(view, offset, length)
    this.#tap.stamp(from, this.#tap.position, timeUs, timeUs)
  }

  /** A command, with room for its reply, which comes by itself at `answeredUs`. Not from within a batch. */
  exchange(arrivedUs: number, answeredUs: number, request: DataView, room: number, reply: DataView): void {
    const from = this.#tap.position
    if (!this.#tap.open(this.#index, request, 0, request.byteLength, room)) return
    this.#tap.finish(reply, 0, reply.byteLength)
    this.#tap.stamp(from, this.#tap.position, arrivedUs, answeredUs)
  }

  /** The last batch is out: its messages get their times. */
  settle(): void {
    if (this.#batchTo > this.#batchFrom) {
      const answeredUs = this.#takenUs + this.#times[TIME_SERVICE]! / 1000
      this.#tap.stamp(this.#batchFrom, this.#batchTo, this.#takenUs, answeredUs)
    }
    this.#batchFrom = this.#batchTo = 0
  }
}
