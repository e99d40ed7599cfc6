/**
 * Persists state for one device: notices what changes it, and keeps the replies of the last batch that did. After a
 * crash the front end resends commands whose reply it did not see. Commands already executed get their stored reply,
 * and so does the rest of their batch, because a reading between two changes was answered between them.
 */
import { z } from 'zod'
import type { Answering } from '../device/answering.js'
import type { Device } from '../device/device.js'
import {
  BATCH_HEADER,
  BATCH_MAX,
  ENTRY_REPLY_CAPACITY,
  ENTRY_REPLY_OFFSET,
  ENTRY_REPLY_WINDOW,
  ENTRY_REQUEST_LENGTH,
  ENTRY_REQUEST_OFFSET,
  ENTRY_REQUEST_WINDOW,
  ENTRY_WORDS,
  ENTRY_WRITTEN,
  HEADER_POSITION,
  MESSAGE_MAX,
} from '../device/native.js'
import { readSaved, type Saved } from '../platform/core/kept.js'
import { messageIdOf, protocolIdOf } from '../wire/header.js'

/** Positions in the used ring have 16 bits. */
const POSITION_MASK = 0xffff
/** After this many further positions a batch can't be resent: it is forgotten long before positions repeat. */
const OLD = 0x4000

/** A batch: the used-ring position of its first reply, then requests and replies, in base64. */
export interface Answered {
  at: number
  messages: [request: string, reply: string][]
}

const bytes = z.base64()
const savedAnswered = z
  .strictObject({
    at: z.int().min(0).max(POSITION_MASK),
    messages: z.array(z.tuple([bytes, bytes])).max(BATCH_MAX),
  })
  .nullable()

export class DeviceKeeper {
  readonly #device: Device
  readonly #commit: () => void
  #answered: Answered | undefined
  /** `#answered` differs from the file. */
  #isNews = false
  /** The current batch has changed state. */
  #changed = false
  /** The front end may still resend messages that an earlier process answered. */
  #resuming = false

  /** `commit` writes changes to the file. */
  constructor(device: Device, commit: () => void) {
    this.#device = device
    this.#commit = commit
    device.events.keep = commit
  }

  /** Persists changes from now on. */
  start(): void {
    const { chain } = this.#device
    chain.set('kept', inner => ({ answer: (first, end) => this.#answer(inner, first, end) }))
    chain.set('committed', inner => ({
      answer: (first, end) => {
        inner.answer(first, end)
        this.#batchDone(end)
      },
    }))
    // Another driver never resends messages of the last one.
    this.#device.on('driverGone', () => this.#replace(undefined))
  }

  get name(): string {
    return this.#device.agent.name
  }

  get isNews(): boolean {
    return this.#isNews
  }

  /** The stored replies, for the file. */
  takeAnswered(): Answered | null {
    this.#isNews = false
    return this.#answered ?? null
  }

  /** Restores what the file says. Throws an error if it is invalid. */
  restore(answered: Saved): void {
    this.#answered = readSaved(savedAnswered, answered) ?? undefined
    this.#resuming = this.#answered !== undefined
  }

  #answer(inner: Answering, first: number, end: number): void {
    for (let entry = first; entry < end; entry += ENTRY_WORDS) {
      if (this.#repeat(entry)) continue
      inner.answer(entry, entry + ENTRY_WORDS)
      this.#executed(this.#device.header)
    }
  }

  /** Answers an entry with the reply of an earlier process; false if there is none. */
  #repeat(entry: number): boolean {
    if (!this.#resuming || !this.#answered) return false
    const { at, messages } = this.#answered
    const { batch } = this.#device.native
    const index = (entry - BATCH_HEADER) / ENTRY_WORDS
    const message = messages[(batch[HEADER_POSITION]! + index - at) & POSITION_MASK]
    if (message?.[0] !== this.#request(entry).toString('base64')) {
      // The front end has all replies by now, or is a different one.
      this.#resuming = false
      return false
    }
    const reply = Buffer.from(message[1], 'base64')
    const length = Math.min(reply.length, batch[entry + ENTRY_REPLY_CAPACITY]!)
    const view = this.#device.window(batch[entry + ENTRY_REPLY_WINDOW]!)
    new Uint8Array(view.buffer, view.byteOffset + batch[entry + ENTRY_REPLY_OFFSET]!, length).set(reply)
    batch[entry + ENTRY_WRITTEN] = length
    return true
  }

  /** A message with this header was executed. */
  #executed(header: number): void {
    const { agent } = this.#device
    if (agent.changed || agent.protocols[protocolIdOf(header)]?.commands[messageIdOf(header)]?.changes) {
      agent.changed = false
      this.#changed = true
    }
  }

  /** The batch up to `end` is answered but not published yet. */
  #batchDone(end: number): void {
    const { batch } = this.#device.native
    const at = batch[HEADER_POSITION]!
    if (this.#changed) {
      this.#changed = false
      const messages: Answered['messages'] = []
      for (let entry = BATCH_HEADER; entry < end; entry += ENTRY_WORDS) {
        messages.push([this.#request(entry).toString('base64'), this.#reply(entry).toString('base64')])
      }
      this.#replace({ at, messages })
    } else if (this.#answered && ((at - this.#answered.at) & POSITION_MASK) > OLD) {
      this.#replace(undefined)
    }
  }

  #replace(answered: Answered | undefined): void {
    this.#answered = answered
    this.#isNews = true
    this.#commit()
  }

  /** The guest's memory, which may change at any time. */
  #request(entry: number): Buffer {
    const { batch } = this.#device.native
    const length = Math.min(batch[entry + ENTRY_REQUEST_LENGTH]!, MESSAGE_MAX)
    return this.#bytes(batch[entry + ENTRY_REQUEST_WINDOW]!, batch[entry + ENTRY_REQUEST_OFFSET]!, length)
  }

  #reply(entry: number): Buffer {
    const { batch } = this.#device.native
    const length = Math.min(batch[entry + ENTRY_WRITTEN]!, MESSAGE_MAX, batch[entry + ENTRY_REPLY_CAPACITY]!)
    return this.#bytes(batch[entry + ENTRY_REPLY_WINDOW]!, batch[entry + ENTRY_REPLY_OFFSET]!, length)
  }

  #bytes(window: number, offset: number, length: number): Buffer {
    const view = this.#device.window(window)
    return Buffer.from(view.buffer, view.byteOffset + offset, length)
  }
}
