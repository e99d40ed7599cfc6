/**
 * Requests that a kernel's trace does not have: the kernel dumps a command after it sent it, from a buffer that the answer is
 * written to, so that a fast answer overwrites the request. While it probes, the kernel asks for one resource after the
 * other, and for one part of a list after the other, so that most requests follow from those before and after them. What
 * does not follow is left out.
 */
import type { Protocol } from '../protocols/declaration/protocol.js'
import { protocols as standard } from '../protocols/index.js'
import type { Fields } from '../wire/fields.js'
import { decodeSome } from '../wire/fields.js'
import type { Exchange } from './exchange.js'
import { idField, indexField, partialList, viewOf } from './told.js'

const WORD = 4
const declared: ReadonlyMap<number, Protocol> = new Map(
  standard.map((protocol): [number, Protocol] => [protocol.id, protocol]),
)

/** Where the kernel is in its probing of one protocol. */
interface Place {
  /** The resource that it asked about last. */
  id: number
  /** The next id of each command that enumerates resources: the command with the lowest number that names one. */
  next: number
  /** The resource that each command was asked about last, and the last command. */
  asked: Map<number, number>
  last: number | undefined
  /** The resource of the next request that is known. */
  ahead: number | undefined
  /** How many entries of a list it was given, by command and resource. */
  entries: Map<string, number>
}

export function restored(
  exchanges: readonly Exchange[],
  overtaken: ReadonlySet<Exchange>,
): { exchanges: Exchange[]; dropped: number; guessed: number } {
  const places = new Map<number, Place>()
  const kept: Exchange[] = []
  let guessed = 0
  const ahead = idsAhead(exchanges, overtaken)
  const known = new Map(exchanges.flatMap(one => (overtaken.has(one) ? [] : [[textOf(one), hex(one.reply)] as const])))
  for (const exchange of exchanges) {
    const { protocolId } = exchange
    let place = places.get(protocolId)
    if (!place) places.set(protocolId, (place = newPlace()))
    const isLost = overtaken.has(exchange)
    place.ahead = ahead.get(exchange)
    const likely = isLost ? guess(exchange, place) : exchange
    const whole = likely && isLost && contradicts(likely, known) ? undefined : likely
    if (!whole) continue
    if (isLost) guessed++
    kept.push(whole)
    follow(whole, place)
  }
  return { exchanges: kept, dropped: exchanges.length - kept.length, guessed }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const textOf = ({ protocolId, messageId, request }: Exchange): string => `${protocolId} ${messageId} ${hex(request)}`

/** Whether the same request got another answer where it is known. */
function contradicts(exchange: Exchange, known: ReadonlyMap<string, string>): boolean {
  const answer = known.get(textOf(exchange))
  return answer !== undefined && answer !== hex(exchange.reply)
}

/** The command in its last layout; those of different versions name the same resources. */
const commandOf = ({ protocolId, messageId }: Exchange) =>
  declared.get(protocolId)?.commands.findLast(({ id, request }) => id === messageId && request.length > 0)

/** Whether the kernel asks this of one resource after the other: the first command of a protocol that names one. */
const enumerates = (protocolId: number, messageId: number): boolean => {
  const commands = declared.get(protocolId)?.commands ?? []
  return commands.find(({ request }) => idField(request) !== undefined)?.id === messageId
}

/** The exchange with the request that it must have had; undefined: nothing says which. */
function guess(exchange: Exchange, place: Place): Exchange | undefined {
  const command = commandOf(exchange)
  if (!command) return undefined
  const { request, reply } = exchange
  const words = new Uint8Array(request)
  const lost = Math.min(request.length, reply.length)
  let at = 0
  for (const field of command.request) {
    if (field.kind !== 'u32' || at + WORD > words.length) return undefined
    if (at < lost) {
      const value = lostValue(field.name, command, exchange, place)
      if (value === undefined) return undefined
      viewOf(words).setUint32(at, value, true)
    }
    at += WORD
  }
  return { ...exchange, request: words }
}

function lostValue(
  field: string,
  { name, request, reply: fields }: { name: string; request: Fields; reply: Fields },
  { protocolId, messageId, reply: bytes }: Exchange,
  place: Place,
): number | undefined {
  const reply = decodeSome(fields, viewOf(bytes))
  // Some answers repeat the id.
  if (reply[field] !== undefined && fields.every(one => !('name' in one) || reply[one.name] !== undefined)) {
    return Number(reply[field])
  }
  const id = nextId(protocolId, messageId, place)
  if (field === idField(request)) return id
  if (field === indexField(request)) {
    const about = idField(request) === undefined ? '' : String(id)
    return place.entries.get(`${name} ${about}`) ?? 0
  }
  // Linux asks for names, readings and values at start without flags.
  return field === 'flags' && (name.endsWith('_NAME_GET') || name.endsWith('_CONFIG_GET')) ? 0 : undefined
}

/** The resource that a command must be about, of which the request is lost; undefined: it may be another one. */
function nextId(protocolId: number, messageId: number, place: Place): number | undefined {
  if (enumerates(protocolId, messageId)) return place.next
  if (place.id < 0) return undefined
  if (place.asked.get(messageId) !== place.id || (place.entries.get(`list ${messageId} ${place.id}`) ?? 0) > 0)
    return place.id
  // Asked of this resource already: it is the next one's turn, if what follows is not about this one.
  const isNext = place.last === messageId || (place.ahead ?? 0) > place.id
  return isNext && place.ahead !== place.id ? place.id + 1 : undefined
}

function newPlace(): Place {
  return { id: -1, next: 0, asked: new Map(), last: undefined, ahead: undefined, entries: new Map() }
}

/** For each lost request, the resource of the next one of its protocol that is known. */
function idsAhead(exchanges: readonly Exchange[], overtaken: ReadonlySet<Exchange>): Map<Exchange, number> {
  const ids = new Map<Exchange, number>()
  const next = new Map<number, number>()
  for (const exchange of [...exchanges].reverse()) {
    const known = next.get(exchange.protocolId)
    if (overtaken.has(exchange)) {
      if (known !== undefined) ids.set(exchange, known)
      continue
    }
    const command = commandOf(exchange)
    const field = command && idField(command.request)
    const id = command && field && decodeSome(command.request, viewOf(exchange.request))[field]
    if (id !== undefined) next.set(exchange.protocolId, Number(id))
  }
  return ids
}

function follow(exchange: Exchange, place: Place): void {
  const command = commandOf(exchange)
  if (!command) return
  const values = decodeSome(command.request, viewOf(exchange.request))
  const field = idField(command.request)
  const id = field === undefined ? undefined : values[field]
  place.last = exchange.messageId
  if (id !== undefined) {
    place.id = Number(id)
    place.asked.set(exchange.messageId, place.id)
    if (enumerates(exchange.protocolId, exchange.messageId)) place.next = place.id + 1
  }
  const list = partialList(command.reply)
  if (!list || exchange.status !== 0) return
  const key = `${command.name} ${id === undefined ? '' : Number(id)}`
  const index = indexField(command.request)
  const reply = decodeSome(command.reply, viewOf(exchange.reply))
  const returned = (reply[list.name] as unknown[] | undefined)?.length ?? 0
  const isLast = returned === 0 || list.remaining?.(reply) === 0
  // A list that is whole is asked for from its beginning the next time.
  const entries = isLast ? 0 : Number(index === undefined ? 0 : values[index]) + returned
  place.entries.set(key, entries)
  if (id !== undefined) place.entries.set(`list ${exchange.messageId} ${Number(id)}`, entries)
}
