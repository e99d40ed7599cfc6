/**
 * Messages as the tap (tap.ts) records them, in 32-bit words. The messages of a batch share their times; all requests come
 * before all replies. A batch begins at a multiple of 8 bytes:
 *
 *   u32 messages   u32 0   f64 arrived   f64 answered   u32 words to the first reply   u32 words to the next batch
 *   each request:  u32 device << 16 | length   bytes, padded to 4
 *   each reply:    u32 room << 16 | length     bytes, padded to 4
 *
 * Times are CLOCK_MONOTONIC in microseconds. Lengths are those on the wire, `room` is the size of the driver's buffer for
 * the reply; LENGTH_MAX also stands for larger values. At most MESSAGE_MAX bytes of each message are kept. An event (a
 * notification or delayed response) is a reply whose request has length EVENT and no bytes; its two times are equal.
 */
import { MESSAGE_MAX } from '../wire/header.js'

export const BATCH_WORDS = 8
/** Offsets in a batch's header: of the times, in doubles. */
export const BATCH_ARRIVED = 1
export const BATCH_ANSWERED = 2
export const BATCH_REPLIES = 6
export const BATCH_NEXT = 7
export const LENGTH_MAX = 0xfffe
export const EVENT = 0xffff
/** Most words of a request and its reply. */
export const RECORD_MAX = 2 + (2 * MESSAGE_MAX) / 4

/** Words that are kept of a message. */
const wordsOf = (length: number): number => (Math.min(length, MESSAGE_MAX) + 3) >> 2

/** The records of a few milliseconds, oldest first. `next` moves to the next one, the getters read it. */
export class TapRecords {
  /** The records. Valid only while the listener runs, as is everything that the getters return. */
  readonly bytes: Uint8Array
  readonly count: number
  /** Messages after these that were dropped. */
  readonly dropped: number
  readonly #words: Uint32Array
  readonly #doubles: Float64Array
  /** Word offsets of the batch, of the next batch, of request and reply; and the remaining messages of the batch. */
  #batch = 0
  #nextBatch = 0
  #request = 0
  #reply = 0
  #left = 0

  /** `bytes` must start at a multiple of 8 in their buffer. */
  constructor(bytes: Uint8Array, count: number, dropped = 0) {
    this.bytes = bytes
    this.count = count
    this.dropped = dropped
    this.#words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2)
    this.#doubles = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length >> 3)
  }

  /** Moves to the next record; false if there is none. */
  next(): boolean {
    if (this.#left > 0) {
      this.#request += 1 + wordsOf(this.requestLength)
      this.#reply += 1 + wordsOf(this.replyLength)
    } else {
      const batch = this.#nextBatch
      if (batch === this.#words.length) return false
      this.#batch = batch
      this.#left = this.#words[batch]!
      this.#request = batch + BATCH_WORDS
      this.#reply = batch + this.#words[batch + BATCH_REPLIES]!
      this.#nextBatch = batch + this.#words[batch + BATCH_NEXT]!
    }
    this.#left--
    return true
  }

  /** Index in `Server.devices`. */
  get device(): number {
    return this.#words[this.#request]! >>> 16
  }

  /** True for a notification or delayed response, false for a command with its reply. */
  get isEvent(): boolean {
    return (this.#words[this.#request]! & 0xffff) === EVENT
  }

  get arrivedUs(): number {
    return this.#doubles[(this.#batch >> 1) + BATCH_ARRIVED]!
  }

  get answeredUs(): number {
    return this.#doubles[(this.#batch >> 1) + BATCH_ANSWERED]!
  }

  /** Length on the wire, at most LENGTH_MAX; `request` holds at most MESSAGE_MAX bytes of it. */
  get requestLength(): number {
    return this.isEvent ? 0 : this.#words[this.#request]! & 0xffff
  }

  get replyLength(): number {
    return this.#words[this.#reply]! & 0xffff
  }

  /** Size of the driver's buffer for the reply, at most LENGTH_MAX. */
  get room(): number {
    return this.#words[this.#reply]! >>> 16
  }

  /** A command, header first; empty for an event. */
  get request(): DataView {
    return this.#view(this.#request, this.requestLength)
  }

  /** The reply to a command, or an event: header first. */
  get reply(): DataView {
    return this.#view(this.#reply, this.replyLength)
  }

  #view(at: number, length: number): DataView {
    return new DataView(this.bytes.buffer, this.bytes.byteOffset + 4 * (at + 1), Math.min(length, MESSAGE_MAX))
  }
}
