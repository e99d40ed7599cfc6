/** Converts field values to Perfetto's debug annotations and back. */
import type { Value, Values } from '../wire/fields.js'
import type { DebugAnnotation, Whole } from './perfetto.js'
import type { Interner } from './tracks.js'

/** Values of annotations: payloads, and other values of events. */
export type Annotated = Values | Uint8Array | Value

export class Annotator {
  readonly #interner: Interner

  constructor(interner: Interner) {
    this.#interner = interner
  }

  /** Annotations of these names; bytes become hex text, undefined values are left out. */
  all(values: Readonly<Record<string, Annotated | undefined>>): DebugAnnotation[] {
    const annotations: DebugAnnotation[] = []
    for (const name in values) {
      const value = values[name]
      if (value !== undefined) annotations.push(this.#named(name, value))
    }
    return annotations
  }

  #named(name: string, value: Annotated): DebugAnnotation {
    const annotation = this.#valued(value)
    annotation.name_iid = this.#interner.id('debug_annotation_names', name)
    return annotation
  }

  #valued(value: Annotated): DebugAnnotation {
    if (typeof value === 'number') return value < 0 ? { int_value: value } : { uint_value: value }
    if (typeof value === 'bigint') return value < 0n ? { int_value: exact(value) } : { uint_value: exact(value) }
    if (typeof value === 'string') return { string_value: value }
    if (value instanceof Uint8Array) return { string_value: hexOf(value) }
    if (Array.isArray(value)) return { array_values: value.map(entry => this.#valued(entry)) }
    return { dict_entries: this.all(value) }
  }
}

const hexOf = ({ buffer, byteOffset, length }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, length).toString('hex')

const exact = (value: bigint): Whole => (isExact(value) ? Number(value) : value.toString())

const isExact = (value: bigint): boolean => BigInt.asIntN(54, value) === value

/** The inverse of `Annotator.all`, except that bytes stay text and small bigints become numbers. */
export function annotatedValues(annotations: readonly DebugAnnotation[], nameOf: (iid: Whole) => string): Values {
  const values: Values = {}
  for (const annotation of annotations) {
    const name = nameOf(annotation.name_iid ?? 0)
    values[name] = annotatedValue(annotation, nameOf)
  }
  return values
}

function annotatedValue(annotation: DebugAnnotation, nameOf: (iid: Whole) => string): Value {
  const { string_value, uint_value, int_value, dict_entries, array_values } = annotation
  if (string_value !== undefined) return string_value
  const whole = uint_value ?? int_value
  if (whole !== undefined) return isExact(BigInt(whole)) ? Number(whole) : BigInt(whole)
  // An empty dictionary can't be distinguished from an empty list.
  if (dict_entries) return [annotatedValues(dict_entries, nameOf)]
  return (array_values ?? []).map(entry => annotatedValues(entry.dict_entries ?? [], nameOf))
}
