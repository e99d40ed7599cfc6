/**
 * Random messages to one protocol, made cheaply from one seed: ids, lengths, words and buffer sizes are nearly valid. Later
 * requests reuse words of earlier replies, and so contain rates, levels and intervals that exist.
 */
import { CAPACITY } from '../../src/client/channel.js'
import { dispatch } from '../../src/device/dispatch.js'
import type { Agent, ServedProtocol } from '../../src/protocols/declaration/agent.js'
import type { EventSink } from '../../src/protocols/declaration/event-sink.js'
import type { Command, Protocol } from '../../src/protocols/declaration/protocol.js'
import { decode, sizeOf } from '../../src/wire/fields.js'
import { COMMAND, messageIdOf, NOTIFICATION, packHeader, protocolIdOf, typeOf } from '../../src/wire/header.js'
import { MessageWriter, RequestReader } from '../../src/wire/message.js'
import { PARTIAL_ERROR, SUCCESS } from '../../src/wire/status.js'
import { Random } from '../driver/random.js'
import { hex } from './agent.js'

/** How far from valid the messages of a batch are: parts of 1000. */
export interface Shape {
  /** Message ids that the version does not have. */
  strangeIds: number
  /** Payloads of another length than the command has. */
  strangeLengths: number
  /** Words of any value, instead of small numbers, flags, and words of earlier replies. */
  strangeWords: number
  /** Reply buffers of another size than Linux posts. */
  strangeRooms: number
}

const REQUEST_MAX = 256
const ROOM_MAX = 1024
const GUARD = 0xa5a5a5a5
const REMEMBERED = 64
/** The state is compared around one in so many messages. */
const SAMPLED = 16

/** Checks the notifications and delayed responses that are sent, and forgets them. */
export class CheckedEvents implements EventSink {
  available = true
  congested = false
  sent = 0
  readonly #protocols: readonly Protocol[]

  constructor(protocols: readonly Protocol[]) {
    this.#protocols = protocols
  }

  notify(header: number, words: number[]): void {
    this.sent++
    const protocol = this.#protocols.find(({ id }) => id === protocolIdOf(header))
    const events = (protocol?.events ?? []).filter(({ id }) => id === messageIdOf(header))
    const name = events[0]?.name
    if (typeOf(header) !== NOTIFICATION || name === undefined) {
      throw new Error(`no notification has header ${header.toString(16)}`)
    }
    check(
      words,
      events.map(({ fields }) => fields),
      name,
    )
  }

  respondLater(header: number, words: number[]): void {
    this.sent++
    const protocol = this.#protocols.find(({ id }) => id === protocolIdOf(header))
    const commands = (protocol?.commands ?? []).filter(({ id, delayed }) => id === messageIdOf(header) && delayed)
    const name = commands[0]?.name
    if (name === undefined) throw new Error(`no delayed response has header ${header.toString(16)}`)
    const [status, ...rest] = words
    if (status !== SUCCESS) check(rest, [[]], name)
    else
      check(
        rest,
        commands.map(({ delayed }) => delayed ?? []),
        name,
      )
  }
}

/** One of the layouts must fit, and every word must be a 32-bit number. */
function check(words: readonly number[], layouts: Parameters<typeof decode>[0][], name: string): void {
  const bytes = new DataView(Int32Array.from(words).buffer)
  if (words.some(word => !Number.isInteger(word) || word < -(2 ** 31) || word >= 2 ** 32)) {
    throw new Error(`${name} with words beyond 32 bits: ${words.join(', ')}`)
  }
  let problem: unknown
  for (const layout of layouts) {
    try {
      decode(layout, bytes)
      return
    } catch (error) {
      problem = error
    }
  }
  throw new Error(`${name} with ${words.length} words`, { cause: problem })
}

export class RandomMessages {
  readonly #agent: Agent
  readonly #served: ServedProtocol
  readonly #random: Random
  readonly #shape: Shape
  readonly #events: CheckedEvents
  /** Digest of all state that a refused command must not change. */
  readonly #digest: () => number
  readonly #request = new DataView(new ArrayBuffer(REQUEST_MAX))
  readonly #reply = new DataView(new ArrayBuffer(ROOM_MAX + 8))
  readonly #reader = new RequestReader(this.#request)
  readonly #writer = new MessageWriter(this.#reply)
  readonly #words = new Uint32Array(REMEMBERED)
  #remembered = 0
  #length = 0
  #room = 0

  constructor(options: {
    agent: Agent
    served: ServedProtocol
    events: CheckedEvents
    digest: () => number
    seed: number
    shape: Shape
  }) {
    this.#agent = options.agent
    this.#served = options.served
    this.#random = new Random(options.seed)
    this.#shape = options.shape
    this.#events = options.events
    this.#digest = options.digest
  }

  /** Sends `count` messages. Throws, with the message, for the first that is answered wrong. */
  send(count: number): void {
    for (let i = 0; i < count; i++) {
      const header = this.#compose()
      const isSampled = i % SAMPLED === 0
      const before = isSampled ? this.#digest() : 0
      const { sent } = this.#events
      try {
        const outcome = this.#exchange(header)
        // A message that can't be answered may cause an event of Base.
        if (outcome === 'refused' && this.#events.sent !== sent) throw new Error('refused, but it sent an event')
        if (isSampled && outcome !== 'done' && this.#digest() !== before) {
          throw new Error('refused, but it changed state')
        }
      } catch (error) {
        throw new Error(`message ${i}, ${this.#describe()}: ${(error as Error).message}`, { cause: error })
      }
    }
  }

  #describe(): string {
    const { protocol, version } = this.#served
    const bytes = new Uint8Array(this.#request.buffer, REQUEST_MAX - this.#length)
    return `${protocol.name} in version 0x${version.toString(16)}, ${hex(bytes)}, ${this.#room} bytes for the reply`
  }

  #happens(partsOf1000: number): boolean {
    return this.#random.below(1000) < partsOf1000
  }

  /** Writes a request to the end of the buffer, so that reading beyond it throws. Returns its header. */
  #compose(): number {
    const { protocol, commands } = this.#served
    const random = this.#random
    const shape = this.#shape
    let id = random.below(commands.length)
    if (this.#happens(shape.strangeIds)) id = random.below(256)
    const command = commands[id]
    let payload = command?.requestMin ?? 4 * random.below(6)
    if (command && !command.requestFixed) payload += 4 * random.below(12)
    if (this.#happens(shape.strangeLengths)) payload = random.below(64)
    this.#length = 4 + payload
    if (this.#happens(shape.strangeLengths >> 4)) this.#length = random.below(8)
    const start = REQUEST_MAX - this.#length
    for (let at = start + 4; at < REQUEST_MAX; at += 4) this.#put(at, this.#word())
    let header = packHeader(protocol.id, id, COMMAND, random.below(1024))
    if (this.#happens(shape.strangeIds >> 2)) header = (header ^ (1 << random.below(32))) >>> 0
    this.#put(start, header)
    this.#room = this.#happens(shape.strangeRooms) ? random.below(ROOM_MAX >> random.below(6)) : CAPACITY
    return header
  }

  #put(at: number, word: number): void {
    if (at + 4 <= REQUEST_MAX) this.#request.setUint32(at, word, true)
    else for (let i = at; i < REQUEST_MAX; i++) this.#request.setUint8(i, word >>> (8 * (i - at)))
  }

  #word(): number {
    const random = this.#random
    const kind = random.below(8)
    if (this.#happens(this.#shape.strangeWords)) return kind < 4 ? random.below(2 ** 32) : 2 ** random.below(32)
    if (kind < 3) return random.below(4)
    if (kind === 3) return random.below(12)
    // Ids of protocols are among these.
    if (kind === 4) return random.below(32)
    if (kind === 5) return 0
    const seen = this.#words[random.below(REMEMBERED)]!
    return kind === 6 ? seen : (seen + random.below(5) - 2) >>> 0
  }

  #exchange(header: number): 'done' | 'refused' | 'not answered' {
    const length = this.#length
    const room = this.#room
    const start = REQUEST_MAX - length
    // Looked up before the handler runs, which may switch to another version.
    const command = this.#agent.protocols[protocolIdOf(header)]?.commands[messageIdOf(header)]
    this.#reader.open(start, length)
    this.#reply.setUint32(room, GUARD)
    this.#reply.setUint32(room + 4, GUARD)
    this.#writer.open(0, room)
    const written = dispatch(this.#agent, this.#reader, length, this.#writer, room)
    if (this.#reply.getUint32(room) !== GUARD || this.#reply.getUint32(room + 4) !== GUARD) {
      throw new Error('written beyond the reply buffer')
    }
    if (written > room) throw new Error(`${written} bytes written`)
    if (length < 4 || room < 8) {
      if (written !== 0) throw new Error(`answered with ${written} bytes`)
      return 'not answered'
    }
    if (written < 8) throw new Error(`answered with ${written} bytes`)
    if (this.#reply.getUint32(0, true) !== header) throw new Error('another header came back')
    const status = this.#reply.getInt32(4, true)
    if (status > SUCCESS || status < PARTIAL_ERROR) throw new Error(`status ${status}`)
    if (status !== SUCCESS) {
      if (written !== 8) throw new Error(`status ${status} with ${written} bytes`)
      return 'refused'
    }
    if (!command) throw new Error('a command that does not exist succeeded')
    this.#checkReply(command, written)
    return 'done'
  }

  #checkReply(command: Command, written: number): void {
    const { min, fixed } = sizesOf(command)
    if (fixed) {
      if (written !== 8 + min) throw new Error(`answered with ${written} bytes instead of ${8 + min}`)
    } else {
      decode(command.reply, new DataView(this.#reply.buffer, 8, written - 8))
    }
    for (let at = 8; at + 4 <= written && at < 40; at += 4) {
      this.#words[this.#remembered++ % REMEMBERED] = this.#reply.getUint32(at, true)
    }
  }
}

const sizes = new Map<Command, ReturnType<typeof sizeOf>>()

function sizesOf(command: Command): ReturnType<typeof sizeOf> {
  let size = sizes.get(command)
  if (!size) sizes.set(command, (size = sizeOf(command.reply)))
  return size
}
