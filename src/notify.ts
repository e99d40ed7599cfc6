/**
 * The event queue's sending side for one agent: notifications and delayed responses wait here until the driver offers
 * a buffer, and are written straight into it. Sent after the replies of the batch they arose in, so that no delayed
 * response overtakes its command's reply.
 */
import { ENTRY_REPLY_OFFSET, ENTRY_REPLY_WINDOW, EVENT_ENTRY, type NativeDevice } from './native.js'
import { monotonicUs } from './platform/time.js'
import type { EventSink } from './protocols/agent.js'
import type { DeviceTap } from './tap.js'

/** Notifications kept for a driver that offers no buffers; the oldest make way (virtio 1.3 §5.17.6 allows drops). */
const NOTIFICATIONS_MAX = 256

/** Delayed responses kept: the driver's tokens have 10 bits, so it can't tell more apart. */
const RESPONSES_MAX = 1024

interface PendingEvent {
  header: number
  words: readonly number[]
  /** Bytes that the driver is told of, header included. */
  size: number
  /** A delayed response: must not be lost. */
  mustDeliver: boolean
}

export class EventQueue implements EventSink {
  available = false
  /** Notifications and delayed responses handed to the driver. */
  sent = 0
  /** Notifications given up: no buffer for long, or one too small. */
  dropped = 0
  /** May take a notification or delayed response out of its way (true), to send it as it likes, or never. */
  intercept: ((header: number, words: readonly number[], mustDeliver: boolean) => boolean) | undefined
  /** While it is set, nothing is handed to the driver: everything waits as if there were no buffers. */
  held = false
  readonly #native: NativeDevice
  readonly #windows: () => readonly DataView[]
  readonly #tap: DeviceTap
  #pending: PendingEvent[] = []
  #notifications = 0
  #scheduled = false

  constructor(native: NativeDevice, windows: () => readonly DataView[], tap: DeviceTap) {
    this.#native = native
    this.#windows = windows
    this.#tap = tap
  }

  notify(header: number, words: number[]): void {
    if (!this.available) {
      this.dropped++
      return
    }
    if (this.intercept?.(header, words, false)) return
    this.#queue({ header, words, size: sizeOf(words), mustDeliver: false })
  }

  respondLater(header: number, words: number[]): void {
    if (this.intercept?.(header, words, true)) return
    this.#queue({ header, words, size: sizeOf(words), mustDeliver: true })
  }

  /** Queues any bytes, past the interception. */
  send(message: Uint8Array, mustDeliver: boolean): void {
    if (!this.available && !mustDeliver) return
    const words = new Uint32Array(Math.max(1, Math.ceil(message.length / 4)))
    new Uint8Array(words.buffer).set(message)
    const [header, ...rest] = words
    this.#queue({ header: header!, words: rest, size: message.length, mustDeliver })
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
    if (this.#scheduled) return
    this.#scheduled = true
    process.nextTick(() => {
      this.#scheduled = false
      this.flush()
    })
  }

  /** Hands what waits to the driver, in order, as far as its buffers go. */
  flush(): void {
    if (this.held) return
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
  }

  #write(event: PendingEvent): void {
    const { batch } = this.#native
    const view = this.#windows()[batch[EVENT_ENTRY + ENTRY_REPLY_WINDOW]!]!
    const offset = batch[EVENT_ENTRY + ENTRY_REPLY_OFFSET]!
    view.setUint32(offset, event.header, true)
    for (let i = 0; i < event.words.length; i++) view.setUint32(offset + 4 + i * 4, event.words[i]!, true)
    if (this.#tap.active) this.#tap.event(monotonicUs(), view, offset, event.size)
    this.#native.commitEvent(event.size)
    this.sent++
  }
}

/** Bytes of a header and these words. */
function sizeOf(words: readonly number[]): number {
  return 4 + words.length * 4
}
