/**
 * Messages that a device sends many times. Large counts are sent in portions, one per turn of the event loop, so that
 * guests and clients are served in between; only counts are stored. Ends with its driver.
 */
import type { EventQueue } from '../device/event-queue.js'

/** Copies per turn of the event loop, which take some tens of microseconds. */
const PORTION = 128

/** Limit of pending copies of all messages together. */
export const COPIES_MAX = 1_000_000

interface Storm {
  message: Uint8Array
  left: number
}

export class Storms {
  readonly #events: EventQueue
  /** In round-robin order. */
  #storms: Storm[] = []
  #waiting = 0
  #next: NodeJS.Immediate | undefined

  constructor(events: EventQueue) {
    this.#events = events
  }

  /** Sends a message `times` times. Copies beyond the limit count as dropped notifications. */
  send(message: Uint8Array, times: number): void {
    const taken = Math.min(times, COPIES_MAX - this.#waiting)
    this.#events.dropped += times - taken
    if (taken === 0) return
    this.#waiting += taken
    this.#storms.push({ message, left: taken })
    if (!this.#next) this.#sendPortion()
  }

  readonly #sendPortion = (): void => {
    this.#next = undefined
    for (let room = PORTION; room > 0 && this.#storms.length > 0; ) {
      const storm = this.#storms[0]!
      const count = Math.min(storm.left, room)
      this.#events.send(storm.message, false, count)
      room -= count
      storm.left -= count
      this.#waiting -= count
      this.#storms.shift()
      if (storm.left > 0) this.#storms.push(storm)
    }
    if (this.#storms.length > 0) this.#next = setImmediate(this.#sendPortion)
  }

  /** The driver is gone. */
  clear(): void {
    if (this.#next) clearImmediate(this.#next)
    this.#next = undefined
    this.#storms = []
    this.#waiting = 0
  }
}
