/**
 * The event queue's sending side for one agent: notifications and delayed responses wait here until the driver offers
 * a buffer, and are written straight into it. Sent after the replies of the batch they arose in, so that no delayed
 * response overtakes its command's reply.
 */
import { z } from 'zod'
import { type Kept, readSaved, type Saved, savedWord } from '../platform/core/kept.js'
import { monotonicUs } from '../platform/core/time.js'
import type { EventSink, Subject } from '../protocols/declaration/event-sink.js'
import { ENTRY_REPLY_OFFSET, ENTRY_REPLY_WINDOW, ENTRY_TICKET, EVENT_ENTRY, type NativeDevice } from './native.js'

/** Notifications kept for a driver that offers no buffers; the oldest are dropped (virtio 1.3 §5.17.6 allows that). */
const NOTIFICATIONS_MAX = 256

/** Delayed responses kept: tokens have 10 bits, so a driver can't have more commands outstanding. */
const RESPONSES_MAX = 1024

interface PendingEvent {
  header: number
  words: readonly number[]
  /** Bytes that the driver is told of, header included. */
  size: number
  /** A delayed response: must not be lost. */
  mustDeliver: boolean
  /** Of a notification. */
  about?: Subject | undefined
}

/** Stands for a notification that a former process may have sent: it keeps the others' places. */
const LOST: PendingEvent = { header: 0, words: [], size: 0, mustDeliver: false }

/** Where in the used ring the first goes, then header and words of each; null stands for a notification. */
const savedEvents = z
  .tuple([z.int().min(0).max(0xffff).nullable(), z.array(z.array(savedWord).min(1).nullable())])
  .nullable()

/** What fault rules, the state file and the tap do with events: at most one of each. */
export interface EventLinks {
  /** Returns true to take a notification or delayed response over: it sends it later, changed, or never. */
  faulty(header: number, words: readonly number[], mustDeliver: boolean, about: Subject | undefined): boolean
  /** Called when delayed responses are about to be handed to the driver, and when they have been. */
  kept(): void
  /** Sees what the driver is given; `window`, `offset` and `length` say where it lies. */
  seen(timeUs: number, window: DataView, offset: number, length: number): void
}

export class EventQueue implements EventSink, Kept {
  onChange: (() => void) | undefined
  available = false
  /** Notifications and delayed responses handed to the driver. */
  sent = 0
  /** Notifications dropped: no buffer for a long time, or one that is too small. */
  dropped = 0
  readonly #native: NativeDevice
  readonly #window: (index: number) => DataView
  readonly #links: { [P in keyof EventLinks]?: EventLinks[P] | undefined } = {}
  #held = false
  #pending: PendingEvent[] = []
  #notifications = 0
  #scheduled = false
  /** Where in the used ring the first that waits goes; undefined: none of those was about to be sent. */
  #position: number | undefined
  /** Those that wait come from a former process, which may have sent the first of them. */
  #restored = false

  constructor(native: NativeDevice, window: (index: number) => DataView) {
    this.#native = native
    this.#window = window
  }

  /** Sets one of them, or removes it. */
  set<P extends keyof EventLinks>(place: P, link: EventLinks[P] | undefined): void {
    this.#links[place] = link
  }

  /** While held, nothing is sent: everything waits as if there were no buffers. */
  hold(held: boolean): void {
    this.#held = held
    if (!held) this.flush()
  }

  notify(header: number, words: number[], about?: Subject): void {
    if (!this.available) {
      this.dropped++
      return
    }
    if (this.#links.faulty?.(header, words, false, about)) return
    this.#queue({ header, words, size: sizeOf(words), mustDeliver: false, about })
  }

  respondLater(header: number, words: number[]): void {
    if (this.#links.faulty?.(header, words, true, undefined)) return
    this.#queue({ header, words, size: sizeOf(words), mustDeliver: true })
  }

  /** Queues any bytes, past the `faulty` link, so many times. */
  send(message: Uint8Array, mustDeliver: boolean, times = 1): void {
    if (!this.available && !mustDeliver) return
    const words = new Uint32Array(Math.max(1, Math.ceil(message.length / 4)))
    new Uint8Array(words.buffer).set(message)
    const [header, ...rest] = words
    const event = { header: header!, words: rest, size: message.length, mustDeliver }
    for (let i = 0; i < times; i++) this.#queue(event)
  }

  /** Drops waiting notifications about resources that were taken from the agent. */
  drop(which: (header: number, about: Subject | undefined) => boolean): void {
    const before = this.#pending.length
    this.#pending = this.#pending.filter(({ header, about, mustDeliver }) => mustDeliver || !which(header, about))
    const given = before - this.#pending.length
    this.#notifications -= given
    this.dropped += given
  }

  get congested(): boolean {
    return this.#pending.length - this.#notifications >= RESPONSES_MAX
  }

  /** Events waiting for buffers. */
  get waiting(): number {
    return this.#pending.length
  }

  /** A new driver: nothing that waits is for it. */
  clear(): void {
    this.#pending = []
    this.#notifications = 0
    this.#restored = false
    this.onChange?.()
  }

  /** Notifications may be lost (virtio 1.3 §5.17.6), delayed responses may be neither lost nor sent twice. */
  save(): Saved {
    if (this.#pending.length === this.#notifications) return null
    // Words may be negative, such as statuses.
    const saved = (header: number, words: readonly number[]) => [header, ...words].map(word => word >>> 0)
    const events = this.#pending.map(({ header, words, mustDeliver }) => (mustDeliver ? saved(header, words) : null))
    return [this.#position ?? null, events]
  }

  restore(saved: Saved): void {
    const state = readSaved(savedEvents, saved)
    if (state === null) return
    const [position, events] = state
    this.#position = position ?? undefined
    this.#restored = true
    this.#pending = events.map(event => {
      if (!event) return LOST
      const [header, ...words] = event as [number, ...number[]]
      return { header, words, size: sizeOf(words), mustDeliver: true }
    })
    this.#notifications = this.#pending.filter(event => !event.mustDeliver).length
  }

  /** The driver's next buffer goes to `position` of the used ring: what a former process had put there already is sent. */
  #dropSent(position: number): void {
    this.#restored = false
    const sent = this.#position === undefined ? 0 : (position - this.#position) & 0xffff
    this.#pending = this.#pending.slice(sent).filter(event => event !== LOST)
    this.#notifications = this.#pending.filter(event => !event.mustDeliver).length
  }

  #queue(event: PendingEvent): void {
    if (event.mustDeliver) {
      this.#enqueue(event)
      return
    }
    if (this.#notifications === NOTIFICATIONS_MAX) {
      const oldest = this.#pending.findIndex(event => !event.mustDeliver)
      this.#pending.splice(oldest, 1)
      this.#notifications--
      this.dropped++
    }
    this.#notifications++
    this.#enqueue(event)
  }

  #enqueue(event: PendingEvent): void {
    this.#pending.push(event)
    this.onChange?.()
    if (this.#scheduled) return
    this.#scheduled = true
    process.nextTick(() => {
      this.#scheduled = false
      this.flush()
    })
  }

  /** Hands what waits to the driver, in order, as far as its buffers go. */
  flush(): void {
    if (this.#held || this.#pending.length === 0 || this.#native.peekEvent() < 0) return
    const position = this.#native.batch[EVENT_ENTRY + ENTRY_TICKET]!
    if (this.#restored) this.#dropSent(position)
    this.#position = position
    this.onChange?.()
    const hasResponses = this.#pending.length > this.#notifications
    if (hasResponses) this.#links.kept?.()
    let done = 0
    for (const event of this.#pending) {
      const capacity = this.#native.peekEvent()
      if (capacity < 0) break
      // Linux posts 136 bytes, more than any event is long. A buffer that is too small stays for the next event: giving it
      // back empty would make Linux parse its stale bytes.
      if (sizeOf(event.words) > capacity) this.dropped++
      else this.#write(event)
      if (!event.mustDeliver) this.#notifications--
      done++
    }
    this.#pending.splice(0, done)
    this.#position = undefined
    this.onChange?.()
    if (hasResponses) this.#links.kept?.()
  }

  #write(event: PendingEvent): void {
    const { batch } = this.#native
    const view = this.#window(batch[EVENT_ENTRY + ENTRY_REPLY_WINDOW]!)
    const offset = batch[EVENT_ENTRY + ENTRY_REPLY_OFFSET]!
    view.setUint32(offset, event.header, true)
    for (let i = 0; i < event.words.length; i++) view.setUint32(offset + 4 + i * 4, event.words[i]!, true)
    this.#links.seen?.(monotonicUs(), view, offset, event.size)
    this.#native.commitEvent(event.size)
    this.sent++
  }
}

/** Bytes of a header and these words. */
function sizeOf(words: readonly number[]): number {
  return 4 + words.length * 4
}
