/**
 * A line of a state file: a checksum, JSON, a line end; records have their generation before the JSON. It is written piece
 * by piece into one buffer: every batch that changes something writes a record, and JSON.stringify of the whole is slow.
 */
import { crc32 } from 'node:zlib'

/** Eight hexadecimal digits and a space. */
const JSON_START = 9
const LINE_END = 0x0a
const BYTES = 64 << 10
/** The longest character of UTF-16, in bytes of UTF-8. */
const CHARACTER_MAX = 3
/** Base64 below this length is cheaper to encode together with the text around it. */
const SHORT = 1000

export class Line {
  #buffer = Buffer.allocUnsafe(BYTES)
  #length = JSON_START
  /** Text that waits to be encoded: a few short pieces are cheaper as one. */
  #text = ''

  /** The line of any value, without a generation. */
  static of(value: unknown): Buffer {
    return new Line().begin().json(JSON.stringify(value)).end().subarray(0, -1)
  }

  begin(generation?: number): this {
    this.#length = JSON_START
    this.#text = generation === undefined ? '' : `${generation} `
    return this
  }

  /** Adds a piece of JSON. */
  json(text: string): this {
    this.#text += text
    return this
  }

  /** Adds the inside of a string that may be long. */
  base64(text: string): this {
    if (text.length < SHORT) return this.json(text)
    this.#flush()
    this.#reserve(text.length)
    this.#length += this.#buffer.write(text, this.#length, 'latin1')
    return this
  }

  /** The line, and an empty one: it ends the records, and shows that the write was complete. Valid until the next `begin`. */
  end(): Buffer {
    this.#flush()
    this.#reserve(2)
    const checksum = checksumOf(this.#buffer.subarray(JSON_START, this.#length))
    this.#buffer.write(`${checksum} `, 0, 'latin1')
    this.#buffer[this.#length] = this.#buffer[this.#length + 1] = LINE_END
    return this.#buffer.subarray(0, this.#length + 2)
  }

  #flush(): void {
    this.#reserve(this.#text.length * CHARACTER_MAX)
    this.#length += this.#buffer.write(this.#text, this.#length)
    this.#text = ''
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(2 * (this.#length + more))
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }
}

/** The content of a line without a generation; undefined if it is incomplete. */
export function parseLine(line: string): unknown {
  const json = checkedText(line)
  return json === undefined ? undefined : parsed(json)
}

/** The content of a record's line; undefined if it is incomplete. */
export function parseRecord(line: string): { generation: number; value: unknown } | undefined {
  const text = checkedText(line)
  const [, digits, json] = /^(\d{1,15}) (.*)$/s.exec(text ?? '') ?? []
  const value = json === undefined ? undefined : parsed(json)
  return value === undefined ? undefined : { generation: Number(digits), value }
}

function checkedText(line: string): string | undefined {
  const text = line.slice(JSON_START)
  return line.slice(0, JSON_START) === `${checksumOf(text)} ` ? text : undefined
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

function checksumOf(json: string | Buffer): string {
  return crc32(json).toString(16).padStart(8, '0')
}
