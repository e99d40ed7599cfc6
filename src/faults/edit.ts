/** Applies a rule's edits to a message. */
import type { Command, Event } from '../protocols/declaration/protocol.js'
import { decode, encode, type Fields, type Values } from '../wire/fields.js'
import { HEADER_SIZE, messageIdOf, packHeader, protocolIdOf, STATUS_SIZE, tokenOf, typeOf } from '../wire/header.js'
import { STATUS_NAMES, SUCCESS } from '../wire/status.js'
import { sentFields } from './rules/compile.js'
import type { Wanted } from './rules/field-values.js'
import type { CheckedRule } from './rules/rule.js'

const TOKENS = 0x400

/** The message to deliver, made from the original; `declared` describes its payload, if known. */
export function edit(message: Uint8Array, rule: CheckedRule, declared: Command | Event | undefined): Uint8Array {
  // Without a whole header there is nothing to edit.
  if (message.length < HEADER_SIZE) return message
  let bytes = message
  if (rule.status !== undefined) bytes = withStatus(bytes, statusNumber(rule.status))
  if (rule.fields) bytes = withFields(bytes, rule, declared)
  if (rule.extend) bytes = Uint8Array.from([...bytes, ...new Uint8Array(rule.extend)])
  if (rule.words || rule.bytes || rule.header) bytes = patched(bytes, rule)
  if (rule.rewrite) bytes = rule.rewrite(bytes)
  return rule.truncate === undefined ? bytes : bytes.slice(0, rule.truncate)
}

/** A reply of header and status only. */
export function refusal(header: number, status: number): Uint8Array {
  return new Uint8Array(Int32Array.of(header, status).buffer)
}

/** Header and payload words as a message. */
export function messageOf(header: number, words: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.of(header, ...words).buffer)
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Whether the payload has all these fields with these values. */
export function hasValues(payload: DataView, fields: Fields, wanted: readonly Wanted[]): boolean {
  const values = tryDecode(fields, payload)
  return values !== undefined && wanted.every(one => fits(values[one.name], one))
}

function statusNumber(status: NonNullable<CheckedRule['status']>): number {
  return typeof status === 'number' ? status : -STATUS_NAMES.indexOf(status)
}

function withStatus(message: Uint8Array, status: number): Uint8Array {
  return refusal(viewOf(message).getUint32(0, true), status)
}

/** Replies with an error have no fields, and bytes that fit no layout can't be changed by name. */
function withFields(message: Uint8Array, rule: CheckedRule, declared: Command | Event | undefined): Uint8Array {
  const start = rule.on === 'notification' ? HEADER_SIZE : HEADER_SIZE + STATUS_SIZE
  const fields = declared && sentFields(rule.on, declared)
  if (!fields || message.length < start) return message
  if (rule.on !== 'notification' && viewOf(message).getInt32(HEADER_SIZE, true) !== SUCCESS) return message
  const values = tryDecode(fields, viewOf(message.subarray(start)))
  if (!values) return message
  return Uint8Array.from([...message.subarray(0, start), ...encode(fields, { ...values, ...(rule.fields as Values) })])
}

function patched(message: Uint8Array, { words = {}, bytes = {}, header }: CheckedRule): Uint8Array {
  const result = message.slice()
  const view = viewOf(result)
  for (const [word, value] of Object.entries(words)) {
    const at = Number(word) * 4
    if (at + 4 <= result.length) view.setUint32(at, value, true)
  }
  for (const [at, value] of Object.entries(bytes)) if (Number(at) < result.length) result[Number(at)] = value
  if (header && result.length >= HEADER_SIZE) {
    const old = view.getUint32(0, true)
    const token = newToken(tokenOf(old), header.token)
    const { protocol = protocolIdOf(old), message: id = messageIdOf(old), type = typeOf(old) } = header
    view.setUint32(0, packHeader(protocol, id, type, token), true)
  }
  return result
}

/** A text such as "+1" is relative. */
function newToken(right: number, token: string | number | undefined): number {
  if (token === undefined) return right
  return typeof token === 'number' ? token : (right + Number(token) + TOKENS * TOKENS) % TOKENS
}

function tryDecode(fields: Fields, bytes: DataView): Values | undefined {
  try {
    return decode(fields, bytes)
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

function fits(value: Values[string] | undefined, { text, numbers }: Wanted): boolean {
  if (typeof value === 'string') return value === text
  if (typeof value !== 'number' && typeof value !== 'bigint') return false
  return numbers !== undefined && value >= numbers.min && value <= numbers.max
}
