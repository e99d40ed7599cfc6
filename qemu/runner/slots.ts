/** Limits how many guests run at once. A scenario that only waits gives its slot to another meanwhile. */

/** A shorter wait keeps its slot: it costs less than another guest's boot. */
const SOON_MS = 200

export class Slots {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  /** Waits for a slot, before others if `isUrgent`. */
  async take(isUrgent = false): Promise<void> {
    if (this.#free > 0) {
      this.#free--
      return
    }
    await new Promise<void>(resolve => (isUrgent ? this.#waiting.unshift(resolve) : this.#waiting.push(resolve)))
  }

  give(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#free++
  }

  async use<T>(work: () => Promise<T>): Promise<T> {
    await this.take()
    try {
      return await work()
    } finally {
      this.give()
    }
  }

  /** The holder of a slot gives it away while `work` waits without needing the CPU, unless `work` ends soon. */
  async spare<T>(work: () => Promise<T>): Promise<T> {
    let isGiven = false
    const giving = setTimeout(() => {
      isGiven = true
      this.give()
    }, SOON_MS)
    try {
      return await work()
    } finally {
      clearTimeout(giving)
      if (isGiven) await this.take(true)
    }
  }
}
