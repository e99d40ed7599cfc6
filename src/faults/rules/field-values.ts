/** Checks values that are given by field name, for messages or for `where`: the field exists and the value fits its type. */
import { ConfigError, type ConfigPath, show } from '../../platform/core/config-error.js'
import { thereAre } from '../../support/known-names.js'
import { encode, type Field, type Fields, type Values } from '../../wire/fields.js'

/** Each value must be for a field, and of its type. */
export function checkValues(values: Record<string, unknown>, fields: Fields, key: string, named: boolean): void {
  if (!named) throw new ConfigError([key], 'needs a message')
  for (const [name, value] of Object.entries(values)) checkValue(value, fieldNamed(name, fields, key), [key, name])
}

/** A value that a message must have: this text, or a number from `min` to `max`. */
export interface Wanted {
  name: string
  text: string
  /** Undefined: no number fits. */
  numbers: { min: bigint; max: bigint } | undefined
}

/** The values that `where` asks for. Throws ConfigError unless each is for a field, and of its type. */
export function wantedValues(values: Record<string, string | number>, fields: Fields, named: boolean): Wanted[] {
  if (!named) throw new ConfigError(['where'], 'needs a message')
  return Object.entries(values).map(([name, value]) => {
    const { kind } = fieldNamed(name, fields, 'where')
    if (kind === 'list') throw new ConfigError(['where', name], 'is a list, which has no value to compare')
    const numbers = numbersOf(value)
    if (kind !== 'text' && (!numbers || numbers.min > numbers.max)) {
      const wrong = numbers
        ? 'is not a range, which begins with its smallest value'
        : 'is not a whole number or a range'
      throw new ConfigError(['where', name], `${show(value)} ${wrong}; write e.g. 10, or 10..20`)
    }
    return { name, text: String(value), numbers }
  })
}

const NUMBER = '-?\\d+|0x[0-9a-f]+'
const WHOLE = new RegExp(`^(${NUMBER})$`, 'i')
const NUMBERS = new RegExp(`^(${NUMBER})(?:\\.\\.(${NUMBER}))?$`, 'i')

/** `10` or `10..20`. */
function numbersOf(value: string | number): Wanted['numbers'] {
  const [, min, max = min] = NUMBERS.exec(String(value)) ?? []
  return min === undefined ? undefined : { min: BigInt(min), max: BigInt(max!) }
}

function fieldNamed(name: string, fields: Fields, key: string): NamedField {
  const all = flatten(fields)
  const field = all.find(candidate => candidate.name === name)
  if (field) return field
  throw new ConfigError([key, name], `unknown field; ${thereAre(all.map(candidate => candidate.name))}`)
}

function checkValue(value: unknown, field: NamedField, path: ConfigPath): void {
  if (field.kind === 'list') {
    if (!Array.isArray(value)) throw new ConfigError(path, `${show(value)} is not a list of maps`)
    value.forEach((entry: Record<string, unknown>, i) => {
      for (const part of flatten(field.entry)) {
        if (!(part.name in entry)) throw new ConfigError([...path, i], `${part.name} is missing`)
        checkValue(entry[part.name], part, [...path, i, part.name])
      }
    })
  } else if (field.kind !== 'text' && !isInteger(value)) {
    throw new ConfigError(path, `${show(value)} is not a whole number`)
  }
}

/** Payload words with these fields, all of which must be given. Throws ConfigError. */
export function wordsOf(values: Record<string, unknown>, fields: Fields): number[] {
  checkValues(values, fields, 'fields', true)
  const missing = flatten(fields.filter(({ kind }) => kind !== 'optional' && kind !== 'padding')).find(
    field => !(field.name in values),
  )
  if (missing) throw new ConfigError(['fields'], `${missing.name} is missing`)
  const bytes = encode(fields, values as Values)
  return [...new Uint32Array(Uint8Array.from([...bytes, ...new Uint8Array(-bytes.length & 3)]).buffer)]
}

type NamedField = Exclude<Field, { kind: 'optional' }>

/** All fields, including optional ones. */
function flatten(fields: Fields): NamedField[] {
  return fields.flatMap(field => (field.kind === 'optional' ? flatten(field.fields) : [field]))
}

function isInteger(value: unknown): boolean {
  return Number.isInteger(value) || (typeof value === 'string' && WHOLE.test(value))
}
