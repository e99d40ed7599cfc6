/**
 * Persistence of one device: notices batches that change state, and stores the replies of the last one. After a crash the
 * front end resends the messages whose replies it has not seen. Those already executed get their stored reply. So does the
 * rest of their batch: a reading between two changes must give the value that it gave then.
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
  HEADER_COUNT,
  HEADER_POSITION,
  MESSAGE_MAX,
  SCRATCH_WINDOW,
} from '../device/native.js'
import { readSaved, type Saved } from '../platform/core/kept.js'
import { Answered, type Exchange, type Place } from './answered.js'
import type { Line } from './line.js'

/** Positions in the used ring have 16 bits. */
const POSITION_MASK = 0xffff
/** A batch is not resent once this many replies follow it. It is forgotten then, long before positions repeat. */
const OLD = 0x4000

const savedAnswered = z.strictObject({ at: z.int().min(0).max(POSITION_MASK), messages: z.base64() }).nullable()

export class DeviceKeeper {
  readonly #device: Device
  readonly #commit: () => void
  /** Its name, as a key of JSON. */
  readonly #key: string
  /** The last batch that changed something, and the one that is being answered; they swap. */
  #answered = new Answered()
  #answering = new Answered()
  /** Whether there is such a last batch, and it may still be resent. */
  #hasAnswered = false
  /** Whether the file has yet to be told of it. */
  #isNews = false
  /** Whether the batch that is being answered has changed something. */
  #changed = false
  /** What an earlier process executed and the front end may resend, by place in the batch. */
  #resuming: Map<number, Exchange> | undefined
  /** Where a request and its reply are; reused. */
  readonly #request: Place
  readonly #reply: Place

  /** `commit` writes what has changed. */
  constructor(device: Device, commit: () => void) {
    this.#device = device
    this.#commit = commit
    this.#key = `${JSON.stringify(device.agent.name)}:`
    const view = device.window(SCRATCH_WINDOW)
    this.#request = { view, offset: 0, length: 0 }
    this.#reply = { view, offset: 0, length: 0 }
    device.events.set('kept', commit)
  }

  /** From now on, changes by messages are persisted. */
  start(): void {
    const { chain, agent } = this.#device
    agent.changed = false
    chain.set('kept', inner => ({ answer: (first, end) => this.#answer(inner, first, end) }))
    chain.set('committed', inner => ({
      answer: (first, end) => {
        inner.answer(first, end)
        this.#batchDone()
      },
    }))
    this.#device.on('memoryRead', () => this.#commit())
    // A new driver: nobody resends what the last one sent.
    this.#device.on('driverGone', () => this.#forget())
  }

  get name(): string {
    return this.#device.agent.name
  }

  get isNews(): boolean {
    return this.#isNews
  }

  /** Adds this agent's last batch to a record of the file. */
  writeAnswered(line: Line): void {
    this.#isNews = false
    if (!this.#hasAnswered) line.json(`${this.#key}null`)
    else line.json(`${this.#key}{"at":${this.#answered.at},"messages":"`).base64(this.#answered.base64).json('"}')
  }

  /** Restores the last batch from the file. Throws an error if it is damaged. */
  restore(saved: Saved): void {
    const answered = readSaved(savedAnswered, saved)
    if (!answered) return
    this.#hasAnswered = true
    this.#resuming = this.#answered.restore(answered.at, Buffer.from(answered.messages, 'base64'))
  }

  #answer(inner: Answering, first: number, end: number): void {
    if (this.#resuming) {
      for (let entry = first; entry < end; entry += ENTRY_WORDS) {
        if (!this.#repeat(entry)) inner.answer(entry, entry + ENTRY_WORDS)
      }
    } else {
      inner.answer(first, end)
    }
    const { agent, native } = this.#device
    if (agent.changed) {
      agent.changed = false
      this.#changed = true
    }
    // Fault rules have messages answered one by one: a later one of the batch may change something.
    const isWhole = end - first === native.batch[HEADER_COUNT]! * ENTRY_WORDS
    if (this.#changed || !isWhole) this.#note(first, end)
  }

  /** Answers an entry of the batch as an earlier process did; false if none did. */
  #repeat(entry: number): boolean {
    if (!this.#resuming) return false
    const { batch } = this.#device.native
    const place = (batch[HEADER_POSITION]! + indexOf(entry) - this.#answered.at) & POSITION_MASK
    const exchange = this.#resuming.get(place)
    // A fault rule may have prevented its execution.
    if (!exchange && place < BATCH_MAX) return false
    if (!exchange?.request.equals(bytesOf(this.#requestOf(entry)))) {
      // The front end has all replies by now, or it is another one.
      this.#resuming = undefined
      return false
    }
    const { reply } = exchange
    const length = Math.min(reply.length, batch[entry + ENTRY_REPLY_CAPACITY]!)
    const view = this.#device.window(batch[entry + ENTRY_REPLY_WINDOW]!)
    new Uint8Array(view.buffer, view.byteOffset + batch[entry + ENTRY_REPLY_OFFSET]!, length).set(
      reply.subarray(0, length),
    )
    batch[entry + ENTRY_WRITTEN] = length
    return true
  }

  /** Records executed messages, with their replies before fault rules edit them. */
  #note(first: number, end: number): void {
    for (let entry = first; entry < end; entry += ENTRY_WORDS) {
      this.#answering.add(indexOf(entry), this.#requestOf(entry), this.#replyOf(entry))
    }
  }

  /** The batch is answered, but not published yet. */
  #batchDone(): void {
    const at = this.#device.native.batch[HEADER_POSITION]!
    if (this.#changed) {
      this.#changed = false
      const older = this.#answered
      this.#answered = this.#answering
      this.#answered.at = at
      this.#answering = older
      this.#hasAnswered = this.#isNews = true
      this.#commit()
    } else if (this.#hasAnswered && ((at - this.#answered.at) & POSITION_MASK) > OLD) {
      this.#forget()
    }
    this.#answering.clear()
  }

  #forget(): void {
    this.#hasAnswered = false
    this.#resuming = undefined
    this.#isNews = true
    this.#commit()
  }

  /** The guest's memory: may change at any time. */
  #requestOf(entry: number): Place {
    const { batch } = this.#device.native
    const place = this.#request
    place.view = this.#device.window(batch[entry + ENTRY_REQUEST_WINDOW]!)
    place.offset = batch[entry + ENTRY_REQUEST_OFFSET]!
    place.length = Math.min(batch[entry + ENTRY_REQUEST_LENGTH]!, MESSAGE_MAX)
    return place
  }

  #replyOf(entry: number): Place {
    const { batch } = this.#device.native
    const place = this.#reply
    place.view = this.#device.window(batch[entry + ENTRY_REPLY_WINDOW]!)
    place.offset = batch[entry + ENTRY_REPLY_OFFSET]!
    place.length = Math.min(batch[entry + ENTRY_WRITTEN]!, MESSAGE_MAX, batch[entry + ENTRY_REPLY_CAPACITY]!)
    return place
  }
}

function indexOf(entry: number): number {
  return (entry - BATCH_HEADER) / ENTRY_WORDS
}

function bytesOf({ view, offset, length }: Place): Buffer {
  return Buffer.from(view.buffer, view.byteOffset + offset, length)
}
