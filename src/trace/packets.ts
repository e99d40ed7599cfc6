/** Reads a trace file packet by packet. The file may be cut off anywhere, if the recording process was killed. */
import { closeSync, constants, openSync, readSync } from 'node:fs'
import { OperatorError } from '../support/errors.js'
import { reasonOf } from './file.js'
import { decodePacket, PACKET_TAG, type TracePacket } from './perfetto.js'

const CHUNK = 1 << 20
/** Our packets have a few hundred bytes, except for the platform file; anything longer is a corrupt length. */
const PACKET_MAX = 64 << 20
/** Tag and length: one byte, and a varint of at most five. */
const HEAD_MAX = 6

export class PacketReader {
  readonly #path: string
  readonly #fd: number
  #buffer = Buffer.alloc(CHUNK)
  #at = 0
  #end = 0
  /** File offset of `#at`. */
  #offset = 0
  /** Bytes after the last whole packet. */
  cutOff = 0

  /** Throws OperatorError if the file can't be read. */
  constructor(path: string) {
    this.#path = path
    try {
      // Without O_NONBLOCK, opening a pipe would wait for a writer.
      this.#fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    } catch (error) {
      throw new OperatorError(`${path}: ${reasonOf(error)}`)
    }
  }

  /** All whole packets. Throws OperatorError if the file is corrupt. */
  *packets(): Generator<TracePacket> {
    try {
      for (;;) {
        this.#fill(HEAD_MAX)
        const left = this.#end - this.#at
        if (left === 0) return
        const head = this.#head()
        if (head && head.length > PACKET_MAX) throw this.#corrupt()
        if (!head || !this.#fill(head.size + head.length)) {
          this.cutOff = this.#end - this.#at
          return
        }
        const start = this.#at + head.size
        yield this.#decode(this.#buffer.subarray(start, start + head.length))
        this.#offset += head.size + head.length
        this.#at = start + head.length
      }
    } finally {
      closeSync(this.#fd)
    }
  }

  /** Length of the tag and length fields, and of the packet; undefined if the file ends within them. */
  #head(): { size: number; length: number } | undefined {
    if (this.#buffer[this.#at] !== PACKET_TAG) throw this.#corrupt()
    let length = 0
    for (let i = 1; i < HEAD_MAX; i++) {
      if (this.#at + i === this.#end) return undefined
      const byte = this.#buffer[this.#at + i]!
      length += (byte & 0x7f) * 2 ** (7 * (i - 1))
      if (byte < 0x80) return { size: 1 + i, length }
    }
    throw this.#corrupt()
  }

  #decode(bytes: Uint8Array): TracePacket {
    try {
      return decodePacket(bytes)
    } catch {
      // protobufjs' own errors only speak of its buffers.
      throw this.#corrupt()
    }
  }

  #corrupt(): OperatorError {
    return new OperatorError(
      this.#offset === 0
        ? `${this.#path}: not a trace in Perfetto's format`
        : `${this.#path}: corrupt at byte ${this.#offset}`,
    )
  }

  /** Reads until `wanted` bytes are available from `#at`; false if the file ends first. */
  #fill(wanted: number): boolean {
    if (this.#end - this.#at >= wanted) return true
    const rest = this.#buffer.subarray(this.#at, this.#end)
    const size = Math.max(CHUNK, wanted)
    if (size > this.#buffer.length) this.#buffer = Buffer.concat([rest], size)
    else rest.copy(this.#buffer)
    this.#end = rest.length
    this.#at = 0
    while (this.#end < wanted) {
      const read = this.#read()
      if (read === 0) return false
      this.#end += read
    }
    return true
  }

  #read(): number {
    try {
      return readSync(this.#fd, this.#buffer, this.#end, this.#buffer.length - this.#end, null)
    } catch (error) {
      throw new OperatorError(`${this.#path}: ${reasonOf(error)}`)
    }
  }
}
