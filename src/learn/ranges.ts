/** Rates and voltages as their lists were told: one by one, or as a range of minimum, maximum and step. */
import { WHOLE_TRIPLET } from '../platform/core/triplet.js'
import { TRIPLET } from '../protocols/declaration/parts.js'
import { SUCCESS } from '../wire/status.js'
import type { Draft } from './draft.js'
import { listOddities } from './quantities.js'
import type { Listed, Told } from './told.js'

/** Names of fields, and of keys of the file. */
interface Words {
  /** The word that counts, and the value of an entry. */
  count: string
  value: string
  /** Keys: `rates` and `rate`, or `levels` and `level`. */
  list: string
  one: string
  kind: 'rate' | 'level'
  format(value: number): string | number
}

/** Puts what was told into the draft. `current` is the value at start, if it was read. */
export function putValues(draft: Draft, listed: Listed | undefined, current: number | undefined, words: Words): void {
  const values = listed?.entries.map(entry => Number(entry[words.value])) ?? []
  const isRange = listed !== undefined && (Number(listed.first.reply[words.count]) & TRIPLET) !== 0
  if (isRange) putRange(draft, listed, values, current, words)
  else if (values.length > 1) putList(draft, values, current, words)
  else {
    const [only = current] = values
    if (only === undefined) draft.guess(words.one, words.format(0))
    else draft.put(words.one, words.format(only))
    if (listed === undefined && only !== undefined) draft.unseen.push(words.list)
  }
  if (listed && !isRange && !listed.complete) draft.unseen.push(`the rest of its ${words.list}`)
}

function putList(draft: Draft, values: readonly number[], current: number | undefined, words: Words): void {
  draft.put(words.list, values.map(words.format))
  for (const oddity of listOddities(values, words.kind)) draft.odd(oddity)
  if (current === undefined) draft.unseen.push(words.one)
  else if (values.includes(current) && current !== Math.min(...values)) draft.put(words.one, words.format(current))
}

function putRange(
  draft: Draft,
  listed: Listed,
  values: readonly number[],
  current: number | undefined,
  words: Words,
): void {
  const [min = 0, max = min, step = 0] = values
  const isLone = words.kind === 'rate' && min === max && step === 0 && values.length === 3
  if (isLone) draft.put(words.one, words.format(min)).odd('lone_triplet')
  else {
    draft.put('range', { min: words.format(min), max: words.format(max), step: words.format(step) })
    if (step === 0 || max < min + step) draft.odd('flat_range')
    const isReached =
      current !== undefined && current >= min && current <= max && (step === 0 || (current - min) % step === 0)
    if (isReached && current !== min) draft.put(words.one, words.format(current))
    else if (current === undefined) draft.unseen.push(words.one)
  }
  const counts = Number(listed.first.reply[words.count])
  const triplet = { returned: counts & (TRIPLET - 1), remaining: Math.floor(counts / 2 ** 16), values: values.length }
  const differing = Object.entries(triplet).filter(
    ([key, value]) => WHOLE_TRIPLET[key as keyof typeof triplet] !== value,
  )
  if (differing.length > 0) draft.put('triplet', Object.fromEntries(differing))
}

/** Commands that set and read a value, and its field in both. */
interface Setting {
  set: string
  get: string
  field: string
  /** The value that the field stands for; undefined: none. Default: itself. */
  valueFor?(word: number): number | undefined
  format(value: number): string | number
}

/** Puts what became of values that were set, where the next reading told another one, into the draft. */
export function putGrants(
  told: Told,
  draft: Draft,
  { set, get, field, valueFor = word => word, format }: Setting,
): void {
  const values = (command: string, part: 'request' | 'reply') =>
    told.answers(command, draft.id).flatMap(answer => {
      const value = answer.status === SUCCESS ? valueFor(Number(answer[part][field])) : undefined
      return value === undefined ? [] : { at: told.at(answer), value }
    })
  const [sets, gets] = [values(set, 'request'), values(get, 'reply')]
  const grants = sets.flatMap(({ at, value }, i) => {
    const until = sets[i + 1]?.at ?? Number.POSITIVE_INFINITY
    const next = gets.find(read => read.at > at && read.at < until)
    return next && next.value !== value ? [[value, format(next.value)]] : []
  })
  if (grants.length > 0) draft.put('grants', Object.fromEntries(grants))
}
