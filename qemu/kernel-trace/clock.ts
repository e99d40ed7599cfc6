/**
 * The difference between the guest's clock and the host's, which run at the same rate. A command arrives at the device
 * after the guest's kernel began the transfer, and before the kernel had the response: an interval that contains the
 * difference. The intersection of many such intervals is some tens of microseconds wide; the error is at most half of
 * that. Times are in nanoseconds.
 */
import type { ClockPair } from '../../src/trace/events.js'

/** Times in the trace's text are cut to microseconds. */
const RESOLUTION_NS = 1000

export class GuestClock {
  /** Bounds of host time minus guest time. */
  #low = Number.NEGATIVE_INFINITY
  #high = Number.POSITIVE_INFINITY
  /** How often the guest's clock was found to have stopped, as it does while the guest is suspended. */
  jumps = 0

  /** The guest's `guestNs` lies between two times of the host. */
  between(guestNs: number, fromNs: number, toNs: number): void {
    this.#narrow(fromNs - guestNs - RESOLUTION_NS, toNs - guestNs)
  }

  /** The host's `hostNs` lies between two times of the guest. */
  within(fromNs: number, toNs: number, hostNs: number): void {
    this.#narrow(hostNs - toNs - RESOLUTION_NS, hostNs - fromNs)
  }

  /** Whether the host's time `hostNs` can lie between two times of the guest. */
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

  /** An observation outside the interval means that the guest's clock has stopped meanwhile: start again from it. */
  #narrow(low: number, high: number): void {
    const [narrowLow, narrowHigh] = [Math.max(this.#low, low), Math.min(this.#high, high)]
    const isPossible = narrowLow <= narrowHigh
    if (!isPossible) this.jumps++
    this.#low = isPossible ? narrowLow : low
    this.#high = isPossible ? narrowHigh : high
  }
}
