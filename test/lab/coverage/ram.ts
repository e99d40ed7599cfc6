/** A guest's RAM as a file, with page tables of an arm64 kernel and gcov's structures in it, for tests. */
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { KernelLayout } from '../../../qemu/coverage/kernel-memory.js'
import { GuestRam } from '../../../qemu/coverage/ram.js'

const RAM = 0x4000_0000n
const LOAD = RAM + 0x20_0000n
const TEXT = 0xffff_8000_8000_0000n
const PAGE = 0x1000n
const SIZE = 8 << 20

export const layout: KernelLayout = {
  text: TEXT,
  banner: TEXT + 0x1_0000n,
  pageTables: TEXT + 0x10_0000n,
  pageShift: 12,
}
/** Address of gcov_info_head. */
export const head = TEXT + 0x2_0000n
/** Where tests put what they need: mapped as a block of 2 MB, like all of the kernel. */
const HEAP = TEXT + 0x3_0000n
/** An address of a module: mapped by a page. */
export const MODULE = 0xffff_8000_7a00_0000n
export const UNMAPPED = 0xffff_8000_0000_0000n

export class TestRam {
  readonly bytes = Buffer.alloc(SIZE)
  #next = HEAP
  #table = LOAD + 0x18_0000n

  constructor() {
    this.#physical(LOAD + (layout.banner - TEXT), Buffer.from('Linux version 7.3.4 (lab)\0'))
    this.map(TEXT, LOAD, 'block')
    this.map(MODULE, LOAD + 0x40_0000n, 'page')
  }

  /** Maps a page or a block of a kernel for 48 bits: four levels. */
  map(address: bigint, physical: bigint, kind: 'page' | 'block'): void {
    let table = LOAD + (layout.pageTables - TEXT)
    const shifts = kind === 'page' ? [39n, 30n, 21n] : [39n, 30n]
    for (const shift of shifts) table = this.#tableAt(table + ((address >> shift) & 511n) * 8n)
    const last = kind === 'page' ? 12n : 21n
    this.#physical(table + ((address >> last) & 511n) * 8n, word(physical | (kind === 'page' ? 3n : 1n)))
  }

  #tableAt(entry: bigint): bigint {
    const known = this.bytes.readBigUInt64LE(Number(entry - RAM))
    if (known !== 0n) return known & ~3n
    this.#table += PAGE
    this.#physical(entry, word(this.#table | 3n))
    return this.#table
  }

  /** Writes at a virtual address of the kernel's image. */
  write(address: bigint, bytes: Buffer): void {
    this.#physical(LOAD + (address - TEXT), bytes)
  }

  /** Writes somewhere in the kernel's image, and returns where. */
  put(bytes: Buffer): bigint {
    const at = this.#next
    this.write(at, bytes)
    this.#next += BigInt((bytes.length + 15) & ~15)
    return at
  }

  /** The list of a kernel that GCC 12 compiled. */
  units(units: readonly Unit[]): void {
    let next = 0n
    for (const unit of [...units].reverse()) next = this.#unit(unit, next)
    this.write(head, word(next))
  }

  #unit({ path, stamp, functions, ...forged }: Unit, next: bigint): bigint {
    const pointers = functions.map(({ ident, counts, number, at }) => {
      const values = at ?? this.put(Buffer.concat(counts.map(word)))
      return this.put(
        Buffer.concat([word(0n), words(ident, 11, 22, 0), words(number ?? counts.length, 0), word(values)]),
      )
    })
    const list = forged.functionsAt ?? this.put(Buffer.concat(pointers.map(word)))
    const name = forged.nameAt ?? this.put(Buffer.from(`${path}\0`))
    const merge = [word(1n), ...Array.from({ length: 7 }, () => word(0n))]
    const count = words(forged.functionCount ?? functions.length, 0)
    return this.put(
      Buffer.concat([
        words(0x42323252, 0),
        word(forged.next ?? next),
        words(stamp, 0),
        word(name),
        ...merge,
        count,
        word(list),
      ]),
    )
  }

  /** The file, as the host sees it; `use` must be done with it. */
  with<T>(use: (ram: GuestRam) => T): T {
    const folder = mkdtempSync(join(tmpdir(), 'scmi-ram-'))
    const file = join(folder, 'ram')
    writeFileSync(file, this.bytes)
    const ram = new GuestRam(openSync(file, 'r'))
    try {
      return use(ram)
    } finally {
      ram.close()
      rmSync(folder, { recursive: true })
    }
  }

  #physical(address: bigint, bytes: Buffer): void {
    bytes.copy(this.bytes, Number(address - RAM))
  }
}

/** A unit; what is forged replaces what fits. */
export interface Unit {
  path: string
  stamp: number
  functions: { ident: number; counts: bigint[]; number?: number; at?: bigint }[]
  next?: bigint
  nameAt?: bigint
  functionCount?: number
  functionsAt?: bigint
}

const word = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return bytes
}

const words = (...values: number[]): Buffer => Buffer.from(Uint32Array.from(values).buffer)
