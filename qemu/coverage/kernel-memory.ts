/** Memory of an arm64 kernel at its virtual addresses, read from the guest's RAM: through its page tables, as the processor does. */
import { type GuestRam, RamError } from './ram.js'

/** What is known of the kernel before it runs: addresses of symbols, options. */
export interface KernelLayout {
  /** Addresses of _text, linux_banner, swapper_pg_dir. */
  text: bigint
  banner: bigint
  pageTables: bigint
  pageShift: number
}

const BANNER = 'Linux version '
/** A kernel is loaded at a multiple of this (Documentation/arch/arm64/booting.rst). */
const LOAD_STEP = 2n << 20n
/** Sizes of virtual addresses that kernels use (CONFIG_ARM64_VA_BITS_*). One built for 52 uses 48 on processors without. */
const VA_BITS = [52, 48, 47, 42, 39, 36]
/** The address in a table's entry; bits above are only used by machines with more RAM than any guest has. */
const ENTRY_ADDRESS = (1n << 48n) - 1n
const ENTRY_BYTES = 8
const CACHED_PAGES = 16_384

export class KernelMemory {
  readonly #ram: GuestRam
  readonly #layout: KernelLayout
  /** Physical address of _text. */
  readonly #load: bigint
  readonly #vaBits: number
  readonly #pages = new Map<bigint, Buffer>()

  /** Throws RamError if there is no such kernel in RAM: none was loaded, or it did not get to its page tables. */
  constructor(ram: GuestRam, layout: KernelLayout) {
    this.#ram = ram
    this.#layout = layout
    this.#load = this.#findKernel()
    const banner = this.#load + (layout.banner - layout.text)
    const fitting = VA_BITS.find(bits => this.#walk(layout.banner, bits) === banner)
    if (fitting === undefined) throw new RamError('the kernel has no page tables yet')
    this.#vaBits = fitting
  }

  /** Bytes at a virtual address. Throws RamError. */
  read(address: bigint, length: number): Buffer {
    const pageSize = 1n << BigInt(this.#layout.pageShift)
    const parts: Buffer[] = []
    for (let done = 0; done < length; ) {
      const at = BigInt.asUintN(64, address + BigInt(done))
      const offset = Number(at & (pageSize - 1n))
      const count = Math.min(length - done, Number(pageSize) - offset)
      parts.push(this.#page(at - BigInt(offset)).subarray(offset, offset + count))
      done += count
    }
    return Buffer.concat(parts)
  }

  u32(address: bigint): number {
    return this.read(address, 4).readUInt32LE()
  }

  u64(address: bigint): bigint {
    return this.read(address, 8).readBigUInt64LE()
  }

  /** A text that ends with a zero. Throws RamError if it is longer than `max` bytes. */
  text(address: bigint, max: number): string {
    for (let length = 64; ; length = Math.min(2 * length, max)) {
      const bytes = this.read(address, length)
      const end = bytes.indexOf(0)
      if (end >= 0) return bytes.subarray(0, end).toString('latin1')
      if (length === max) throw new RamError(`no text at 0x${address.toString(16)}`)
    }
  }

  #findKernel(): bigint {
    const { base, size } = this.#ram
    const offset = this.#layout.banner - this.#layout.text
    for (let load = base; load + offset + 64n < base + size; load += LOAD_STEP) {
      if (this.#ram.read(load + offset, BANNER.length).toString('latin1') === BANNER) return load
    }
    throw new RamError('the kernel is not in RAM')
  }

  #page(address: bigint): Buffer {
    const known = this.#pages.get(address)
    if (known) return known
    const physical = this.#walk(address, this.#vaBits)
    if (physical === undefined) throw new RamError(`0x${address.toString(16)} is not mapped`)
    const page = this.#ram.read(physical, 1 << this.#layout.pageShift)
    if (this.#pages.size >= CACHED_PAGES) this.#pages.clear()
    this.#pages.set(address, page)
    return page
  }

  /** The physical address for a virtual one of `vaBits` bits; undefined if it is not mapped. */
  #walk(address: bigint, vaBits: number): bigint | undefined {
    const { pageShift, pageTables, text } = this.#layout
    const bitsPerLevel = pageShift - 3
    const levels = Math.ceil((vaBits - pageShift) / bitsPerLevel)
    let table = this.#load + (pageTables - text)
    for (let level = levels - 1; level >= 0; level--) {
      const shift = pageShift + level * bitsPerLevel
      const bits = Math.min(bitsPerLevel, vaBits - shift)
      const index = (address >> BigInt(shift)) & ((1n << BigInt(bits)) - 1n)
      const entry = this.#entry(table + index * BigInt(ENTRY_BYTES))
      if (entry === undefined || (entry & 1n) === 0n) return undefined
      const inside = (1n << BigInt(shift)) - 1n
      const isTable = (entry & 2n) !== 0n
      // At the last level 3 means a page, above it a table; 1 is a block, and means nothing at the last level.
      if (level === 0 ? isTable : !isTable) return (entry & ENTRY_ADDRESS & ~inside) | (address & inside)
      if (level === 0) return undefined
      table = entry & ENTRY_ADDRESS & ~((1n << BigInt(pageShift)) - 1n)
    }
    return undefined
  }

  #entry(physical: bigint): bigint | undefined {
    try {
      return this.#ram.read(physical, ENTRY_BYTES).readBigUInt64LE()
    } catch (error) {
      if (error instanceof RamError) return undefined
      throw error
    }
  }
}
