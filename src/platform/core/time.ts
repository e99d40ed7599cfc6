/** The platform's clock: real time, or virtual time for tests with predictable values. */

export interface Timer {
  cancel(): void
}

export interface Time {
  /** Monotonic microseconds, sampled when the current batch or timer began, so that reading is free. */
  nowUs: number
  /** Samples `nowUs` again, for callers outside a batch or timer. */
  refresh(): void
  /** Calls `run` after a delay. Even a delay of 0 never runs inside this call. */
  after(delayUs: number, run: () => void): Timer
}

/** Node's timers take 31 bits of milliseconds, 24 days; longer ones would fire at once. */
const STEP_MAX_MS = 0x7fff_ffff

/** Calls `run` after `ms` milliseconds, without Node's limit. `keepsAlive`: the timer keeps the process running. */
export function afterMs(ms: number, run: () => void, keepsAlive = true): Timer {
  let timer: NodeJS.Timeout
  const wait = (left: number): void => {
    timer = left > STEP_MAX_MS ? setTimeout(wait, STEP_MAX_MS, left - STEP_MAX_MS) : setTimeout(run, left)
    if (!keepsAlive) timer.unref()
  }
  wait(ms)
  return { cancel: () => clearTimeout(timer) }
}

/** Calls `run` every `ms` milliseconds, without Node's limit. Does not keep the process running. */
export function everyMs(ms: number, run: () => void): Timer {
  let timer: Timer
  const wait = (): void => {
    timer = afterMs(ms, again, false)
  }
  const again = (): void => {
    wait()
    run()
  }
  wait()
  return { cancel: () => timer.cancel() }
}

/**
 * CLOCK_MONOTONIC in microseconds: what process.hrtime reads on Linux, and the clock of the addon's batch timestamps.
 */
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
    const due = (): void => {
      this.refresh()
      run()
    }
    // The devices keep the process running, not the platform's timers.
    return afterMs(delayUs / 1000, due, false)
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

  /** Moves time forward and runs what falls due, in order, including timers set meanwhile. */
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
