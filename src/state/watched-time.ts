/** A clock that reports when timers ran: they may change the platform's state. */
import type { Time, Timer } from '../platform/core/time.js'

export class WatchedTime implements Time {
  /** Called after a timer ran, before anything else runs. */
  ran: (() => void) | undefined
  readonly #time: Time

  constructor(time: Time) {
    this.#time = time
  }

  get nowUs(): number {
    return this.#time.nowUs
  }

  set nowUs(us: number) {
    this.#time.nowUs = us
  }

  refresh(): void {
    this.#time.refresh()
  }

  after(delayUs: number, run: () => void): Timer {
    return this.#time.after(delayUs, () => {
      run()
      this.ran?.()
    })
  }
}
