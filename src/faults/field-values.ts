/** Checks values that are given by field name: the field exists and the value fits its type. */
import { ConfigError, type ConfigPath, show } from '../platform/core/config-error.js'
import { thereAre } from '../support/known-names.js'
import { encode, type Field, type Fields, type Values } from '../wire/fields.js'

/** Each value must be for a field, and of its type. */
export function checkValues(values: Record<string, unknown>, fields: Fields, key: string, named: boolean): void {
  if (!named) throw new ConfigError([key], 'needs a message')
  for (const [name, value] of Object.entries(values)) {
    const field = flatten(fields).find(candidate => candidate.name === name)
    if (!field) {
      const names = flatten(fields).map(candidate => candidate.name)
      throw new ConfigError([key, name], `unknown field; ${thereAre(names)}`)
    }
    checkValue(value, field, [key, name])
  }
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
  return Number.isInteger(value) || (typeof value === 'string' && /^(-?\d+|0x[0-9a-f]+)$/i.test(value))
}
