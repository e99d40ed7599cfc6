/**
 * Field tables: declarations of payloads, for everything that is not hot. The dispatcher's size checks, traces, the
 * byte vectors of the tests and the README's tables come from them. Handlers read and write the same bytes by hand
 * (wire/message), and a test compares the two.
 */

export type Value = number | bigint | string | Values[]
export interface Values {
  [field: string]: Value
}

type ScalarKind = 'u8' | 'u16' | 'u32' | 's32' | 'u64' | 's64'

export interface Scalar<N extends string = string, K extends ScalarKind = ScalarKind> {
  kind: K
  name: N
}
export interface Text<N extends string = string> {
  kind: 'text'
  name: N
  size: number
}
/**
 * Entries as counted by the earlier field `count`, or up to the end of the payload; padded with zeros to a multiple of
 * `align` bytes.
 */
export interface List<N extends string = string, E extends Fields = readonly Field[]> {
  kind: 'list'
  name: N
  entry: E
  count: ((before: Values) => number) | undefined
  align: number
}
/** Fields that are present only if `when` returns true for the earlier fields. */
export interface Optional<F extends Fields = readonly Field[]> {
  kind: 'optional'
  fields: F
  when: (before: Values) => boolean
}
/** Trailing bytes without meaning; the value is their number. */
export interface Padding {
  kind: 'padding'
  name: 'padding'
}
export type Field = Scalar | Text | List | Optional | Padding
/** A payload, or part of one. */
export type Fields = readonly Field[]

/** The type of a decoded field; 64-bit values are bigints. */
type ValueOf<F> =
  F extends Scalar<string, infer K>
    ? K extends 'u64' | 's64'
      ? bigint
      : number
    : F extends Text
      ? string
      : F extends List<string, infer E>
        ? ValuesOf<E>[]
        : never

type Named<F, N> = F extends { name: N } ? F : never
type NameOf<F> = F extends { name: infer N extends string } ? N : never
type OptionalFields<F> = F extends Optional<infer O> ? O[number] : never

/** The type that `decode` returns for these fields. */
export type ValuesOf<F extends Fields> = { [N in NameOf<F[number]>]: ValueOf<Named<F[number], N>> } & {
  [N in NameOf<OptionalFields<F[number]>>]?: ValueOf<Named<OptionalFields<F[number]>, N>>
}

/** What `encode` takes for a request; omitted fields are 0 or empty. */
export type InputOf<F extends Fields> = { [N in NameOf<F[number]>]?: InputValue<Named<F[number], N>> } & {
  [N in NameOf<OptionalFields<F[number]>>]?: InputValue<Named<OptionalFields<F[number]>, N>>
}
type InputValue<F> = F extends Scalar
  ? number | bigint
  : F extends List<string, infer E>
    ? readonly InputOf<E>[]
    : ValueOf<F>

const SIZES = { u8: 1, u16: 2, u32: 4, s32: 4, u64: 8, s64: 8 } as const

export const u8 = <const N extends string>(name: N): Scalar<N, 'u8'> => ({ kind: 'u8', name })
export const u16 = <const N extends string>(name: N): Scalar<N, 'u16'> => ({ kind: 'u16', name })
export const u32 = <const N extends string>(name: N): Scalar<N, 'u32'> => ({ kind: 'u32', name })
export const s32 = <const N extends string>(name: N): Scalar<N, 's32'> => ({ kind: 's32', name })
export const u64 = <const N extends string>(name: N): Scalar<N, 'u64'> => ({ kind: 'u64', name })
export const s64 = <const N extends string>(name: N): Scalar<N, 's64'> => ({ kind: 's64', name })
/** A fixed-size, NUL-terminated, NUL-padded ASCII string; 16 bytes unless the spec says 64. */
export const text = <const N extends string>(name: N, size = 16): Text<N> => ({ kind: 'text', name, size })
export const list = <const N extends string, const E extends Fields>(
  name: N,
  entry: E,
  count: (before: Values) => number,
  align = 1,
): List<N, E> => ({ kind: 'list', name, entry, count, align })
/** Entries up to the end of the payload. */
export const rest = <const N extends string, const E extends Fields>(name: N, entry: E): List<N, E> => ({
  kind: 'list',
  name,
  entry,
  count: undefined,
  align: 1,
})
export const optional = <const F extends Fields>(fields: F, when: (before: Values) => boolean): Optional<F> => ({
  kind: 'optional',
  fields,
  when,
})

/** Smallest and largest value of a scalar field. */
export function rangeOf(kind: ScalarKind): { min: bigint; max: bigint } {
  const bits = BigInt(8 * SIZES[kind])
  const signed = kind === 's32' || kind === 's64'
  return signed ? { min: -(1n << (bits - 1n)), max: (1n << (bits - 1n)) - 1n } : { min: 0n, max: (1n << bits) - 1n }
}
export const padding: Field = { kind: 'padding', name: 'padding' }

/** Size in bytes of the part that is always present, and whether there is nothing else. */
export function sizeOf(fields: Fields): { min: number; fixed: boolean } {
  let min = 0
  let fixed = true
  for (const field of fields) {
    if (field.kind === 'list' || field.kind === 'optional' || field.kind === 'padding') fixed = false
    else min += field.kind === 'text' ? field.size : SIZES[field.kind]
  }
  return { min, fixed }
}

/** Decodes all of `bytes`. Throws RangeError if bytes are missing or left over. */
export function decode(fields: Fields, bytes: DataView): Values {
  const values: Values = {}
  const end = decodeAt(fields, bytes, 0, values)
  if (end !== bytes.byteLength) throw new RangeError(`${bytes.byteLength - end} bytes more than the fields describe`)
  return values
}

/**
 * Decodes what there is of `bytes`: fields up to the first that is cut off, and entries of lists as far as the bytes go,
 * whatever the count says. For messages that do not follow their declaration.
 */
export function decodeSome(fields: Fields, bytes: DataView): Values {
  const values: Values = {}
  const byLength = fields.map(
    (field): Field => (field.kind === 'list' && field.align === 1 ? rest(field.name, field.entry) : field),
  )
  try {
    decodeAt(byLength, bytes, 0, values)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  return values
}

function decodeAt(fields: Fields, bytes: DataView, start: number, values: Values): number {
  let at = start
  for (const field of fields) {
    switch (field.kind) {
      case 'optional':
        if (field.when(values)) at = decodeAt(field.fields, bytes, at, values)
        break
      case 'list': {
        const entries: Values[] = []
        values[field.name] = entries
        const first = at
        const count = field.count ? field.count(values) : Number.POSITIVE_INFINITY
        for (let i = 0; i < count && (field.count || at < bytes.byteLength); i++) {
          const entry: Values = {}
          at = decodeAt(field.entry, bytes, at, entry)
          entries.push(entry)
        }
        at = first + Math.ceil((at - first) / field.align) * field.align
        break
      }
      case 'padding':
        if (at < bytes.byteLength) values.padding = bytes.byteLength - at
        at = bytes.byteLength
        break
      case 'text': {
        let text = ''
        for (let i = 0; i < field.size; i++) {
          const code = bytes.getUint8(at + i)
          if (code === 0) break
          text += String.fromCharCode(code)
        }
        values[field.name] = text
        at += field.size
        break
      }
      default:
        values[field.name] = readScalar(field.kind, bytes, at)
        at += SIZES[field.kind]
    }
  }
  return at
}

function readScalar(kind: Scalar['kind'], bytes: DataView, at: number): number | bigint {
  switch (kind) {
    case 'u8':
      return bytes.getUint8(at)
    case 'u16':
      return bytes.getUint16(at, true)
    case 'u32':
      return bytes.getUint32(at, true)
    case 's32':
      return bytes.getInt32(at, true)
    case 'u64':
      return bytes.getBigUint64(at, true)
    case 's64':
      return bytes.getBigInt64(at, true)
  }
}

/** Encodes `values`. Throws if a value is missing or of the wrong type. */
export function encode(fields: Fields, values: Values): Uint8Array {
  const bytes: number[] = []
  encodeInto(fields, values, bytes)
  return Uint8Array.from(bytes)
}

function encodeInto(fields: Fields, values: Values, bytes: number[]): void {
  for (const field of fields) {
    if (field.kind === 'optional') {
      if (field.when(values)) encodeInto(field.fields, values, bytes)
      continue
    }
    if (field.kind === 'padding') {
      for (let i = Number(values.padding ?? 0); i > 0; i--) bytes.push(0)
      continue
    }
    const value = values[field.name]
    if (value === undefined) throw new TypeError(`no value for field ${field.name}`)
    if (field.kind === 'list') {
      if (!Array.isArray(value)) throw new TypeError(`${field.name} is not a list`)
      const first = bytes.length
      for (const entry of value) encodeInto(field.entry, entry, bytes)
      while ((bytes.length - first) % field.align !== 0) bytes.push(0)
    } else if (field.kind === 'text') {
      const text = String(value)
      for (let i = 0; i < field.size; i++) bytes.push(i < text.length ? text.charCodeAt(i) : 0)
    } else {
      let rest = BigInt.asUintN(64, BigInt(value as number | bigint))
      for (let i = 0; i < SIZES[field.kind]; i++, rest >>= 8n) bytes.push(Number(rest & 0xffn))
    }
  }
}
