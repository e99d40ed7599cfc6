/** gcov's counters as numbers: added up over guests, and written as the files that gcov reads. */

/** Counters of a function by their kind (GCOV_COUNTER_* of the compiler); lists in the compiler's order. */
export interface FunctionCounters {
  /** The compiler's checksums of the function's lines and of its flow. */
  lines: number
  flow: number
  counts: Map<number, bigint[]>
}

/** Functions by the compiler's identification. */
export type UnitCounters = Map<number, FunctionCounters>

/** Units by their paths in the tree, without suffix. */
export type Counters = Map<string, UnitCounters>

/** Adds `more` to `sum`. Both are of one kernel; what does not fit is damaged in a guest's memory, and is left out. */
export function addCounters(sum: Counters, more: Counters): void {
  for (const [name, unit] of more) {
    const into = sum.get(name)
    if (!into) sum.set(name, structuredClone(unit))
    else for (const [ident, counters] of unit) addFunction(into, ident, counters)
  }
}

function addFunction(unit: UnitCounters, ident: number, more: FunctionCounters): void {
  const into = unit.get(ident)
  if (!into) return void unit.set(ident, structuredClone(more))
  if (into.flow !== more.flow || into.lines !== more.lines) return
  for (const [kind, counts] of more.counts) {
    const sums = into.counts.get(kind)
    if (sums?.length === counts.length) for (const [i, count] of counts.entries()) sums[i]! += count
  }
}

const DATA_MAGIC = 0x67636461
const TAG_FUNCTION = 0x0100_0000
const TAG_COUNTERS = 0x01a1_0000
/** Tags of further kinds of counters follow at this distance. */
const TAG_STEP = 0x2_0000

/** What the file of counters has in common with the notes of its unit. */
export interface NotesHeader {
  version: number
  stamp: number
}

/** The file of counters (.gcda) of a unit, as kernel/gcov/gcc_4_7.c writes it. `gcc`: the compiler's major version. */
export function countersFile(unit: UnitCounters, { version, stamp }: NotesHeader, gcc: number): Buffer {
  // From GCC 12 on lengths are in bytes, before that in words of four; the header has a checksum that gcov does not need.
  const unitSize = gcc >= 12 ? 4 : 1
  const words = [DATA_MAGIC, version, stamp, ...(gcc >= 12 ? [0] : [])]
  for (const [ident, { lines, flow, counts }] of unit) {
    words.push(TAG_FUNCTION, 3 * unitSize, ident, lines, flow)
    for (const [kind, values] of counts) {
      words.push(TAG_COUNTERS + kind * TAG_STEP, 2 * values.length * unitSize)
      for (const value of values) words.push(Number(value & 0xffff_ffffn), Number(value >> 32n))
    }
  }
  const bytes = Buffer.alloc(words.length * 4)
  for (const [i, word] of words.entries()) bytes.writeUInt32LE(word, i * 4)
  return bytes
}

const NOTES_MAGIC = 0x67636e6f

/** The header of the compiler's notes (.gcno). */
export function notesHeader(notes: Buffer): NotesHeader {
  if (notes.length < 12 || notes.readUInt32LE(0) !== NOTES_MAGIC) throw new TypeError('these are not notes of GCC')
  return { version: notes.readUInt32LE(4), stamp: notes.readUInt32LE(8) }
}
