/**
 * What a board told of one protocol, decoded by the protocol's declaration in the version that was in force: answers by
 * command and resource, and lists put together from their parts.
 */

import { namesResource } from '../platform/file/answers.js'
import { NEGOTIATE_PROTOCOL_VERSION, PROTOCOL_VERSION } from '../protocols/declaration/define-protocol.js'
import type { PartialList } from '../protocols/declaration/parts.js'
import type { Command, Protocol } from '../protocols/declaration/protocol.js'
import { decodeSome, type Fields, type Scalar, type Values } from '../wire/fields.js'
import { DENIED, SUCCESS } from '../wire/status.js'
import type { Exchange } from './exchange.js'

export interface Answer {
  exchange: Exchange
  request: Values
  status: number | undefined
  /** Empty without SUCCESS. */
  reply: Values
}

/** A list that came in parts. */
export interface Listed {
  /** The first part: the word that counts, and other fields before the list. */
  first: Answer
  entries: Values[]
  /** No part is missing. */
  complete: boolean
}

export class Told {
  readonly protocol: Protocol
  /** As PROTOCOL_VERSION told it; undefined: nobody asked. */
  readonly announced: number | undefined
  /** The version that is known, by which messages are decoded. */
  readonly version: number
  readonly exchanges: readonly Exchange[]
  readonly #commands: readonly (Command | undefined)[]
  /** By name of the command. */
  readonly #answers = new Map<string, Answer[]>()
  /** By name of the command and id of the resource. */
  readonly #byId = new Map<string, Answer[]>()
  readonly #always = new Map<string, boolean>()
  readonly #steady = new Map<string, boolean>()
  /** By message and payload of the request. */
  #requests: Map<string, Exchange[]> | undefined
  #places: ReadonlyMap<Exchange, number> | undefined

  constructor(protocol: Protocol, exchanges: readonly Exchange[]) {
    this.protocol = protocol
    this.exchanges = exchanges
    this.announced = announcedBy(exchanges)
    const used = negotiatedIn(exchanges) ?? this.announced
    const { versions } = protocol
    this.version = versions.findLast(version => used === undefined || version <= used) ?? versions[0]!
    this.#commands = protocol.commandsOf(this.version)
    for (const exchange of exchanges) this.#add(exchange)
  }

  #add(exchange: Exchange): void {
    const command = this.#commands[exchange.messageId]
    if (!command) return
    const { status } = exchange
    const request = decodeSome(command.request, viewOf(exchange.request))
    const reply = status === SUCCESS ? decodeSome(command.reply, viewOf(exchange.reply)) : {}
    const answer = { exchange, request, status, reply }
    pushTo(this.#answers, command.name, answer)
    const id = idField(command.request)
    if (id !== undefined && request[id] !== undefined) pushTo(this.#byId, `${command.name} ${request[id]}`, answer)
  }

  /** The place of an answer among all messages. */
  at({ exchange }: Answer): number {
    this.#places ??= new Map(this.exchanges.map((exchange, i) => [exchange, i]))
    return this.#places.get(exchange) ?? 0
  }

  /** All answers to the same request, in their order. */
  same({ messageId, request }: Exchange): readonly Exchange[] {
    if (!this.#requests) {
      this.#requests = new Map()
      for (const exchange of this.exchanges)
        pushTo(this.#requests, requestKey(exchange.messageId, exchange.request), exchange)
    }
    return this.#requests.get(requestKey(messageId, request)) ?? []
  }

  /** Whether the same request always got the same answer. */
  isAlways(exchange: Exchange): boolean {
    const key = requestKey(exchange.messageId, exchange.request)
    let always = this.#always.get(key)
    if (always === undefined) {
      const all = this.same(exchange)
      const { status, reply } = all[0] ?? exchange
      always = all.every(other => other.status === status && Buffer.compare(other.reply, reply) === 0)
      this.#always.set(key, always)
    }
    return always
  }

  /** Whether all answers to a command, or those about a resource, had the same status. */
  isSteady(command: string, id: number): boolean {
    const key = `${command} ${id}`
    let steady = this.#steady.get(key)
    if (steady === undefined) {
      const [first, ...others] = this.answers(command, id)
      steady = others.every(({ status }) => status === first?.status)
      this.#steady.set(key, steady)
    }
    return steady
  }

  /** Whether the command was sent for this resource, and always denied. */
  isDenied(command: string, id: number): boolean {
    return this.answers(command, id)[0]?.status === DENIED && this.isSteady(command, id)
  }

  command(exchange: Exchange): Command | undefined {
    return this.#commands[exchange.messageId]
  }

  /** All answers to a command, or those about a resource, in their order. */
  answers(command: string, id?: number): readonly Answer[] {
    return (id === undefined ? this.#answers.get(command) : this.#byId.get(`${command} ${id}`)) ?? []
  }

  /** The first answer with SUCCESS, or else the first one. */
  first(command: string, id?: number): Answer | undefined {
    const answers = this.answers(command, id)
    return answers.find(({ status }) => status === SUCCESS) ?? answers[0]
  }

  /** The fields of the first answer with SUCCESS. */
  reply(command: string, id?: number): Values | undefined {
    const answer = this.first(command, id)
    return answer?.status === SUCCESS ? answer.reply : undefined
  }

  /** A field of it as a number. */
  number(command: string, id: number | undefined, field: string): number | undefined {
    const value = this.reply(command, id)?.[field]
    return value === undefined ? undefined : Number(value)
  }

  /** The list that a command returns, of the answers with these fields in their requests; undefined: never told. */
  list(command: string, id: number | undefined, where: Readonly<Record<string, number>> = {}): Listed | undefined {
    const fits = ({ request, status }: Answer): boolean =>
      status === SUCCESS && Object.entries(where).every(([name, value]) => Number(request[name]) === value)
    const parts = this.answers(command, id).filter(fits)
    const declared = parts[0] && this.command(parts[0].exchange)
    return declared && listFrom(declared, parts)
  }

  /** Ids of resources that a command was asked about, ascending. */
  idsOf(command: string): number[] {
    const prefix = `${command} `
    const keys = [...this.#byId.keys()].filter(key => key.startsWith(prefix))
    return keys.map(key => Number(key.slice(prefix.length))).sort((a, b) => a - b)
  }
}

/** The list of a reply in parts; undefined: the reply has none. */
export const partialList = (reply: Fields): PartialList<string, Fields> | undefined =>
  reply.find((field): field is PartialList<string, Fields> => field.kind === 'list' && 'inParts' in field)

/** The field of a request that says which entry of the list comes first: the last one. */
export const indexField = (request: Fields): string | undefined => {
  const last = request.filter((field): field is Scalar => field.kind === 'u32').at(-1)
  return last && /(index|skip|skip_parents)$/.test(last.name) ? last.name : undefined
}

/** The parts from the first beginning of the list on, as long as each begins where the one before ended. */
export function listFrom(command: Command, parts: readonly Answer[]): Listed | undefined {
  const list = partialList(command.reply)
  const index = indexField(command.request)
  const begin = parts.findIndex(({ request }) => index === undefined || Number(request[index]) === 0)
  const first = parts[begin]
  if (!list || !first) return undefined
  const entries: Values[] = []
  let remaining = 0
  for (const part of parts.slice(begin)) {
    if (index !== undefined && Number(part.request[index]) !== entries.length) continue
    entries.push(...((part.reply[list.name] as Values[] | undefined) ?? []))
    remaining = list.remaining?.(part.reply) ?? 0
    if (remaining === 0 && list.remaining) break
    if (index === undefined) break
  }
  return { first, entries, complete: remaining === 0 }
}

/** The field that names the resource. */
export function idField(request: Fields): string | undefined {
  const words = request.filter((field): field is Scalar => field.kind === 'u32')
  return words.find(({ name }) => namesResource(name))?.name
}

function announcedBy(exchanges: readonly Exchange[]): number | undefined {
  const found = exchanges.find(({ messageId, status, reply }) => {
    return messageId === PROTOCOL_VERSION && status === SUCCESS && reply.length >= 4
  })
  return found && viewOf(found.reply).getUint32(0, true)
}

function negotiatedIn(exchanges: readonly Exchange[]): number | undefined {
  const found = exchanges.findLast(({ messageId, status, request }) => {
    return messageId === NEGOTIATE_PROTOCOL_VERSION && status === SUCCESS && request.length >= 4
  })
  return found && viewOf(found.request).getUint32(0, true)
}

export function pushTo<K, T>(map: Map<K, T[]>, key: K, value: T): void {
  const list = map.get(key)
  if (list) list.push(value)
  else map.set(key, [value])
}

const requestKey = (messageId: number, request: Uint8Array): string =>
  `${messageId} ${Buffer.from(request.buffer, request.byteOffset, request.length).toString('hex')}`

export const viewOf = ({ buffer, byteOffset, length }: Uint8Array): DataView => new DataView(buffer, byteOffset, length)
