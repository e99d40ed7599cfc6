/** Packs notifications and delayed responses from their declared fields, as the 32-bit words that the event queue takes. */
import type { List, Scalar } from './fields.js'

const TWO_32 = 0x1_0000_0000

type WordScalar = Scalar<string, 'u32' | 's32' | 'u64' | 's64'>

/** Fields that are whole words. */
export type WordFields = readonly (WordScalar | List<string, readonly WordScalar[]>)[]

/** A number for each field; 64 bits are whole numbers within ±2^53. */
export type NumbersOf<F extends WordFields> = {
  readonly [X in F[number] as X['name']]: X extends List<string, infer E extends WordFields>
    ? readonly NumbersOf<E>[]
    : number
}

interface Numbers {
  readonly [field: string]: number | readonly Numbers[]
}

/** The words of `values`, after those in `words`; low word first, negative numbers in two's complement. */
export function packWords<F extends WordFields>(fields: F, values: NumbersOf<F>, words: number[] = []): number[] {
  append(fields, values as Numbers, words)
  return words
}

function append(fields: WordFields, values: Numbers, words: number[]): void {
  for (const field of fields) {
    if (field.kind === 'list') {
      for (const entry of values[field.name] as readonly Numbers[]) append(field.entry, entry, words)
      continue
    }
    const value = values[field.name] as number
    // >>> 0 takes the low 32 bits of any whole number.
    words.push(value >>> 0)
    if (field.kind === 'u64' || field.kind === 's64') words.push(Math.floor(value / TWO_32) >>> 0)
  }
}
