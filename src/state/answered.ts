/**
 * The executed messages of a batch with their replies, in one reused buffer. Each takes three words of 16 bits (its place
 * in the batch, the lengths of request and reply), then the bytes of both.
 */
import { BATCH_MAX, MESSAGE_MAX } from '../device/native.js'
import { mustFit } from '../platform/core/kept.js'

const HEAD = 6
const BYTES = 16 << 10

/** Bytes of a message, in a window. */
export interface Place {
  view: DataView
  offset: number
  length: number
}

export interface Exchange {
  request: Buffer
  reply: Buffer
}

export class Answered {
  /** Where in the used ring the batch's first reply went. */
  at = 0
  #view = new DataView(new ArrayBuffer(BYTES))
  /** The same buffer. */
  #bytes = Buffer.from(this.#view.buffer)
  #length = 0

  get base64(): string {
    return this.#bytes.toString('base64', 0, this.#length)
  }

  clear(): void {
    this.#length = 0
  }

  /** Hot: copying bytes and words is cheaper than making a view of each message. */
  add(index: number, request: Place, reply: Place): void {
    const start = this.#length
    const end = start + HEAD + request.length + reply.length
    if (end > this.#view.byteLength) this.#grow(end)
    this.#view.setUint16(start, index, true)
    this.#view.setUint16(start + 2, request.length, true)
    this.#view.setUint16(start + 4, reply.length, true)
    copy(request, this.#view, start + HEAD)
    copy(reply, this.#view, start + HEAD + request.length)
    this.#length = end
  }

  #grow(needed: number): void {
    const old = this.#bytes
    this.#view = new DataView(new ArrayBuffer(2 * needed))
    this.#bytes = Buffer.from(this.#view.buffer)
    old.copy(this.#bytes, 0, 0, this.#length)
  }

  /** Restores a saved batch; returns its exchanges by place. Throws an error if `bytes` are damaged. */
  restore(at: number, bytes: Buffer): Map<number, Exchange> {
    const exchanges = new Map<number, Exchange>()
    let last = -1
    for (let start = 0; start < bytes.length; ) {
      mustFit(bytes.length - start >= HEAD, 'messages: end too early')
      const index = bytes.readUInt16LE(start)
      const [requestLength, replyLength] = [bytes.readUInt16LE(start + 2), bytes.readUInt16LE(start + 4)]
      const replyStart = start + HEAD + requestLength
      const end = replyStart + replyLength
      mustFit(index > last && index < BATCH_MAX, 'messages: not in the order of a batch')
      mustFit(requestLength <= MESSAGE_MAX && replyLength <= MESSAGE_MAX, 'messages: one is too long')
      mustFit(end <= bytes.length, 'messages: end too early')
      const [request, reply] = [bytes.subarray(start + HEAD, replyStart), bytes.subarray(replyStart, end)]
      exchanges.set(index, { request, reply })
      last = index
      start = end
    }
    this.at = at
    this.#grow(bytes.length)
    bytes.copy(this.#bytes)
    this.#length = bytes.length
    return exchanges
  }
}

function copy({ view, offset, length }: Place, to: DataView, at: number): void {
  const words = length & ~3
  for (let i = 0; i < words; i += 4) to.setUint32(at + i, view.getUint32(offset + i, true), true)
  for (let i = words; i < length; i++) to.setUint8(at + i, view.getUint8(offset + i))
}
