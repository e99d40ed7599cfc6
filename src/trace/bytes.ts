/**
 * Encodes plain objects by a protobuf schema into one reused buffer. For traces of millions of small messages:
 * protobufjs, which reads them, takes several times as long to write them because it allocates for every number.
 */
import type { Field, Type } from 'protobufjs'

/** How a field is encoded. Integers of up to 64 bits are numbers, bigints or decimal text. */
interface Plan {
  tag: number
  kind: 'varint' | 'fixed64' | 'double' | 'string' | 'message'
  message: Plans | undefined
}

/** By field name. */
export type Plans = Map<string, Plan>

const WIRE_TYPES = { varint: 0, fixed64: 1, double: 1, string: 2, message: 2 } as const
const VARINTS = new Set(['uint32', 'int32', 'uint64', 'int64', 'bool'])
const INITIAL_SIZE = 1 << 20
/** Most bytes of an integer or tag. */
const VARINT_MAX = 10

/** How messages of a type are encoded. `known` has the types planned so far. */
export function plansOf(type: Type, known = new Map<Type, Plans>()): Plans {
  const done = known.get(type)
  if (done) return done
  const plans: Plans = new Map()
  known.set(type, plans)
  for (const field of type.fieldsArray) {
    const nested = nestedType(field)
    const kind = nested ? 'message' : kindOf(field)
    const tag = (field.id << 3) | WIRE_TYPES[kind]
    plans.set(field.name, { tag, kind, message: nested && plansOf(nested, known) })
  }
  return plans
}

function nestedType(field: Field): Type | undefined {
  const { resolvedType } = field.resolve()
  return resolvedType && 'fieldsArray' in resolvedType ? resolvedType : undefined
}

function kindOf({ type, resolvedType, fullName }: Field): Exclude<Plan['kind'], 'message'> {
  if (type === 'string' || type === 'double' || type === 'fixed64') return type
  if (resolvedType || VARINTS.has(type)) return 'varint'
  throw new TypeError(`${fullName}: type ${type} can't be written`)
}

export class Bytes {
  #buffer = Buffer.allocUnsafe(INITIAL_SIZE)
  #at = 0

  /** The bytes written since the last call; valid until the next write. */
  take(): Buffer {
    const bytes = this.#buffer.subarray(0, this.#at)
    this.#at = 0
    return bytes
  }

  /** Writes a field whose type is a message. */
  message(tag: number, value: object, plans: Plans): void {
    this.#varint(tag)
    this.#reserve(VARINT_MAX)
    const start = ++this.#at // of the contents, if one byte says how long they are
    for (const name in value) {
      const field = (value as Record<string, unknown>)[name]
      const plan = plans.get(name)
      if (field === undefined || !plan) continue
      if (Array.isArray(field)) for (const entry of field) this.#field(plan, entry)
      else this.#field(plan, field)
    }
    const length = this.#at - start
    if (length >= 0x80) {
      const more = sizeOfVarint(length) - 1
      this.#reserve(more)
      this.#buffer.copyWithin(start + more, start, this.#at)
      this.#at = start - 1
      this.#varint(length)
      this.#at += length
    } else this.#buffer[start - 1] = length
  }

  #field(plan: Plan, value: unknown): void {
    if (plan.kind === 'message') {
      this.message(plan.tag, value as object, plan.message!)
      return
    }
    this.#varint(plan.tag)
    this.#reserve(VARINT_MAX)
    if (plan.kind === 'string') this.#string(value as string)
    else if (plan.kind === 'double') this.#at = this.#buffer.writeDoubleLE(value as number, this.#at)
    else if (plan.kind === 'fixed64') this.#at = this.#buffer.writeBigUInt64LE(BigInt(value as number), this.#at)
    else this.#whole(value as number | bigint | string | boolean)
  }

  #string(text: string): void {
    const length = Buffer.byteLength(text)
    this.#varint(length)
    this.#reserve(length)
    this.#at += this.#buffer.write(text, this.#at)
  }

  #whole(value: number | bigint | string | boolean): void {
    if (typeof value === 'number' && value >= 0) {
      this.#varint(value)
      return
    }
    let rest = BigInt.asUintN(64, BigInt(value))
    for (; rest >= 0x80n; rest >>= 7n) this.#buffer[this.#at++] = Number(rest & 0x7fn) | 0x80
    this.#buffer[this.#at++] = Number(rest)
  }

  /** A whole number from 0 to 2^53. */
  #varint(value: number): void {
    this.#reserve(VARINT_MAX)
    let rest = value
    for (; rest >= 0x8000_0000; rest = Math.floor(rest / 0x80)) this.#buffer[this.#at++] = (rest % 0x80) | 0x80
    for (; rest >= 0x80; rest >>>= 7) this.#buffer[this.#at++] = (rest & 0x7f) | 0x80
    this.#buffer[this.#at++] = rest
  }

  #reserve(size: number): void {
    if (this.#at + size <= this.#buffer.length) return
    this.#buffer = Buffer.concat([this.#buffer.subarray(0, this.#at)], 2 * (this.#at + size))
  }
}

function sizeOfVarint(value: number): number {
  let size = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++
  return size
}
