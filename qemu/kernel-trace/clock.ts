/**
 * How far the guest's clock is from the host's. Both run at one rate, and what happened in both worlds says how they lie:
 * a command arrives at the device after the guest's kernel began its transfer, and before that had the response. Each such
 * pair is an interval that the difference lies in, and so does their intersection: some tens of microseconds, half of which
 * is the error. Times are nanoseconds.
 */
import type { ClockPair } from '../../src/trace/events.js'

/** Trace text has microseconds, cut off. */
const RESOLUTION_NS = 1000

export class GuestClock {
  /** Bounds of host time less guest time. */
  #low = Number.NEGATIVE_INFINITY
  #high = Number.POSITIVE_INFINITY
  /** Times that the guest's clock was found to have stood still, as it does while the guest is suspended. */
  jumps = 0

  /** The guest's `guestNs` lies between two times of the host. */
  between(guestNs: number, fromNs: number, toNs: number): void {
    this.#narrow(fromNs - guestNs - RESOLUTION_NS, toNs - guestNs)
  }

  /** The host's `hostNs` lies between two times of the guest. */
  within(fromNs: number, toNs: number, hostNs: number): void {
    this.#narrow(hostNs - toNs - RESOLUTION_NS, hostNs - fromNs)
  }

  /** Whether the host's time can be between two times of the guest. */
  canBeWithin(fromNs: number, toNs: number, hostNs: number): boolean {
    return hostNs >= fromNs + this.#low && hostNs <= toNs + RESOLUTION_NS + this.#high
  }

  /** Whether anything is known. */
  get isKnown(): boolean {
    return Number.isFinite(this.#low) && Number.isFinite(this.#high)
  }

  get offsetNs(): number {
    return Math.round((this.#low + this.#high) / 2)
  }

  get errorNs(): number {
    return Math.ceil((this.#high - this.#low) / 2)
  }

  /** The moment `guestNs` by both clocks. */
  pairAt(guestNs: number): ClockPair {
    return { guestNs, hostNs: guestNs + this.offsetNs, errorNs: this.errorNs }
  }

  /** What contradicts all that was known is right: the guest's clock has stood still since. */
  #narrow(low: number, high: number): void {
    const [narrowLow, narrowHigh] = [Math.max(this.#low, low), Math.min(this.#high, high)]
    const isPossible = narrowLow <= narrowHigh
    if (!isPossible) this.jumps++
    this.#low = isPossible ? narrowLow : low
    this.#high = isPossible ? narrowHigh : high
  }
}
