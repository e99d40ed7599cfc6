/** Decodes messages for people, by the protocols' field tables: names, fields, status. Never on the hot path. */
import type { Protocol } from '../protocols/declaration/protocol.js'
import { decode, type Fields, type Value, type Values } from '../wire/fields.js'
import {
  CHANNEL_WRITE,
  HEADER_SIZE,
  messageIdOf,
  NOTIFICATION,
  protocolIdOf,
  STATUS_SIZE,
  tokenOf,
  typeOf,
} from '../wire/header.js'
import { statusName } from '../wire/status.js'
import type { TapRecords } from './tap-records.js'

/** Field values by name, or the bytes if they fit no layout, which guests may send. */
export type Payload = Values | Uint8Array

export interface Message {
  kind: 'command' | 'delayed response' | 'notification' | 'fast channel'
  protocolId: number
  messageId: number
  /** Names, or numbers such as 0x9f if undeclared. */
  protocol: string
  message: string
  token: number
  /** Payload of a command; for a fast channel, that of the command that it replaces. */
  request?: Payload
  /** Status of a reply or delayed response. A command without one was not answered. */
  status?: number
  /** Fields after the status; for a notification, its payload. */
  reply?: Payload
}

/** The layouts of a message, newest first; versions of a protocol may differ. */
interface Layouts {
  name: string
  request: Fields[]
  reply: Fields[]
  delayed: Fields[]
}

export class MessageDecoder {
  readonly #protocols: ReadonlyMap<number, Protocol>
  readonly #commands = new Map<number, Layouts>()
  readonly #events = new Map<number, Layouts>()

  constructor(protocols: readonly Protocol[]) {
    this.#protocols = new Map(protocols.map(protocol => [protocol.id, protocol]))
  }

  /** A record of the tap; undefined without a whole header. */
  record(records: TapRecords): Message | undefined {
    return records.isEvent ? this.event(records.reply) : this.command(records.request, records.reply)
  }

  /** A command and its reply, headers first; the reply is empty if there was none. */
  command(request: DataView, reply: DataView): Message | undefined {
    if (request.byteLength < HEADER_SIZE) return undefined
    const header = request.getUint32(0, true)
    const layouts = this.#layoutsOf(header)
    const message = this.#message('command', header, layouts.name)
    message.request = payload(layouts.request, request, HEADER_SIZE)
    if (reply.byteLength < HEADER_SIZE + STATUS_SIZE) return message
    return withStatus(message, layouts.reply, reply)
  }

  /**
   * A notification or delayed response, header first. Or a write to a fast channel: header, status, and what the request would
   * have been.
   */
  event(bytes: DataView): Message | undefined {
    if (bytes.byteLength < HEADER_SIZE) return undefined
    const header = bytes.getUint32(0, true)
    const layouts = this.#layoutsOf(header)
    if (typeOf(header) === NOTIFICATION) {
      const message = this.#message('notification', header, layouts.name)
      message.reply = payload(layouts.reply, bytes, HEADER_SIZE)
      return message
    }
    if (typeOf(header) !== CHANNEL_WRITE || bytes.byteLength < HEADER_SIZE + STATUS_SIZE)
      return withStatus(this.#message('delayed response', header, layouts.name), layouts.delayed, bytes)
    const message = this.#message('fast channel', header, layouts.name)
    message.status = bytes.getInt32(HEADER_SIZE, true)
    message.request = payload(layouts.request, bytes, HEADER_SIZE + STATUS_SIZE)
    return message
  }

  #message(kind: Message['kind'], header: number, name: string): Message {
    const protocolId = protocolIdOf(header)
    return {
      kind,
      protocolId,
      messageId: messageIdOf(header),
      protocol: this.#protocols.get(protocolId)?.name ?? hex(protocolId),
      message: name,
      token: tokenOf(header),
    }
  }

  #layoutsOf(header: number): Layouts {
    const isEvent = typeOf(header) === NOTIFICATION
    const known = isEvent ? this.#events : this.#commands
    const key = (protocolIdOf(header) << 8) | messageIdOf(header)
    let layouts = known.get(key)
    if (!layouts) {
      const protocol = this.#protocols.get(protocolIdOf(header))
      layouts = isEvent ? eventLayouts(protocol, messageIdOf(header)) : commandLayouts(protocol, messageIdOf(header))
      known.set(key, layouts)
    }
    return layouts
  }
}

function commandLayouts(protocol: Protocol | undefined, id: number): Layouts {
  const commands = newestFirst(protocol?.commands ?? [], id)
  return {
    name: commands[0]?.name ?? hex(id),
    request: commands.map(command => command.request),
    reply: commands.map(command => command.reply),
    delayed: commands.flatMap(command => (command.delayed ? [command.delayed] : [])),
  }
}

function eventLayouts(protocol: Protocol | undefined, id: number): Layouts {
  const events = newestFirst(protocol?.events ?? [], id)
  return { name: events[0]?.name ?? hex(id), request: [], reply: events.map(event => event.fields), delayed: [] }
}

function newestFirst<T extends { id: number; since: number }>(declared: readonly T[], id: number): T[] {
  return declared.filter(candidate => candidate.id === id).sort((a, b) => b.since - a.since)
}

/** Adds the status and the fields after it; replies with an error have none. */
function withStatus(message: Message, layouts: Fields[], bytes: DataView): Message {
  if (bytes.byteLength < HEADER_SIZE + STATUS_SIZE) return message
  message.status = bytes.getInt32(HEADER_SIZE, true)
  if (bytes.byteLength > HEADER_SIZE + STATUS_SIZE || message.status === 0)
    message.reply = payload(layouts, bytes, HEADER_SIZE + STATUS_SIZE)
  return message
}

/** The payload by the first layout that fits exactly, or else its bytes. */
function payload(layouts: Fields[], message: DataView, offset: number): Payload {
  const bytes = new DataView(message.buffer, message.byteOffset + offset, message.byteLength - offset)
  for (const layout of layouts) {
    try {
      return decode(layout, bytes)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
    }
  }
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength).slice()
}

/** One line: `clock CLOCK_RATE_GET #5 {clock_id: 2} → SUCCESS {rate: 24000000}`. */
export function messageText(message: Message): string {
  const { kind, token, request, status, reply } = message
  const name = `${message.protocol} ${message.message}`
  const answer = reply && !isEmpty(reply) ? ` ${payloadText(reply)}` : ''
  if (kind === 'notification') return `${name}${answer}`
  if (kind === 'fast channel') return `fast channel ${name} ${payloadText(request!)} → ${statusName(status!)}`
  const outcome = status === undefined ? 'no answer' : `${statusName(status)}${answer}`
  if (kind === 'delayed response') return `delayed response to ${name} #${token} ${outcome}`
  return `${name} #${token} ${payloadText(request!)} → ${outcome}`
}

function isEmpty(payload: Payload): boolean {
  return payload instanceof Uint8Array ? payload.length === 0 : Object.keys(payload).length === 0
}

export function payloadText(payload: Payload): string {
  return payload instanceof Uint8Array ? `[${hexText(payload)}]` : formatValues(payload)
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

/** `01 02 0a` */
export function hexText(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join(' ')
}

function hex(value: number): string {
  return `0x${value.toString(16)}`
}
