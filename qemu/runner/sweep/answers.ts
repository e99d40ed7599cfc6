/**
 * The answers of a sweep: all the ways in which a reply can be wrong, made from its declaration. Each is what a fault rule
 * does; the message is added by the sweep.
 */
import type { FaultRule } from '../../../src/faults/rules/rule.js'
import { type Field, type Fields, type Scalar, sizeOf, type Values } from '../../../src/wire/fields.js'
import { HEADER_SIZE, STATUS_SIZE } from '../../../src/wire/header.js'
import { STATUS_NAMES, SUCCESS } from '../../../src/wire/status.js'

export interface Answer {
  name: string
  rule: Partial<FaultRule>
}

const PAYLOAD = HEADER_SIZE + STATUS_SIZE
/** A status that SCMI does not define, one of a vendor's, and one that is no error. */
const OTHER_STATUSES = { 'status -64': -64, 'status -128': -128, 'status 1': 1 }
const EXTENSION = 16
const BITS = { u8: 8, u16: 16, u32: 32, s32: 32, u64: 64, s64: 64 }

/** All wrong answers to a command with this reply, by name. */
export function wrongAnswers(reply: Fields): Answer[] {
  const statuses = STATUS_NAMES.filter(name => name !== 'SUCCESS').map(name => ({ name, rule: { status: name } }))
  const others = Object.entries(OTHER_STATUSES).map(([name, status]) => ({
    name,
    rule: { words: { 1: status >>> 0 } },
  }))
  return [
    ...statuses,
    ...others,
    { name: 'none', rule: { drop: true } },
    { name: 'header alone', rule: { truncate: HEADER_SIZE } },
    { name: 'long', rule: { extend: EXTENSION } },
    ...(reply.length > 0 ? payloads(reply) : []),
  ]
}

/** Wrong payloads. Replies that are errors have none, and stay as they are. */
function payloads(reply: Fields): Answer[] {
  const rewriting = (name: string, change: (payload: Uint8Array) => Uint8Array): Answer => ({
    name,
    rule: { rewrite: message => withPayload(message, change) },
  })
  const counts = countFields(reply)
  return [
    rewriting('status alone', payload => payload.subarray(0, 0)),
    rewriting('short', payload => payload.subarray(0, (payload.length >> 3) * 4)),
    rewriting('all ones', payload => new Uint8Array(payload.length).fill(0xff)),
    rewriting('all zeros', payload => new Uint8Array(payload.length)),
    ...placesOf(reply).flatMap(({ name, at, bits }) =>
      Object.entries(counts.has(name) ? { ...ONE_BIT, ...WRONG_COUNTS } : ONE_BIT).map(([what, change]) =>
        rewriting(`${name}: ${what}`, payload => withValue(payload, at, bits, value => change(value, BigInt(bits)))),
      ),
    ),
  ]
}

type Change = (value: bigint, bits: bigint) => bigint

const ONE_BIT: Record<string, Change> = {
  'lowest bit': value => value ^ 1n,
  'highest bit': (value, bits) => value ^ (1n << (bits - 1n)),
}
const WRONG_COUNTS: Record<string, Change> = {
  none: () => 0n,
  'one more': value => value + 1n,
  'all ones': (_, bits) => (1n << bits) - 1n,
  // Entries remain, however often the agent asks for them.
  'never the last': (value, bits) => value | (1n << (bits / 2n + 8n)),
}

interface Place {
  name: string
  at: number
  bits: number
}

/** The numbers of a reply whose place does not depend on others. */
function placesOf(reply: Fields): Place[] {
  return reply.flatMap((field, index) => {
    const before = sizeOf(reply.slice(0, index))
    return isScalar(field) && before.fixed ? [{ name: field.name, at: before.min, bits: BITS[field.kind] }] : []
  })
}

const isScalar = (field: Field): field is Scalar => field.kind in BITS

/** The fields that say how many entries a list has: those that its declaration looks at. */
export function countFields(fields: Fields): Set<string> {
  const looked = new Set<string>()
  const values = new Proxy({} as Values, {
    get: (_, name) => {
      looked.add(String(name))
      return 0
    },
  })
  for (const field of fields) if (field.kind === 'list') field.count?.(values)
  return looked
}

function withPayload(message: Uint8Array, change: (payload: Uint8Array) => Uint8Array): Uint8Array {
  if (message.length <= PAYLOAD || viewOf(message).getInt32(HEADER_SIZE, true) !== SUCCESS) return message
  return Uint8Array.from([...message.subarray(0, PAYLOAD), ...change(message.subarray(PAYLOAD))])
}

/** The payload with another value of the field at this place; the rest stays as it is, whatever the field counts. */
function withValue(payload: Uint8Array, at: number, bits: number, change: (value: bigint) => bigint): Uint8Array {
  const bytes = payload.slice()
  if (bytes.length < at + bits / 8) return bytes
  let value = 0n
  for (let byte = bits / 8 - 1; byte >= 0; byte--) value = (value << 8n) | BigInt(bytes[at + byte]!)
  const changed = BigInt.asUintN(bits, change(value))
  for (let byte = 0; byte < bits / 8; byte++) bytes[at + byte] = Number((changed >> BigInt(8 * byte)) & 0xffn)
  return bytes
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
