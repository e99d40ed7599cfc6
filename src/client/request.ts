/** Encodes the payload of a request from values by field name; checks names and values. */
import { OperatorError } from '../support/errors.js'
import { thereIsNo } from '../support/known-names.js'
import { encode, type Field, type Fields, rangeOf, type Value, type Values } from '../wire/fields.js'

const PADDING_MAX = 1024

/** The payload with these fields; omitted ones are 0, an empty text or an empty list. Throws OperatorError. */
export function encodeRequest(fields: Fields, values: Readonly<Record<string, unknown>>): Uint8Array {
  const names = namesOf(fields)
  for (const name of Object.keys(values)) {
    if (!names.includes(name)) throw new OperatorError(thereIsNo(`field ${name}`, names))
  }
  return encode(fields, complete(fields, values, ''))
}

/** All fields, including optional ones: earlier fields decide which of those are present. */
function complete(fields: Fields, given: Readonly<Record<string, unknown>>, path: string): Values {
  const values: Values = {}
  for (const field of fields) {
    if (field.kind === 'optional') Object.assign(values, complete(field.fields, given, path))
    else values[field.name] = fieldValue(field, given[field.name], `${path}${field.name}`)
  }
  return values
}

function fieldValue(field: Exclude<Field, { kind: 'optional' }>, given: unknown, path: string): Value {
  if (field.kind === 'text') return textOf(field.size, given ?? '', path)
  if (field.kind === 'list') {
    const entries = given ?? []
    if (!Array.isArray(entries)) throw new OperatorError(`${path}: give a list of objects`)
    return entries.map((entry, i) => complete(field.entry, entry, `${path}[${i}].`))
  }
  const { min, max } = field.kind === 'padding' ? { min: 0n, max: BigInt(PADDING_MAX) } : rangeOf(field.kind)
  const value = wholeNumber(given ?? 0)
  if (value !== undefined && value >= min && value <= max) return value
  throw new OperatorError(`${path}: ${String(given)} is not a whole number from ${min} to ${max}`)
}

/** One byte is needed for the terminating NUL. */
function textOf(size: number, given: unknown, path: string): string {
  const text = String(given)
  if (text.length < size) return text
  throw new OperatorError(`${path}: "${text}" is longer than ${size - 1} characters`)
}

function wholeNumber(given: unknown): bigint | undefined {
  if (typeof given === 'bigint') return given
  if (typeof given === 'number') return Number.isInteger(given) ? BigInt(given) : undefined
  return typeof given === 'string' && /^(-?\d+|0x[0-9a-f]+)$/i.test(given) ? BigInt(given) : undefined
}

function namesOf(fields: Fields): string[] {
  return [...new Set(fields.flatMap(field => (field.kind === 'optional' ? namesOf(field.fields) : [field.name])))]
}
