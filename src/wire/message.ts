/**
 * The reader and the writer of messages, both reused for every message: hot code that does not allocate. The bytes are
 * the guest's memory and may change at any time: read each word once into a const, then check the const. Callers are
 * responsible for field order; wire/fields describes the same bytes for cold code.
 */
import { HEADER_SIZE } from './header.js'

const TWO_32 = 0x1_0000_0000
/** Replaces the end of the buffer after an overflow, so that nothing more fits; no real buffer ends at 0. */
const OVERFLOWN = 0
/** Multiplying by a power of two is exact and several times as fast as dividing. */
const TWO_TO_MINUS_32 = 1 / TWO_32

/** Reads the words of a request in order. Dispatch has checked the length against the command's table. */
export class RequestReader {
  /** The header of this request, read by `open`; 0 if the request is too short. */
  header = 0
  /** The memory that holds the requests. */
  view: DataView
  #at = 0
  #end = 0

  constructor(view: DataView) {
    this.view = view
  }

  /** Starts reading `length` bytes at `offset`: reads the header, so that the payload comes next. */
  open(offset: number, length: number): void {
    this.#end = offset + length
    if (length < HEADER_SIZE) {
      this.header = 0
      this.#at = offset
    } else {
      this.header = this.view.getUint32(offset, true)
      this.#at = offset + HEADER_SIZE
    }
  }

  /** Unread bytes. */
  get left(): number {
    return this.#end - this.#at
  }

  u32(): number {
    const value = this.view.getUint32(this.#at, true)
    this.#at += 4
    return value
  }

  s32(): number {
    const value = this.view.getInt32(this.#at, true)
    this.#at += 4
    return value
  }

  /** A copy of the unread bytes. Allocates: not for hot code. */
  rest(): Uint8Array {
    const { buffer, byteOffset } = this.view
    const rest = new Uint8Array(buffer, byteOffset + this.#at, this.left).slice()
    this.#at = this.#end
    return rest
  }

  /** Low word, then high word; exact below 2^53, which covers every quantity of SCMI in practice. */
  u64(): number {
    const low = this.u32()
    const high = this.u32()
    return high * TWO_32 + low
  }

  /** Two's complement in two words; exact within ±2^53. */
  s64(): number {
    const low = this.u32()
    const high = this.s32()
    return high * TWO_32 + low
  }
}

/**
 * Writes the words of a message in order, never past the buffer: a write that does not fit sets `overflow`, and it and
 * all later ones are skipped.
 */
export class MessageWriter {
  /** The memory that holds the replies. */
  view: DataView
  #start = 0
  #at = 0
  #end = 0

  constructor(view: DataView) {
    this.view = view
  }

  /** Starts writing at `offset`, at most `capacity` bytes. */
  open(offset: number, capacity: number): void {
    this.#start = offset
    this.#at = offset
    this.#end = offset + capacity
  }

  /** Overwrites the message with header and status, for which there must be room. */
  begin(header: number, status: number): void {
    const at = this.#start
    this.view.setUint32(at, header, true)
    this.view.setInt32(at + 4, status, true)
    this.#at = at + 8
  }

  /** Something did not fit. */
  get overflow(): boolean {
    return this.#end === OVERFLOWN
  }

  /** Bytes written since `open`. */
  get written(): number {
    return this.#at - this.#start
  }

  /** Entries of `size` bytes that still fit after `before` other bytes: for replies in several parts. */
  room(size: number, before = 0): number {
    return Math.floor((this.#end - this.#at - before) / size)
  }

  u32(value: number): void {
    const at = this.#at
    if (at + 4 > this.#end) {
      this.#end = OVERFLOWN
      return
    }
    this.view.setUint32(at, value, true)
    this.#at = at + 4
  }

  /** Same bytes as u32; the name documents that values may be negative. */
  s32(value: number): void {
    this.u32(value)
  }

  u8(value: number): void {
    const at = this.#at
    if (at + 1 > this.#end) {
      this.#end = OVERFLOWN
      return
    }
    this.view.setUint8(at, value)
    this.#at = at + 1
  }

  u16(value: number): void {
    const at = this.#at
    if (at + 2 > this.#end) {
      this.#end = OVERFLOWN
      return
    }
    this.view.setUint16(at, value, true)
    this.#at = at + 2
  }

  /** A whole number from 0 to 2^53: low word, then high word. */
  u64(value: number): void {
    const at = this.#at
    if (at + 8 > this.#end) {
      this.#end = OVERFLOWN
      return
    }
    this.view.setUint32(at, value, true)
    // Most values fit one word; this check is cheaper than calculating the high word.
    this.view.setUint32(at + 4, value >>> 0 === value ? 0 : Math.floor(value * TWO_TO_MINUS_32), true)
    this.#at = at + 8
  }

  /** A whole number within ±2^53, two's complement in two words. setUint32 takes the low 32 bits of any integer. */
  s64(value: number): void {
    this.u64(value)
  }

  /** ASCII text in `size` bytes, NUL-terminated and NUL-padded; cut to `size - 1` characters. */
  text(value: string, size: number): void {
    const length = Math.min(value.length, size - 1)
    for (let i = 0; i < size; i++) this.u8(i < length ? value.charCodeAt(i) : 0)
  }
}
