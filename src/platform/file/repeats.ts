/**
 * Expands list entries with `repeat`: `{ repeat: 100, name: 'clk_{i}', … }` becomes clk_0 to clk_99. Works on plain
 * data before the schemas, and remembers which entry of the text each copy came from.
 */
import { ConfigError, type ConfigPath, show } from '../core/config-error.js'
import { DEPTH_MAX, TOO_DEEP } from './yaml-text.js'

type Map = Record<string, unknown>

/** Far more than ids can number; a typing mistake should not use up all memory. */
const ENTRIES_MAX = 100_000
/** Limit of all values of a file: texts, numbers, lists and maps. */
const VALUES_MAX = 1_000_000
/** Limit of the characters in its texts. */
const CHARACTERS_MAX = 4_000_000

/** `{i}`, `{i % 8}` or `{i / 8}` in a text. */
const PLACEHOLDER = /\{ *i *(?:([%/]) *([1-9]\d{0,5}) *)?\}/g

/** JSON Schema of `repeat`, for editors. */
export const repeatJsonSchema = {
  description:
    'How many copies of this entry to make; {i} in texts is the number of the copy, from 0 or from `from`. ' +
    '{i % n} is the remainder, {i / n} the quotient. An id is that of the first copy; the others count on',
  anyOf: [
    { type: 'integer', minimum: 1, maximum: ENTRIES_MAX },
    {
      type: 'object',
      properties: {
        count: { type: 'integer', minimum: 1, maximum: ENTRIES_MAX },
        from: { type: 'integer', minimum: 0 },
      },
      required: ['count'],
      additionalProperties: false,
    },
  ],
} as const

export class Repeats {
  /** For each list that grew: the position in the text of each entry. */
  readonly #positions = new WeakMap<readonly unknown[], number[]>()
  #entries = 0
  #values = 0
  #characters = 0

  /** The data with repeats expanded; each alias becomes a copy. Throws ConfigError with a path in the text. */
  expand(data: unknown, path: ConfigPath = []): unknown {
    this.#add(1, typeof data === 'string' ? data.length : 0, path)
    // Aliases can nest deeper than the text; the top-level key is enough of a place.
    if (path.length > DEPTH_MAX) throw new ConfigError(path.slice(0, 1), TOO_DEEP)
    if (Array.isArray(data)) return this.#expandList(data, path)
    if (!isMap(data)) return data
    return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, this.expand(value, [...path, key])]))
  }

  /** Counts what is added to the expanded data. */
  #add(values: number, characters: number, path: ConfigPath): void {
    this.#values += values
    if (this.#values > VALUES_MAX) throw new ConfigError(path, `expands the file to more than ${VALUES_MAX} values`)
    this.#characters += characters
    if (this.#characters > CHARACTERS_MAX) {
      throw new ConfigError(path, `expands the file to more than ${CHARACTERS_MAX} characters`)
    }
  }

  /** The path in the text of the value at `path` in the expanded data. */
  origin(data: unknown, path: ConfigPath): ConfigPath {
    let node = data
    return path.map(part => {
      const position = Array.isArray(node) ? this.#positions.get(node)?.[Number(part)] : undefined
      node = (node as Map | undefined)?.[part]
      return position ?? part
    })
  }

  #expandList(list: readonly unknown[], path: ConfigPath): unknown[] {
    const positions: number[] = []
    const expanded = list.flatMap((entry, position) => {
      const at = [...path, position]
      const whole = this.expand(entry, at)
      const entries = isMap(whole) && 'repeat' in whole ? this.#copies(whole, [...at, 'repeat']) : [whole]
      for (const _ of entries) positions.push(position)
      return entries
    })
    if (expanded.length > list.length) this.#positions.set(expanded, positions)
    return expanded
  }

  #copies({ repeat, ...entry }: Map, path: ConfigPath): unknown[] {
    const { count, from } = numbersOf(repeat, path)
    this.#entries += count * mapsIn(entry)
    if (this.#entries > ENTRIES_MAX) throw new ConfigError(path, `expands the file to more than ${ENTRIES_MAX} entries`)
    const { values, characters } = sizeOf(entry)
    const make = this.#copier(entry, path)!
    const { id } = entry
    return Array.from({ length: count }, (_, i) => {
      this.#add(values, characters, path)
      const copy = make(from + i) as Map
      // The id is the first copy's; the others count on.
      return typeof id === 'number' ? { ...copy, id: id + i } : copy
    })
  }

  /**
   * What makes a copy of `value` by its number; undefined if all copies are the value itself. Most values of an entry are
   * the same in all its copies, and large boards have thousands of copies.
   */
  #copier(value: unknown, path: ConfigPath): ((i: number) => unknown) | undefined {
    if (typeof value === 'string') return value.includes('{') ? i => this.#text(value, i, path) : undefined
    if (typeof value !== 'object' || value === null) return undefined
    const parts = Object.entries(value).flatMap(([key, part]) => {
      const make = this.#copier(part, path)
      return make ? [{ key, make }] : []
    })
    const positions = Array.isArray(value) ? this.#positions.get(value) : undefined
    return i => {
      const copy: Map | unknown[] = Array.isArray(value) ? [...value] : { ...value }
      for (const { key, make } of parts) (copy as Map)[key] = make(i)
      if (positions) this.#positions.set(copy as unknown[], positions)
      return copy
    }
  }

  #text(text: string, i: number, path: ConfigPath): string {
    const written = withNumber(text, i)
    this.#add(0, written.length - text.length, path)
    return written
  }
}

function isMap(value: unknown): value is Map {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The values in `value`, including itself, and the characters of its texts. */
function sizeOf(value: unknown): { values: number; characters: number } {
  if (typeof value === 'string') return { values: 1, characters: value.length }
  const size = { values: 1, characters: 0 }
  if (typeof value !== 'object' || value === null) return size
  for (const part of Object.values(value)) {
    const { values, characters } = sizeOf(part)
    size.values += values
    size.characters += characters
  }
  return size
}

/** The number of maps in `value`, including itself. */
function mapsIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  return Object.values(value).reduce((sum: number, entry) => sum + mapsIn(entry), Array.isArray(value) ? 0 : 1)
}

function withNumber(text: string, i: number): string {
  return text.replace(PLACEHOLDER, (_, operator?: string, operand?: string) => {
    const n = Number(operand)
    return String(operator === '%' ? i % n : operator === '/' ? Math.floor(i / n) : i)
  })
}

function numbersOf(repeat: unknown, path: ConfigPath): { count: number; from: number } {
  if (!isMap(repeat)) return { count: wholeNumber(repeat, 1, path), from: 0 }
  const { count, from = 0, ...others } = repeat
  const unknown = Object.keys(others)[0]
  if (unknown !== undefined) throw new ConfigError([...path, unknown], 'is not a known key; known keys: count, from')
  return { count: wholeNumber(count, 1, [...path, 'count']), from: wholeNumber(from, 0, [...path, 'from']) }
}

function wholeNumber(value: unknown, min: number, path: ConfigPath): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= ENTRIES_MAX) return value
  throw new ConfigError(path, `${show(value)} is not a number of entries; write ${min} to ${ENTRIES_MAX}`)
}
