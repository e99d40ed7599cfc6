/**
 * Finds gcov's counters in a kernel's memory: the list that starts at gcov_info_head, of structures that the compiler made
 * (kernel/gcov/gcc_4_7.c). The guest may have written anything there: each address is looked up in its page tables, each
 * count has a limit, and the list may have an end or not.
 */
import type { Counters, FunctionCounters, UnitCounters } from './counters.js'
import type { KernelMemory } from './kernel-memory.js'
import { RamError } from './ram.js'

const UNITS_MAX = 10_000
const FUNCTIONS_MAX = 10_000
const COUNTERS_MAX = 100_000
/** Of all units together: a hundred times those of the SCMI drivers. */
const BYTES_MAX = 64 << 20
const PATH_MAX = 4096
/** More than any guest can count to; gcov adds counts up. */
const COUNT_MAX = 1n << 40n

/** A unit that counts, by the notes that the compiler wrote. */
export interface KnownUnit {
  /** Path in the tree, without suffix. */
  unit: string
  /** The compiler's stamp of this compilation. */
  stamp: number
}

/** struct gcov_info and its parts, whose layout depends on the compiler. */
interface Layout {
  filename: number
  merge: number
  counterKinds: number
  functionCount: number
  functions: number
  size: number
}

/** Of GCC's major version. */
export function layoutOf(gcc: number): Layout {
  const counterKinds = gcc >= 15 ? 10 : gcc >= 14 ? 9 : gcc >= 10 ? 8 : 9
  // The checksum that GCC 12 added fills what was padding.
  const filename = 24
  const merge = filename + 8
  const functionCount = merge + counterKinds * 8
  return { filename, merge, counterKinds, functionCount, functions: functionCount + 8, size: functionCount + 16 }
}

const NEXT = 8
const STAMP = 16
/** Offsets in struct gcov_fn_info; then a struct gcov_ctr_info for each kind in use: number and address of its counters. */
const IDENT = 8
const KINDS = 24
const KIND_BYTES = 16

/** What was found, and what could not be read, in words. */
export interface Found {
  counters: Counters
  problems: string[]
}

export function findCounters(
  memory: KernelMemory,
  { head, gcc, known }: { head: bigint; gcc: number; known: readonly KnownUnit[] },
): Found {
  const reader = new Reader(memory, layoutOf(gcc), known)
  try {
    reader.readList(memory.u64(head))
  } catch (error) {
    if (!(error instanceof RamError)) throw error
    reader.problems.push(error.message)
  }
  return reader
}

class Reader implements Found {
  readonly counters: Counters = new Map()
  readonly problems: string[] = []
  readonly #memory: KernelMemory
  readonly #layout: Layout
  readonly #known: readonly KnownUnit[]
  #bytes = 0

  constructor(memory: KernelMemory, layout: Layout, known: readonly KnownUnit[]) {
    this.#memory = memory
    this.#layout = layout
    this.#known = known
  }

  readList(first: bigint): void {
    const seen = new Set<bigint>()
    for (let at = first; at !== 0n && !seen.has(at); at = this.#memory.u64(at + BigInt(NEXT))) {
      if (seen.size >= UNITS_MAX) throw new RamError(`more than ${UNITS_MAX} units`)
      seen.add(at)
      this.#readUnit(at)
    }
  }

  /** A unit that can't be read is left out; the list goes on. */
  #readUnit(at: bigint): void {
    const { filename, merge, counterKinds, functionCount, functions, size } = this.#layout
    const bytes = this.#memory.read(at, size)
    const path = this.#memory.text(bytes.readBigUInt64LE(filename), PATH_MAX).replace(/\.gcda$/, '')
    const known = this.#known.find(({ unit }) => path.endsWith(`/${unit}`))
    // The consumer module and whatever else counts.
    if (!known || this.counters.has(known.unit)) return
    try {
      if (bytes.readUInt32LE(STAMP) !== known.stamp) throw new RamError('it is of another build')
      const kinds = Array.from({ length: counterKinds }, (_, kind) => kind)
      const used = kinds.filter(kind => bytes.readBigUInt64LE(merge + kind * 8) !== 0n)
      const count = bytes.readUInt32LE(functionCount)
      if (count > FUNCTIONS_MAX) throw new RamError(`${count} functions`)
      const pointers = this.#take(bytes.readBigUInt64LE(functions), count * 8)
      const unit: UnitCounters = new Map()
      for (let i = 0; i < count; i++) {
        const address = pointers.readBigUInt64LE(i * 8)
        if (address !== 0n) this.#readFunction(unit, address, used)
      }
      this.counters.set(known.unit, unit)
    } catch (error) {
      if (!(error instanceof RamError)) throw error
      this.problems.push(`${known.unit}: ${error.message}`)
    }
  }

  #readFunction(unit: UnitCounters, address: bigint, used: readonly number[]): void {
    const bytes = this.#take(address, KINDS + used.length * KIND_BYTES)
    const [ident, lines, flow] = [0, 4, 8].map(offset => bytes.readUInt32LE(IDENT + offset)) as [number, number, number]
    const counts: FunctionCounters['counts'] = new Map()
    for (const [index, kind] of used.entries()) {
      const at = KINDS + index * KIND_BYTES
      const number = bytes.readUInt32LE(at)
      if (number > COUNTERS_MAX) throw new RamError(`${number} counters in a function`)
      const values = this.#take(bytes.readBigUInt64LE(at + 8), number * 8)
      counts.set(
        kind,
        Array.from({ length: number }, (_, i) => sane(values.readBigUInt64LE(i * 8))),
      )
    }
    unit.set(ident, { lines, flow, counts })
  }

  #take(address: bigint, length: number): Buffer {
    this.#bytes += length
    if (this.#bytes > BYTES_MAX) throw new RamError(`more than ${BYTES_MAX} bytes of counters`)
    return this.#memory.read(address, length)
  }
}

const sane = (count: bigint): bigint => (count > COUNT_MAX ? COUNT_MAX : count)
