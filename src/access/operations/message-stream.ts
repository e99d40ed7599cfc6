/**
 * Live messages of a platform for one subscriber, filtered and decoded. Messages beyond the rate limit, or beyond what
 * the subscriber reads, are counted instead. All of this is off the hot path: see tap.ts.
 */
import { type Message, MessageDecoder, messageText, type Payload } from '../../observe/messages.js'
import type { TapRecords } from '../../observe/tap-records.js'
import { namesOf } from '../../platform/core/named.js'
import type { Protocol } from '../../protocols/declaration/protocol.js'
import { RequestError } from '../../support/errors.js'
import { thereIsNo } from '../../support/known-names.js'
import type { Value, Values } from '../../wire/fields.js'
import {
  CHANNEL_WRITE,
  HEADER_SIZE,
  messageIdOf,
  NOTIFICATION,
  protocolIdOf,
  STATUS_SIZE,
  typeOf,
} from '../../wire/header.js'
import { STATUS_NAMES, SUCCESS, statusName } from '../../wire/status.js'
import type { Served } from '../served.js'
import type { Data, MessageEntry, MessageFilter, Messages, Struct } from './shapes.js'
import type { Sink } from './sink.js'

const PER_SECOND = 1000
/** Rate limit of decoded messages for all subscribers of a server together, to leave time for its guests. */
const PER_SECOND_MAX = 10_000
/** A burst may use this many seconds' worth of the limit. */
const BURST_S = 0.1
/** Limits of messages queued for a subscriber that is not ready, and of their characters as lines. */
const WAITING_MAX = 1000
const WAITING_TEXT_MAX = 128 << 10

const KINDS = ['command', 'delayed response', 'notification', 'fast channel'] as const
type Kind = (typeof KINDS)[number]

/** Streams until the returned function is called. Throws RequestError for unknown names. */
export function streamMessages(server: Served, filter: MessageFilter, sink: Sink<Messages>): () => void {
  const stream = new MessageStream(server, filter, sink)
  return server.tap.listen(records => stream.take(records))
}

class MessageStream {
  readonly #agents: readonly string[]
  readonly #passes: (records: TapRecords) => boolean
  readonly #decoder: MessageDecoder
  readonly #sink: Sink<Messages>
  readonly #own: Allowance
  readonly #all: Allowance
  #waiting: MessageEntry[] = []
  #waitingText = 0
  #omitted = 0

  constructor(server: Served, filter: MessageFilter, sink: Sink<Messages>) {
    this.#agents = server.devices.map(({ agent }) => agent.name)
    this.#passes = compile(filter, this.#agents, server.protocols)
    this.#decoder = new MessageDecoder(server.protocols)
    this.#sink = sink
    this.#own = new Allowance(Math.min(filter.max_per_second || PER_SECOND, PER_SECOND_MAX))
    this.#all = allowances.get(server) ?? new Allowance(PER_SECOND_MAX)
    allowances.set(server, this.#all)
  }

  take(records: TapRecords): void {
    this.#own.refill()
    this.#all.refill()
    while (records.next()) {
      if (!this.#passes(records)) continue
      const message = this.#hasRoom && this.#decoder.record(records)
      if (!message) {
        this.#omitted++
        continue
      }
      this.#own.left--
      this.#all.left--
      const entry = entryOf(this.#agents[records.device]!, message, records)
      this.#waiting.push(entry)
      this.#waitingText += entry.shown.length
    }
    this.#omitted += records.dropped
    if (!this.#sink.ready() || (this.#waiting.length === 0 && this.#omitted === 0)) return
    this.#sink.send({ messages: this.#waiting, omitted: this.#omitted })
    this.#waiting = []
    this.#waitingText = 0
    this.#omitted = 0
  }

  get #hasRoom(): boolean {
    const isAllowed = this.#own.left >= 1 && this.#all.left >= 1
    return isAllowed && this.#waiting.length < WAITING_MAX && this.#waitingText < WAITING_TEXT_MAX
  }
}

/** A rate limit with bursts. */
class Allowance {
  left: number
  readonly #perSecond: number
  readonly #burst: number
  #refilledMs = performance.now()

  constructor(perSecond: number) {
    this.#perSecond = perSecond
    this.#burst = Math.max(1, perSecond * BURST_S)
    this.left = this.#burst
  }

  refill(): void {
    const nowMs = performance.now()
    this.left = Math.min(this.left + ((nowMs - this.#refilledMs) / 1000) * this.#perSecond, this.#burst)
    this.#refilledMs = nowMs
  }
}

/** Shared by all subscribers of a server. */
const allowances = new WeakMap<Served, Allowance>()

function entryOf(agent: string, message: Message, { arrivedUs, answeredUs }: TapRecords): MessageEntry {
  const { kind, protocol, token, status, request, reply } = message
  return {
    agent,
    kind,
    protocol,
    message: message.message,
    token,
    ...(status === undefined ? {} : { status }),
    status_name: status === undefined ? '' : statusName(status),
    ...(request ? { request: structOf(request) } : {}),
    ...(reply ? { reply: structOf(reply) } : {}),
    arrived_us: arrivedUs,
    answered_us: answeredUs,
    shown: messageText(message),
  }
}

/** Fields by name; bytes that fit no layout are in `bytes`. */
function structOf(payload: Payload): Struct {
  return payload instanceof Uint8Array ? { bytes: [...payload] } : fieldsOf(payload)
}

function fieldsOf(values: Values): Struct {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, dataOf(value)]))
}

/** Integers beyond 2^53 become text. */
function dataOf(value: Value): Data {
  if (Array.isArray(value)) return value.map(fieldsOf)
  if (typeof value !== 'bigint') return value
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
}

/** Removes duplicates: the filter is checked for every message. */
function unique(filter: MessageFilter): MessageFilter {
  const lists = Object.entries(filter).filter(([, value]) => Array.isArray(value)) as [string, string[]][]
  return { ...filter, ...Object.fromEntries(lists.map(([name, list]) => [name, [...new Set(list)]])) }
}

/** A function that decides by a few words of each record. */
function compile(filter: MessageFilter, agents: readonly string[], protocols: readonly Protocol[]) {
  const {
    agents: agentNames = [],
    protocols: protocolNames = [],
    messages = [],
    statuses = [],
    kinds = [],
  } = unique(filter)
  for (const name of agentNames) known(name, agents, 'agent')
  for (const kind of kinds) known(kind, KINDS, 'kind')
  const codes = statuses.map(name => -STATUS_NAMES.indexOf(known(name.toUpperCase(), STATUS_NAMES, 'status')))
  const ids = protocolNames.map(name => protocolNamed(name, protocols).id)
  const among = ids.length > 0 ? protocols.filter(({ id }) => ids.includes(id)) : protocols
  const keys = messages.flatMap(name => keysOf(name, among))
  const isFiltered = [agentNames, ids, keys, kinds, codes].some(list => list.length > 0) || filter.failed === true
  return (records: TapRecords): boolean => {
    const bytes = records.isEvent ? records.reply : records.request
    if (bytes.byteLength < HEADER_SIZE) return false
    if (!isFiltered) return true
    const header = bytes.getUint32(0, true)
    if (agentNames.length > 0 && !agentNames.includes(agents[records.device]!)) return false
    if (ids.length > 0 && !ids.includes(protocolIdOf(header))) return false
    if (keys.length > 0 && !keys.includes(keyOf(protocolIdOf(header), header, records.isEvent))) return false
    const kind = kindOf(header, records.isEvent)
    if (kinds.length > 0 && !kinds.includes(kind)) return false
    if (codes.length === 0 && !filter.failed) return true
    const status = statusOf(kind, records.reply)
    return (
      codes.includes(status ?? Number.NaN) || (filter.failed === true && status !== SUCCESS && kind !== 'notification')
    )
  }
}

function kindOf(header: number, isEvent: boolean): Kind {
  if (!isEvent) return 'command'
  if (typeOf(header) === NOTIFICATION) return 'notification'
  return typeOf(header) === CHANNEL_WRITE ? 'fast channel' : 'delayed response'
}

/** Undefined: no status, or the command was not answered. */
function statusOf(kind: Kind, reply: DataView): number | undefined {
  if (kind === 'notification' || reply.byteLength < HEADER_SIZE + STATUS_SIZE) return undefined
  return reply.getInt32(HEADER_SIZE, true)
}

/** Commands and notifications have separate numbers. */
function keyOf(protocolId: number, header: number, isEvent: boolean): number {
  const isNotification = isEvent && typeOf(header) === NOTIFICATION
  return (isNotification ? 1 << 16 : 0) | (protocolId << 8) | messageIdOf(header)
}

/** The keys of all commands and notifications of this name. Throws RequestError. */
function keysOf(name: string, protocols: readonly Protocol[]): number[] {
  const keys = protocols.flatMap(({ id, commands, events }) => [
    ...commands.filter(command => command.name === name).map(command => (id << 8) | command.id),
    ...events.filter(event => event.name === name).map(event => (1 << 16) | (id << 8) | event.id),
  ])
  if (keys.length > 0) return keys
  const names = protocols.flatMap(({ commands, events }) => [...commands, ...events].map(message => message.name))
  throw new RequestError('NOT_FOUND', thereIsNo(`message ${name}`, names))
}

/** The protocol of this name. Throws RequestError. */
export function protocolNamed(name: string, protocols: readonly Protocol[]): Protocol {
  const protocol = protocols.find(protocol => protocol.name === name)
  if (protocol) return protocol
  throw new RequestError('NOT_FOUND', thereIsNo(`protocol ${name}`, namesOf(protocols)))
}

/** Checks that `name` is one of `names`. Throws RequestError. */
export function known<Name extends string>(name: string, names: readonly Name[], what: string): Name {
  const found = names.find(candidate => candidate === name)
  if (found !== undefined) return found
  throw new RequestError('NOT_FOUND', thereIsNo(`${what} ${name}`, names))
}
