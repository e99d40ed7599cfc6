/**
 * A line of a state file: a checksum, JSON, a line end. It is written into one buffer, piece by piece, because a record is
 * made for every batch that changes something: neither JSON.stringify nor a text of the whole are worth their time there.
 */
import { crc32 } from 'node:zlib'

/** Eight hexadecimal digits and a space. */
const JSON_START = 9
const LINE_END = 0x0a
const BYTES = 64 << 10
/** The longest character of UTF-16, in bytes of UTF-8. */
const CHARACTER_MAX = 3

export class Line {
  #buffer = Buffer.allocUnsafe(BYTES)
  #length = JSON_START

  /** A line of any value. */
  static of(value: unknown): Buffer {
    return new Line().begin().json(JSON.stringify(value)).end()
  }

  begin(): this {
    this.#length = JSON_START
    return this
  }

  /** Adds a piece of JSON. */
  json(text: string): this {
    this.#reserve(text.length * CHARACTER_MAX)
    this.#length += this.#buffer.write(text, this.#length)
    return this
  }

  /** Adds the inside of a string: bytes in base64. */
  base64(bytes: Buffer): this {
    const text = bytes.toString('base64')
    this.#reserve(text.length)
    this.#length += this.#buffer.write(text, this.#length, 'latin1')
    return this
  }

  /** The whole line; it holds until the next one begins. */
  end(): Buffer {
    this.#reserve(1)
    const checksum = checksumOf(this.#buffer.subarray(JSON_START, this.#length))
    this.#buffer.write(`${checksum} `, 0, 'latin1')
    this.#buffer[this.#length] = LINE_END
    return this.#buffer.subarray(0, this.#length + 1)
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(2 * (this.#length + more))
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }
}

/** What a line holds, or undefined if it is not whole. */
export function parseLine(line: string): unknown {
  const json = line.slice(JSON_START)
  if (line.slice(0, JSON_START) !== `${checksumOf(json)} `) return undefined
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

function checksumOf(json: string | Buffer): string {
  return crc32(json).toString(16).padStart(8, '0')
}
