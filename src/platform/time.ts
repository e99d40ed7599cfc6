/** Time as the platform sees it: real, or virtual for tests that want every value to be predictable. */

export interface Timer {
  cancel(): void
}

export interface Time {
  /** Microseconds, monotonic, as of the batch or timer that runs now: reading it costs nothing. */
  nowUs: number
  /** Brings `nowUs` up to date, for callers that run outside a batch or timer. */
  refresh(): void
  /** Calls `run` after a delay; a delay of 0 still runs later, never inside this call. */
  after(delayUs: number, run: () => void): Timer
}

/** CLOCK_MONOTONIC in microseconds: what process.hrtime is on Linux, and the clock that the addon stamps batches with. */
export const monotonicUs = (): number => Number(process.hrtime.bigint()) / 1000

export class RealTime implements Time {
  nowUs = 0

  constructor() {
    this.refresh()
  }

  refresh(): void {
    this.nowUs = monotonicUs()
  }

  after(delayUs: number, run: () => void): Timer {
    const timer = setTimeout(() => {
      this.refresh()
      run()
    }, delayUs / 1000)
    // What a platform does by itself is no reason for the process to live on: its devices are.
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  }
}

/** Stands still until `advance` is called. */
export class VirtualTime implements Time {
  nowUs = 0
  #pending: { at: number; run: () => void }[] = []

  refresh(): void {}

  after(delayUs: number, run: () => void): Timer {
    const entry = { at: this.nowUs + delayUs, run }
    this.#pending.push(entry)
    return {
      cancel: () => {
        this.#pending = this.#pending.filter(other => other !== entry)
      },
    }
  }

  /** Moves time forward, running what falls due in order; what runs may set further timers. */
  advance(us: number): void {
    const end = this.nowUs + us
    for (;;) {
      const due = this.#pending.filter(entry => entry.at <= end).sort((a, b) => a.at - b.at)[0]
      if (!due) break
      this.#pending = this.#pending.filter(other => other !== due)
      this.nowUs = Math.max(this.nowUs, due.at)
      due.run()
    }
    this.nowUs = end
  }
}
