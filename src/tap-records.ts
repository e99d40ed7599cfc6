/**
 * Messages as the tap (tap.ts) records them: each a multiple of 8 bytes long,
 *
 *   u32 bytes of this record   u32 EVENT | device   f64 arrived   f64 answered   u32 request   u32 reply   u32 room   u32 0
 *   request, padded to 4 bytes   reply, padded to 4 bytes
 *
 * Times are CLOCK_MONOTONIC in microseconds. `request` and `reply` are lengths as they were on the wire, `room` is that of
 * the driver's buffer; of each message, at most MESSAGE_MAX bytes are kept. An event (a notification or delayed response) has no request, and arrives when it is answered.
 */
import { MESSAGE_MAX } from './wire/header.js'

export const EVENT = 1 << 16
export const RECORD_HEADER = 40
export const RECORD_MAX = RECORD_HEADER + 2 * MESSAGE_MAX

export const align = (size: number, to: number): number => (size + to - 1) & -to

/** The records of a few milliseconds, oldest first. `next` steps to one, the getters read it. */
export class TapRecords {
  /** The records themselves: valid while the listener runs, like all that the getters return. */
  readonly bytes: Uint8Array
  readonly count: number
  /** Messages after these that found no room. */
  readonly dropped: number
  readonly #words: Uint32Array
  readonly #doubles: Float64Array
  #at = 0
  #end = 0

  /** `bytes` begin at a multiple of 8 in their buffer. */
  constructor(bytes: Uint8Array, count: number, dropped = 0) {
    this.bytes = bytes
    this.count = count
    this.dropped = dropped
    this.#words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2)
    this.#doubles = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length >> 3)
  }

  /** Steps to the next record; false if there is none. */
  next(): boolean {
    this.#at = this.#end
    if (this.#at === this.bytes.length) return false
    this.#end += this.#words[this.#at >> 2]!
    return true
  }

  /** Index in `Server.devices`. */
  get device(): number {
    return this.#words[(this.#at >> 2) + 1]! & 0xffff
  }

  /** A notification or delayed response; else a command with its reply. */
  get isEvent(): boolean {
    return (this.#words[(this.#at >> 2) + 1]! & EVENT) !== 0
  }

  get arrivedUs(): number {
    return this.#doubles[(this.#at >> 3) + 1]!
  }

  get answeredUs(): number {
    return this.#doubles[(this.#at >> 3) + 2]!
  }

  /** Length on the wire; `request` holds at most MESSAGE_MAX bytes of it. */
  get requestLength(): number {
    return this.#words[(this.#at >> 2) + 6]!
  }

  get replyLength(): number {
    return this.#words[(this.#at >> 2) + 7]!
  }

  /** Bytes that the driver's buffer for the reply has. */
  get room(): number {
    return this.#words[(this.#at >> 2) + 8]!
  }

  /** A command, header first; empty for an event. */
  get request(): DataView {
    return this.#view(RECORD_HEADER, this.requestLength)
  }

  /** The reply to a command, or an event: header first. */
  get reply(): DataView {
    return this.#view(RECORD_HEADER + align(Math.min(this.requestLength, MESSAGE_MAX), 4), this.replyLength)
  }

  #view(offset: number, length: number): DataView {
    return new DataView(this.bytes.buffer, this.bytes.byteOffset + this.#at + offset, Math.min(length, MESSAGE_MAX))
  }
}
