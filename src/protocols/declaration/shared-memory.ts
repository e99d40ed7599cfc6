/**
 * Memory of an agent's guest that the platform also sees: a region that the guest's device tree reserves. Protocols ask for
 * areas in it when they attach, and tell their guest-physical addresses in answers. The device says where the region is
 * (`map`), each time the guest's memory table changes.
 *
 *   doorbells, side by side   words that agents write without a doorbell   all other areas, in the order they were asked for
 *
 * Contents are the guest's: whoever reads a word reads it once, and checks the copy. Nothing is written there before the
 * driver is told an address: a guest may not have reserved the region.
 */
import { ConfigError } from '../../platform/core/config-error.js'
import type { SharedMemoryConfig } from '../../platform/core/platform-config.js'
import { PAGE } from '../../platform/core/shared-memory.js'

/** A piece of the region. */
export interface Area {
  /** From the region's begin; valid once all protocols of the agent are attached. */
  readonly offset: number
}

/** 0: the driver knows no address, 1: it knows one, 2: of a doorbell or of a word without one. */
export type SharedUse = 0 | 1 | 2

interface Asked {
  offset: number
  readonly bytes: number
  readonly align: number
}

/** What is to be done when the guest has rung one doorbell. */
export interface Bell {
  readonly area: Area
  ring(): void
}

interface BellBits {
  readonly mask: number
  ring(): void
}

const WORD = 4
/** The addon looks at eight bytes at a time. */
const LOOK = 8
/** Where agents find nothing: a view of no bytes. */
const NOWHERE = new Int32Array(0)

export class SharedMemory {
  /** The guest-physical address of the region; undefined: nobody has said it, and it is never there. */
  readonly address: number | undefined
  readonly size: number
  /** How often the platform looks at doorbells. */
  readonly pollMs: number
  /** The region; undefined while the guest has no such memory. Not to be kept: it is detached when the memory table changes. */
  view: DataView | undefined
  /** The same as 32-bit words, which are read and written whole; empty while there is none, or no driver runs. */
  words: Int32Array = NOWHERE
  #driverRuns = true
  /** The driver was told an address in it: it reads, and what it reads there has to be right. */
  inUse = false
  /** Some doorbell, or word without one, was described to the agent's driver: the platform looks at them. Read for every batch. */
  watched = false
  /** Called when `isLookedAt` may have changed; the device sets it. */
  onWatched: (() => void) | undefined
  readonly #rung: Asked[] = []
  readonly #unrung: Asked[] = []
  readonly #others: Asked[] = []
  readonly #bells: Bell[] = []
  readonly #lookers: (() => void)[] = []
  readonly #fillers: (() => void)[] = []
  readonly #users: ((used: boolean) => void)[] = []
  /** By word of the doorbells. */
  #bits: readonly (readonly BellBits[])[] = []
  #rungBytes = 0
  #unrungBytes = 0
  #used = 0

  constructor({ address, size, pollUs }: SharedMemoryConfig) {
    this.address = address
    this.size = size
    this.pollMs = pollUs / 1000
  }

  /** Asks for an area that only the platform looks after: nobody has to notice when the guest writes to it. */
  area(bytes: number, align = LOOK): Area {
    return asked(this.#others, bytes, align)
  }

  /** Asks for a doorbell of 1, 2, 4 or 8 bytes. The guest writes anything but 0, then `ring` is called, soon. */
  bell(bytes: number, ring: () => void): Area {
    const area = asked(this.#rung, bytes, bytes)
    this.#bells.push({ area, ring })
    return area
  }

  /** Asks for an area that the guest writes without a doorbell. `look` is called at least whenever it may have done so. */
  unrung(bytes: number, look: () => void): Area {
    this.#lookers.push(look)
    return asked(this.#unrung, bytes, LOOK)
  }

  /** `fill` writes what agents may read at any time: called before the first address is told, and when the region moves. */
  onFill(fill: () => void): void {
    this.#fillers.push(fill)
  }

  /** `change` is called when the driver is told the first address, and when it is gone. */
  onUse(change: (used: boolean) => void): void {
    this.#users.push(change)
  }

  #setInUse(used: boolean): void {
    if (used === this.inUse) return
    this.inUse = used
    for (const change of this.#users) change(used)
  }

  /** All protocols have asked: gives each area its place. Throws ConfigError if the region is too small. */
  layOut(): void {
    this.#used = 0
    this.#rungBytes = this.#place(this.#rung, LOOK)
    this.#unrungBytes = this.#place(this.#unrung, LOOK) - this.#rungBytes
    const used = this.#place(this.#others, LOOK)
    if (used > this.size) {
      const needed = Math.ceil(used / PAGE) * PAGE
      throw new ConfigError(['shared_memory', 'size'], `is too small for what is in it; write at least ${needed}`)
    }
    const bits: BellBits[][] = Array.from({ length: this.#rungBytes / WORD }, () => [])
    for (const [i, { area, ring }] of this.#bells.entries()) {
      const { bytes } = this.#rung[i]!
      const mask = bytes < WORD ? ((1 << (8 * bytes)) - 1) << (8 * (area.offset % WORD)) : -1
      for (let at = area.offset; at < area.offset + bytes; at += WORD) bits[Math.floor(at / WORD)]!.push({ mask, ring })
    }
    this.#bits = bits
  }

  /** Returns where the areas end so far, which is a multiple of `align`. */
  #place(areas: readonly Asked[], align: number): number {
    for (const area of areas) {
      area.offset = aligned(this.#used, area.align)
      this.#used = area.offset + area.bytes
    }
    this.#used = aligned(this.#used, align)
    return this.#used
  }

  /** What the addon watches, from the begin of the region: bytes of doorbells, and of words without one. */
  get watchedBytes(): { flags: number; words: number } {
    return { flags: this.#rungBytes, words: this.#unrungBytes }
  }

  /** The guest-physical address of an area. Only while the guest has the region. */
  addressOf({ offset }: Area): number {
    return (this.address ?? 0) + offset
  }

  /** The region is in this view from now on; undefined: the guest has no such memory. */
  map(view: DataView | undefined): void {
    this.view = view
    this.#reach()
  }

  /**
   * While no driver runs, the memory is left alone: the guest may be starting a kernel that does not reserve it. A driver
   * that runs on finds what it would have found otherwise.
   */
  run(runs: boolean): void {
    if (runs === this.#driverRuns) return
    this.#driverRuns = runs
    this.#reach()
    this.onWatched?.()
  }

  #reach(): void {
    const { view } = this
    this.words = view && this.#driverRuns ? new Int32Array(view.buffer, view.byteOffset, this.size / WORD) : NOWHERE
    if (this.words.length > 0 && this.inUse) this.#fill()
  }

  /** The platform looks at doorbells now. */
  get isLookedAt(): boolean {
    return this.watched && this.#driverRuns
  }

  #fill(): void {
    for (const fill of this.#fillers) fill()
  }

  /** The driver is about to be told an address. To be called for every answer that has one. */
  use(): void {
    if (this.inUse) return
    this.#setInUse(true)
    this.words.fill(0, 0, (this.#rungBytes + this.#unrungBytes) / WORD)
    this.#fill()
  }

  /** The same for the address of a doorbell, or of a word without one. */
  watch(): void {
    this.use()
    if (this.watched) return
    this.watched = true
    this.onWatched?.()
  }

  /** The driver is gone: nobody reads or writes. */
  forget(): void {
    this.#setInUse(false)
    if (!this.watched) return
    this.watched = false
    this.onWatched?.()
  }

  /** What `resume` needs to know. */
  save(): SharedUse {
    return this.watched ? 2 : this.inUse ? 1 : 0
  }

  /** A driver goes on that an earlier process told addresses: what it has written since is noticed. */
  resume(used: SharedUse): void {
    if (used === 0) return
    this.#setInUse(true)
    if (used === 2) this.watch()
  }

  /** Acts on all doorbells that were rung, and on words without one that have changed. Hot code: before each batch. */
  look(): void {
    const { words } = this
    if (words.length === 0) return
    const bits = this.#bits
    for (let i = 0; i < bits.length; i++) {
      if (words[i] === 0) continue
      // Taken back first: a ring that comes while its channel is read is seen next time.
      const rung = Atomics.exchange(words, i, 0)
      for (const { mask, ring } of bits[i]!) if ((rung & mask) !== 0) ring()
    }
    for (const look of this.#lookers) look()
  }
}

const aligned = (at: number, to: number): number => Math.ceil(at / to) * to

function asked(areas: Asked[], bytes: number, align: number): Area {
  const area = { offset: 0, bytes, align }
  areas.push(area)
  return area
}
