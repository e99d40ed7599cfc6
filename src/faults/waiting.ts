/** What a device has yet to deliver, by itself or when a rule lets it go. Ends with the driver it is for. */
import type { Time, Timer } from '../platform/core/time.js'

/** A response to a command, or something on the event queue. */
export interface Held {
  kind: 'response' | 'event'
  /** Delivers it, once, if it is still to come. */
  deliver: () => void
}

/** Events that wait, at most: the guest decides how many there are. Responses are as many as its ring has room for. */
const EVENTS_MAX = 1024

export class Waiting {
  readonly #time: Time
  readonly #held = new Map<Held, Timer | undefined>()

  constructor(time: Time) {
    this.#time = time
  }

  /** Notes that something is to come, when `deliver` of what is returned is called; undefined if there is too much. */
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

  /** The same, when so much time has gone by. */
  after(delayUs: number, kind: Held['kind'], deliver: () => void): Held | undefined {
    const held = this.add(kind, deliver)
    if (held) this.#held.set(held, this.#time.after(delayUs, held.deliver))
    return held
  }

  /** Gives up what is of these kinds, and returns it. */
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
