/** Where the platform's shared memory lies in one guest: found again after each change of its memory table, and watched. */
import type { SharedMemory } from '../protocols/declaration/shared-memory.js'
import type { LimitedLog } from '../support/limited-log.js'
import type { NativeDevice } from './native.js'

/** Why the region is not to be had, and what to do. */
const PROBLEMS = {
  'no address': 'has no address: give --shared-memory ADDRESS, where the guest reserves memory',
  'not memory':
    "is not the guest's memory: write an address within its RAM, which its device tree reserves with no-map",
  split: 'lies in two regions of the guest, or across 1 GiB of one: write an address where it does not',
  unaligned: "lies in a region that begins at no multiple of 8: align the front end's memory",
}

export class SharedRegion {
  readonly #native: NativeDevice
  readonly #shared: SharedMemory
  readonly #log: LimitedLog
  /** What was logged last: each problem is told once. */
  #told = ''

  constructor(native: NativeDevice, shared: SharedMemory, log: LimitedLog) {
    this.#native = native
    this.#shared = shared
    this.#log = log
    shared.run(false)
    shared.onWatched = () => this.#watch()
  }

  /** The guest's memory lies elsewhere now, or is gone: `windows` are over it. */
  memoryChanged(windows: readonly DataView[]): void {
    const { address, size } = this.#shared
    const place = address === undefined ? 'no address' : this.#native.locate(address, size)
    if (typeof place === 'object') {
      const window = windows[place.window]!
      this.#tell('')
      this.#shared.map(new DataView(window.buffer, window.byteOffset + place.offset, size))
      return
    }
    this.#shared.map(undefined)
    // Without a front end there is no memory at all, which is nobody's mistake.
    if (windows.length > 1) this.#tell(this.#problem(place))
  }

  #problem(place: keyof typeof PROBLEMS): string {
    const { address, size } = this.#shared
    const where = address === undefined ? '' : ` 0x${address.toString(16)}-0x${(address + size - 1).toString(16)}`
    return `shared memory${where} ${PROBLEMS[place]}`
  }

  #tell(problem: string): void {
    if (problem === this.#told) return
    this.#told = problem
    if (problem) this.#log.error(`${problem}; until then agents go by message`)
  }

  #watch(): void {
    const { address, pollMs, isLookedAt, watchedBytes } = this.#shared
    const { flags, words } = watchedBytes
    this.#native.watchMemory(isLookedAt ? pollMs : 0, address ?? 0, flags, words)
  }
}
