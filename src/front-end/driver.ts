/**
 * A virtio SCMI driver (virtio 1.3 §5.17): two queues, buffers for messages, buffers for events. Knows no SCMI: messages
 * are bytes.
 */
import { closeSync } from 'node:fs'
import type { GuestMemory } from './memory.js'
import { type Chain, type Form, type Piece, Queue, type Used } from './queue.js'

/** Fills reply buffers before the device writes to them. */
export const POISON = 0xee

const SLOT = 512

export interface DriverOptions {
  size?: number
  eventSize?: number
  eventIdx?: boolean
  /** Form of messages whose layout gives none; default direct. */
  form?: Form
}

export interface Layout {
  /** Lengths of the pieces of the request and of the reply; default: one each, none if empty. */
  readable?: readonly number[]
  writable?: readonly number[]
  form?: Form
  /** Addresses of request and reply, instead of a slot of the driver's own. */
  requestAt?: number
  replyAt?: number
  table?: number
}

export interface Message {
  head: number
  request: Piece
  reply: Piece
  slot: number | undefined
}

export interface Answer {
  /** used.len: the bytes that the device says it has written. */
  reply: Uint8Array
  length: number
}

export class Driver {
  readonly memory: GuestMemory
  readonly cmdq: Queue
  readonly eventq: Queue
  private readonly form: Form
  private readonly slots: number[] = []
  private readonly messages = new Map<number, Message>()
  private readonly eventBuffers = new Map<number, Piece>()

  constructor(memory: GuestMemory, options: DriverOptions = {}) {
    const { size = 64, eventSize = 16, eventIdx = false, form = 'direct' } = options
    this.memory = memory
    this.form = form
    this.cmdq = new Queue(memory, { index: 0, size, eventIdx })
    this.eventq = new Queue(memory, { index: 1, size: eventSize, eventIdx })
    for (let i = 0; i < size; i++) this.slots.push(memory.allocate(2 * SLOT))
  }

  get queues(): Queue[] {
    return [this.cmdq, this.eventq]
  }

  close(): void {
    for (const fd of this.queues.flatMap(queue => queue.fds)) closeSync(fd)
  }

  /** Zeroes both rings and forgets all messages, as a driver does after a reset of the device. */
  reset(): void {
    for (const queue of this.queues) queue.reset()
    for (const { slot } of this.messages.values()) if (slot !== undefined) this.slots.push(slot)
    this.messages.clear()
    this.eventBuffers.clear()
  }

  /** Writes a message and offers it; `publish` on the queue makes it visible. */
  post(bytes: Uint8Array, capacity: number, layout: Layout = {}): Message {
    const needsSlot = layout.requestAt === undefined || layout.replyAt === undefined
    if (needsSlot && (bytes.length > SLOT || capacity > SLOT)) throw new Error(`more than ${SLOT} bytes need a place`)
    const slot = needsSlot ? this.slots.shift() : undefined
    if (needsSlot && slot === undefined) throw new Error('no slot is free')
    const request = { at: layout.requestAt ?? slot!, length: bytes.length }
    const reply = { at: layout.replyAt ?? slot! + SLOT, length: capacity }
    this.memory.write(request.at, bytes)
    this.memory.fill(reply.at, capacity, POISON)
    const chain: Chain = {
      readable: split(request, layout.readable),
      writable: split(reply, layout.writable),
      form: layout.form ?? this.form,
      ...(layout.table === undefined ? {} : { table: layout.table }),
    }
    const message = { head: this.cmdq.post(chain), request, reply, slot }
    this.messages.set(message.head, message)
    return message
  }

  /** The reply to a used message. Throws if the device wrote beyond used.len or beyond the buffer. */
  answer(used: Used): Answer {
    const message = this.messages.get(used.head)
    if (!message) throw new Error(`head ${used.head} holds no message`)
    this.messages.delete(used.head)
    if (message.slot !== undefined) this.slots.push(message.slot)
    const bytes = this.memory.read(message.reply.at, message.reply.length)
    if (used.length > bytes.length) throw new Error(`used.len ${used.length} of ${bytes.length} bytes`)
    if (bytes.subarray(used.length).some(byte => byte !== POISON)) throw new Error('bytes beyond used.len were written')
    return { reply: bytes.slice(0, used.length), length: used.length }
  }

  /** Posts one message and waits for its answer. */
  async exchange(bytes: Uint8Array, capacity: number, layout?: Layout): Promise<Answer> {
    const { head } = this.post(bytes, capacity, layout)
    this.cmdq.publish()
    const used = await this.cmdq.collect(1)
    if (used.length !== 1 || used[0]!.head !== head)
      throw new Error(`head ${head} posted, ${JSON.stringify(used)} used`)
    return this.answer(used[0]!)
  }

  /** The events that have arrived, oldest first; their buffers are offered again. */
  takeEvents(): Uint8Array[] {
    const used = this.eventq.takeAll()
    const events = used.map(({ head, length }) => {
      const piece = this.eventBuffers.get(head)!
      this.eventBuffers.delete(head)
      if (length > piece.length) throw new Error(`used.len ${length} of ${piece.length} bytes`)
      const event = this.memory.read(piece.at, length)
      this.eventBuffers.set(this.eventq.post({ readable: [], writable: [piece] }), piece)
      return event
    })
    if (used.length > 0) this.eventq.publish()
    return events
  }

  /** Offers `count` buffers of `length` bytes for events, and kicks if the device asks for it. */
  postEventBuffers(count: number, length: number): void {
    for (let i = 0; i < count; i++) {
      const piece = { at: this.memory.allocate(Math.max(length, 1)), length }
      this.memory.fill(piece.at, length, POISON)
      this.eventBuffers.set(this.eventq.post({ readable: [], writable: [piece] }), piece)
    }
    this.eventq.publish()
  }

  /** The events that have arrived, oldest first. */
  events(): Uint8Array[] {
    return this.eventq.takeAll().map(({ head, length }) => {
      const piece = this.eventBuffers.get(head)!
      this.eventBuffers.delete(head)
      return this.memory.read(piece.at, Math.min(length, piece.length))
    })
  }
}

/** Cuts a piece into parts of the given lengths, which must fill it. */
export function split(piece: Piece, lengths?: readonly number[]): Piece[] {
  if (!lengths) return piece.length > 0 ? [piece] : []
  let at = piece.at
  const parts = lengths.map(length => {
    const part = { at, length }
    at += length
    return part
  })
  if (at !== piece.at + piece.length) throw new Error(`parts of ${at - piece.at} bytes for ${piece.length}`)
  return parts
}
