/** Whether a platform answers as the board did: sends it the commands of the trace, in their order. */
import { AgentChannel } from '../client/agent-channel.js'
import { CAPACITY } from '../client/channel.js'
import { exchange as send } from '../device/exchange.js'
import type { LoadedPlatform } from '../loading/load.js'
import type { Agent } from '../protocols/declaration/agent.js'
import { TRIPLET } from '../protocols/declaration/parts.js'
import type { Command } from '../protocols/declaration/protocol.js'
import { decodeSome, type Values } from '../wire/fields.js'
import { COMMAND, HEADER_SIZE, packHeader, REPLY_MIN } from '../wire/header.js'
import { SUCCESS } from '../wire/status.js'
import type { Exchange } from './exchange.js'
import { isAboutFastChannels, withoutMemory } from './left-out.js'
import { type Answer, idField, indexField, type Listed, listFrom, partialList, type Told, viewOf } from './told.js'

export interface Mismatch {
  exchange: Exchange
  told: Told
  /** Undefined: the protocol does not declare it. */
  command: Command | undefined
  /** What the platform answered. */
  status: number
}

/** A list in one reply after the other is at most this long. */
const PARTS_MAX = 70_000

export function mismatches(
  loaded: LoadedPlatform,
  told: ReadonlyMap<number, Told>,
  exchanges: readonly Exchange[],
): Mismatch[] {
  const channel = new AgentChannel(loaded)
  try {
    const lists = new Lists(channel.agent)
    return exchanges.flatMap(exchange => {
      const one = told.get(exchange.protocolId)
      if (!one || exchange.status === undefined) return []
      if (isAboutFastChannels(one.protocol.name, exchange.messageId)) return []
      const command = one.command(exchange)
      const answer = ask(channel.agent, exchange, exchange.request)
      const isList = command && partialList(command.reply) && exchange.status === SUCCESS && answer.status === SUCCESS
      const isSame = isList ? lists.isSame(one, command, exchange) : isSameAnswer(one, command, exchange, answer)
      return isSame ? [] : [{ exchange, told: one, command, status: answer.status ?? SUCCESS }]
    })
  } finally {
    channel.close()
  }
}

/** Sends a request, with room for an answer as long as the board's. */
function ask(agent: Agent, { protocolId, messageId, reply }: Exchange, request: Uint8Array): Exchange {
  const message = new Uint8Array(HEADER_SIZE + request.length)
  viewOf(message).setUint32(0, packHeader(protocolId, messageId, COMMAND, 0), true)
  message.set(request, HEADER_SIZE)
  const bytes = send(agent, message, Math.max(CAPACITY, REPLY_MIN + reply.length))
  const status = viewOf(bytes).getInt32(HEADER_SIZE, true)
  return { protocolId, messageId, request, status, reply: bytes.subarray(REPLY_MIN), tookNs: undefined }
}

function isSameAnswer({ protocol }: Told, command: Command | undefined, board: Exchange, own: Exchange): boolean {
  if (board.status !== own.status) return false
  if (board.status !== SUCCESS) return true
  if (!command) return Buffer.from(board.reply).equals(own.reply)
  const [theirs, ours] = [board, own].map(({ request, reply }) => {
    return withoutMemory(protocol, command, request, decodeSome(command.reply, viewOf(reply)))
  }) as [Values, Values]
  // The kernel's trace has no more of an answer than the kernel had room for.
  return Object.entries(theirs).every(([field, value]) => text(value) === text(ours[field]))
}

const text = (value: unknown): string =>
  JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? Number(inner) : inner)) ?? ''

/** Lists that come in parts: firmware may return other numbers of entries at once. */
class Lists {
  readonly #agent: Agent
  readonly #known = new Map<string, boolean>()

  constructor(agent: Agent) {
    this.#agent = agent
  }

  isSame(told: Told, command: Command, exchange: Exchange): boolean {
    const index = indexField(command.request)
    const where = decodeSome(command.request, viewOf(exchange.request))
    if (index !== undefined) delete where[index]
    const key = `${exchange.protocolId} ${command.name} ${text(where)}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const fits = ({ request }: Answer): boolean =>
      Object.entries(where).every(([name, value]) => request[name] === value)
    const id = idField(command.request)
    const some = told.answers(command.name, id === undefined ? undefined : Number(where[id]))
    const parts = some.filter(answer => answer.status === SUCCESS && fits(answer))
    const theirs = listFrom(command, parts)
    const first = parts.find(({ request }) => index === undefined || Number(request[index]) === 0)
    const ours = first && this.#whole(command, first.exchange, index)
    const isSame = theirs === undefined || (ours !== undefined && isSameList(theirs, ours))
    this.#known.set(key, isSame)
    return isSame
  }

  /** The platform's list, asked for part by part. */
  #whole(command: Command, first: Exchange, index: string | undefined): Listed | undefined {
    const parts: Answer[] = []
    const request = first.request.slice()
    for (let entries = 0, i = 0; i < PARTS_MAX; i++) {
      const exchange = ask(this.#agent, first, request)
      if (exchange.status !== SUCCESS) break
      const reply = decodeSome(command.reply, viewOf(exchange.reply))
      const list = partialList(command.reply)!
      parts.push({ exchange, request: decodeSome(command.request, viewOf(request)), status: SUCCESS, reply })
      const returned = ((reply[list.name] as Values[] | undefined) ?? []).length
      entries += returned
      if (returned === 0 || index === undefined || !list.remaining?.(reply)) break
      // The index is the last word of all such requests.
      viewOf(request).setUint32(request.length - 4, entries, true)
    }
    return listFrom(command, parts)
  }
}

function isSameList(theirs: Listed, ours: Listed): boolean {
  const isTriplet = ({ first }: Listed): boolean => (firstWord(first) & TRIPLET) !== 0
  if (isTriplet(theirs) && firstWord(theirs.first) !== firstWord(ours.first)) return false
  if (isTriplet(theirs) !== isTriplet(ours)) return false
  const own = theirs.complete ? ours.entries : ours.entries.slice(0, theirs.entries.length)
  return text(theirs.entries) === text(own)
}

const firstWord = ({ exchange: { reply } }: Answer): number =>
  reply.length >= 4 ? viewOf(reply).getUint32(0, true) : 0
