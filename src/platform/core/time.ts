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

/** Node's timers take 31 bits of milliseconds, 24 days: with more they fire at once. */
const STEP_MAX_MS = 0x7fff_ffff

/** Calls `run` after so many milliseconds, however many. `keepsAlive`: the process does not end before. */
export function afterMs(ms: number, run: () => void, keepsAlive = true): Timer {
  let timer: NodeJS.Timeout
  const wait = (left: number): void => {
    timer = left > STEP_MAX_MS ? setTimeout(wait, STEP_MAX_MS, left - STEP_MAX_MS) : setTimeout(run, left)
    if (!keepsAlive) timer.unref()
  }
  wait(ms)
  return { cancel: () => clearTimeout(timer) }
}

/** Calls `run` every so many milliseconds, however many, which is no reason for the process to live on. */
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
    const due = (): void => {
      this.refresh()
      run()
    }
    // What a platform does by itself is no reason for the process to live on: its devices are.
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
