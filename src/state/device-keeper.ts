/**
 * One device's side of a kept state: notices what changes it, and keeps the replies of the last batch that did. After a
 * crash the front end sends again what it saw no reply to. What of that was carried out already gets the reply that it got
 * then; the rest of the batch, too, because a reading that stood between two changes was answered between them.
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
/** Positions after which a batch can't come again: it is forgotten before they are used a second time. */
const OLD = 0x4000

const savedAnswered = z.strictObject({ at: z.int().min(0).max(POSITION_MASK), messages: z.base64() }).nullable()

export class DeviceKeeper {
  readonly #device: Device
  readonly #commit: () => void
  /** Its name, as a key of JSON. */
  readonly #key: string
  /** The last batch that changed something, and the one that is being answered: they take turns. */
  #answered = new Answered()
  #answering = new Answered()
  /** Whether there is such a last batch, and it is not too old to matter. */
  #hasAnswered = false
  /** Whether the file says otherwise. */
  #isNews = false
  /** Whether the batch that is being answered has changed something. */
  #changed = false
  /** What the front end may still send although an earlier process carried it out, by places in `#answered`. */
  #resuming: Map<number, Exchange> | undefined
  /** Where requests and replies are; used again. */
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
    device.events.keep = commit
  }

  /** From now on, what messages change is kept. */
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
    // Another driver: nothing of what the last one sent comes again.
    this.#device.on('driverGone', () => this.#forget())
  }

  get name(): string {
    return this.#device.agent.name
  }

  get isNews(): boolean {
    return this.#isNews
  }

  /** Adds to a record of the file what it says of this agent's last batch. */
  writeAnswered(line: Line): void {
    this.#isNews = false
    if (!this.#hasAnswered) line.json(`${this.#key}null`)
    else line.json(`${this.#key}{"at":${this.#answered.at},"messages":"`).base64(this.#answered.base64).json('"}')
  }

  /** Takes over what the file says. Throws an error if it is of no use. */
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
    // Where faults have messages answered one by one, a later one of the batch may change something.
    const isWhole = end - first === native.batch[HEADER_COUNT]! * ENTRY_WORDS
    if (this.#changed || !isWhole) this.#note(first, end)
  }

  /** Answers an entry of the batch as an earlier process did; false if none did. */
  #repeat(entry: number): boolean {
    if (!this.#resuming) return false
    const { batch } = this.#device.native
    const place = (batch[HEADER_POSITION]! + indexOf(entry) - this.#answered.at) & POSITION_MASK
    const exchange = this.#resuming.get(place)
    // A fault rule may have kept it from being carried out.
    if (!exchange && place < BATCH_MAX) return false
    if (!exchange?.request.equals(bytesOf(this.#requestOf(entry)))) {
      // The front end has all replies by now, or is another.
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

  /** Notes what was carried out, with replies as they were before a fault rule edits them. */
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
