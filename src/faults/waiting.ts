/** Messages that a device will deliver later, by timer or when a rule releases them. Ends with their driver. */
import type { Time, Timer } from '../platform/core/time.js'

/** A response, or an event. */
export interface Held {
  kind: 'response' | 'event'
  /** Delivers it, once, if it is still pending. */
  deliver: () => void
}

/** Limit of pending events, whose number the guest controls. Responses are limited by the ring. */
const EVENTS_MAX = 1024

export class Waiting {
  readonly #time: Time
  readonly #held = new Map<Held, Timer | undefined>()

  constructor(time: Time) {
    this.#time = time
  }

  /** Adds a message that `deliver` of the result delivers; undefined if there are too many. */
  add(kind: Held['kind'], deliver: () => void): Held | undefined {
    if (kind === 'event' && this.#held.size >= EVENTS_MAX) return undefined
    const held: Held = {
      kind,
      deliver: () => {
        if (this.#held.delete(held)) deliver()
      },
    }
    this.#held.set(held, undefined)
    return held
  }

  /** The same, delivered after a delay. */
  after(delayUs: number, kind: Held['kind'], deliver: () => void): Held | undefined {
    const held = this.add(kind, deliver)
    if (held) this.#held.set(held, this.#time.after(delayUs, held.deliver))
    return held
  }

  /** Drops the messages of these kinds and returns them. */
  forget(kinds: readonly Held['kind'][]): ReadonlySet<Held> {
    const gone = new Set<Held>()
    for (const [held, timer] of this.#held) {
      if (!kinds.includes(held.kind)) continue
      timer?.cancel()
      this.#held.delete(held)
      gone.add(held)
    }
    return gone
  }
}
