/**
 * The one reader and the one writer of messages, both reused for every message: this is hot code (no allocation).
 *
 * The bytes are the guest's own memory and may change while they are read: read each word once, into a const, check the
 * const. Field order is the caller's business; the tables in wire/fields describe the same bytes for cold code.
 */
import { HEADER_SIZE } from './header.js'

const TWO_32 = 0x1_0000_0000
/** In place of the end of the buffer, once something did not fit: now nothing fits, and no buffer ends here. */
const OVERFLOWN = 0
/** Multiplying by a power of two is exact, and several times as fast as dividing. */
const TWO_TO_MINUS_32 = 1 / TWO_32

/** Reads a request's words in order. dispatch has checked the length against the command's table before a handler runs. */
export class RequestReader {
  /** The message header of this request, read when it was opened; 0 if the request is too short to have one. */
  header = 0
  /** Where requests lie. */
  view: DataView
  #at = 0
  #end = 0

  constructor(view: DataView) {
    this.view = view
  }

  /** Points the reader at `length` bytes of its view, and reads the header: what comes next is the payload. */
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

  /** Bytes not read yet. */
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

  /** Low word, then high word; exact below 2^53, which every quantity of SCMI is in practice. */
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
 * Writes a message's words in order and never past the buffer: a write that does not fit is left out and remembered in
 * `overflow`, and so are all later ones.
 */
export class MessageWriter {
  /** Where replies lie. */
  view: DataView
  #start = 0
  #at = 0
  #end = 0

  constructor(view: DataView) {
    this.view = view
  }

  /** Points the writer at `capacity` bytes of its view. */
  open(offset: number, capacity: number): void {
    this.#start = offset
    this.#at = offset
    this.#end = offset + capacity
  }

  /** Writes the first two words of the message, for which there must be room, in place of whatever was written. */
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

  /** How many entries of `size` bytes still fit after `before` other bytes: what a reply in several parts may hold. */
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

  /** Same bytes as u32; the name tells the reader that negative values are meant. */
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
    // Most values take one word, and to see that costs less than to work out the other.
    this.view.setUint32(at + 4, value >>> 0 === value ? 0 : Math.floor(value * TWO_TO_MINUS_32), true)
    this.#at = at + 8
  }

  /** A whole number within ±2^53, two's complement in two words. setUint32 takes the low 32 bits of any integer. */
  s64(value: number): void {
    this.u64(value)
  }

  /** ASCII text, NUL-terminated and NUL-padded to `size` bytes: longer text is cut to `size - 1` characters. */
  text(value: string, size: number): void {
    const length = Math.min(value.length, size - 1)
    for (let i = 0; i < size; i++) this.u8(i < length ? value.charCodeAt(i) : 0)
  }
}
