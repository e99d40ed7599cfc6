/**
 * Replies with a list that may need several messages: a word that counts the entries returned, in its low bits, and those
 * that remain, in its high bits; then the entries. The agent asks again, from the next entry on, until none remains.
 */
import type { Triplet } from '../../platform/core/triplet.js'
import { type Fields, type List, list, type Scalar, sizeOf, u32, type Values } from '../../wire/fields.js'
import type { MessageWriter } from '../../wire/message.js'

const COUNT_SIZE = 4

/** In the word that counts: what follows are minimum, maximum and step of a range. */
export const TRIPLET = 1 << 12

/** Where the word counts: bits of the entries returned, and the first bit of those that remain. */
interface CountLayout {
  bits: number
  remainingAt: number
}

/** A list that does not fit into one reply as a whole. Replies with it need room for one entry at least. */
export interface PartialList<N extends string, E extends Fields> extends List<N, E> {
  inParts: true
  /** How many entries come in later parts, by the word that counts; undefined: no word says it. */
  remaining?: (before: Values) => number
}

/** Notes that a list comes in parts, where no word says how many entries remain. */
export function inParts<N extends string, E extends Fields>(list: List<N, E>): PartialList<N, E> {
  return { ...list, inParts: true }
}

export class Parts<C extends string, N extends string, E extends Fields> {
  /** The fields of the reply: the word that counts, and the list. */
  readonly fields: readonly [Scalar<C, 'u32'>, PartialList<N, E>]
  readonly #entrySize: number
  readonly #max: number
  readonly #one: number

  /** `count` is the name of the word that counts, `name` that of the list. */
  constructor(count: C, name: N, entry: E, { bits, remainingAt }: CountLayout = { bits: 12, remainingAt: 16 }) {
    this.#max = 2 ** bits - 1
    this.#one = 2 ** remainingAt
    this.#entrySize = sizeOf(entry).min
    const counted = list(name, entry, values => Number(values[count]) & this.#max)
    const remaining = (values: Values): number => Math.floor(Number(values[count]) / this.#one)
    this.fields = [u32(count), { ...inParts(counted), remaining }]
  }

  /** Writes the word that counts, if `left` entries of one size are left. Returns how many the handler must write now. */
  begin(reply: MessageWriter, left: number): number {
    const returned = Math.min(left, reply.room(this.#entrySize, COUNT_SIZE), this.#max)
    this.beginWith(reply, returned, left)
    return returned
  }

  /** Writes the word that counts for `returned` of `left` entries. `flags` are other bits of it. */
  beginWith(reply: MessageWriter, returned: number, left: number, flags = 0): void {
    reply.u32((left - returned) * this.#one + flags + returned)
  }

  /** Writes the word that counts for a range, with as many as `triplet` says. */
  beginTriplet(reply: MessageWriter, { returned, remaining }: Triplet): void {
    this.beginWith(reply, returned, returned + remaining, TRIPLET)
  }

  /** How many of `entries`, from `index` on, fit into the reply, where they differ in size. */
  fitting<T>(reply: MessageWriter, entries: readonly T[], index: number, sizeOf: (entry: T) => number): number {
    let room = reply.room(1, COUNT_SIZE)
    let count = 0
    for (let i = index; i < entries.length && (room -= sizeOf(entries[i]!)) >= 0; i++) count++
    return count
  }
}

/** Bytes of a reply that must fit: the fields that are always there, and one entry of a list that comes in parts. */
export function leastOf(reply: Fields): number {
  let least = sizeOf(reply).min
  for (const field of reply) {
    if (field.kind === 'list' && 'inParts' in field)
      least += Math.ceil(sizeOf(field.entry).min / field.align) * field.align
  }
  return least
}
