/** The text of a message, made from the protocols' field tables: for logs and tests, never on the hot path. */
import type { Protocol } from './protocols/protocol.js'
import { decode, type Field, type Value, type Values } from './wire/fields.js'
import {
  DELAYED_RESPONSE,
  HEADER_SIZE,
  messageIdOf,
  NOTIFICATION,
  protocolIdOf,
  STATUS_SIZE,
  tokenOf,
  typeOf,
} from './wire/header.js'
import { SUCCESS, statusName } from './wire/status.js'

/** Sees a command and its reply right after it was answered. The views are the guest's memory: read them at once. */
export type MessageObserver = (request: DataView, reply: DataView) => void

/** One line for a command and its reply: `clock CLOCK_RATE_GET #5 {clock_id: 2} → SUCCESS {rate: 24000000}`. */
export function describeExchange(protocols: readonly Protocol[], request: DataView, reply: DataView): string {
  if (request.byteLength < HEADER_SIZE) return `a message of ${request.byteLength} bytes, too short for a header`
  const header = request.getUint32(0, true)
  const protocol = protocols.find(candidate => candidate.id === protocolIdOf(header))
  // The layouts of several versions may fit; the newest that does is shown.
  const commands = (protocol?.commands ?? [])
    .filter(command => command.id === messageIdOf(header))
    .sort((a, b) => b.since - a.since)
  const name = `${protocol?.name ?? hex(protocolIdOf(header))} ${commands[0]?.name ?? hex(messageIdOf(header))}`
  const question = describePayload(
    commands.map(command => command.request),
    payload(request, HEADER_SIZE),
  )
  if (reply.byteLength < HEADER_SIZE + STATUS_SIZE) return `${name} #${tokenOf(header)} ${question} → no answer`
  const status = reply.getInt32(HEADER_SIZE, true)
  const answer =
    status === SUCCESS
      ? ` ${describePayload(
          commands.map(command => command.reply),
          payload(reply, HEADER_SIZE + STATUS_SIZE),
        )}`
      : ''
  return `${name} #${tokenOf(header)} ${question} → ${statusName(status)}${answer}`
}

/** One line for a notification or a delayed response, given as header and payload words. */
export function describeEvent(protocols: readonly Protocol[], header: number, words: readonly number[]): string {
  const protocol = protocols.find(candidate => candidate.id === protocolIdOf(header))
  const bytes = new DataView(Uint32Array.from(words).buffer)
  if (typeOf(header) === NOTIFICATION) {
    const events = (protocol?.events ?? []).filter(candidate => candidate.id === messageIdOf(header))
    const text = describePayload(
      events.map(event => event.fields),
      bytes,
    )
    return `${protocol?.name ?? hex(protocolIdOf(header))} ${events[0]?.name ?? hex(messageIdOf(header))} ${text}`
  }
  const command = protocol?.commands.find(candidate => candidate.id === messageIdOf(header))
  const kind = typeOf(header) === DELAYED_RESPONSE ? 'delayed response to ' : ''
  const status = bytes.getInt32(0, true)
  const text = describePayload(command?.delayed ? [command.delayed] : [], payload(bytes, STATUS_SIZE))
  return `${kind}${protocol?.name} ${command?.name} #${tokenOf(header)} ${statusName(status)} ${text}`
}

/** The payload by the first layout that fits it exactly, else its bytes. */
function describePayload(layouts: Field[][], bytes: DataView): string {
  for (const layout of layouts) {
    const values = tryDecode(layout, bytes)
    if (values) return formatValue([values])
  }
  const text = [...new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)].map(byte =>
    byte.toString(16).padStart(2, '0'),
  )
  return `[${text.join(' ')}]`
}

/** The values, or undefined if the bytes are not of this layout (which a guest may well send). */
function tryDecode(layout: Field[], bytes: DataView): Values | undefined {
  try {
    return decode(layout, bytes)
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

function formatValue(value: Value): string {
  if (Array.isArray(value)) return value.map(formatValues).join(' ')
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}

function formatValues(values: Values): string {
  return `{${Object.entries(values)
    .map(([name, value]) => `${name}: ${Array.isArray(value) ? `[${formatValue(value)}]` : formatValue(value)}`)
    .join(', ')}}`
}

function payload(bytes: DataView, offset: number): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset + offset, bytes.byteLength - offset)
}

function hex(value: number): string {
  return `0x${value.toString(16)}`
}
