/**
 * An SCMI agent for tests, the lab and users, made from the protocols' declarations and typed by them:
 *
 *   const { rate } = await client.clock.CLOCK_RATE_GET({ clock_id: 2 })
 *
 * A field that is left out is 0, an empty text or an empty list. Numbers of 64 bits are bigints in replies, and either in
 * requests. A status other than SUCCESS is thrown as a StatusError.
 */
import { type Message, MessageDecoder } from '../observe/messages.js'
import { NEGOTIATE_PROTOCOL_VERSION, PROTOCOL_VERSION } from '../protocols/declaration/define-protocol.js'
import type { Command, Event, Protocol } from '../protocols/declaration/protocol.js'
import { FailedError, OperatorError } from '../support/errors.js'
import { thereIsNo } from '../support/known-names.js'
import type { Fields, InputOf, Values, ValuesOf } from '../wire/fields.js'
import { COMMAND, HEADER_SIZE, packHeader, REPLY_MIN } from '../wire/header.js'
import { SUCCESS, statusName } from '../wire/status.js'
import type { Channel } from './channel.js'
import { encodeRequest } from './request.js'

/** Tokens have 10 bits (SCMI v3.2 §4.1.2). */
const TOKENS = 1024
const DELAYED_LIMIT_MS = 30_000

/** The platform answered a command with another status than SUCCESS. */
export class StatusError extends FailedError {
  override name = 'StatusError'
  readonly status: number

  constructor(protocol: string, message: string, status: number) {
    super(`${protocol} ${message}: ${statusName(status)}`)
    this.status = status
  }
}

// biome-ignore lint/suspicious/noExplicitAny: only a protocol knows the type of its state.
type AnyProtocol = Protocol<any, string, readonly Command<any>[], readonly Event[]>
type CommandOf<P extends AnyProtocol> = P['commands'][number]
type Layouts<P extends AnyProtocol, N> = Extract<CommandOf<P>, { name: N }>

/** Values of several layouts: fields that all of them have, and optional fields that only some have. */
type AnyOf<U> = { [K in keyof U]: U[K] } & {
  [K in Exclude<KeysOf<U>, keyof U>]?: U extends Record<K, infer V> ? V : never
}
type KeysOf<U> = U extends unknown ? keyof U : never
type RequestOf<C> = C extends { request: infer F extends Fields } ? InputOf<F> : never
type ReplyOf<C> = C extends { reply: infer F extends Fields } ? ValuesOf<F> : never
type DelayedOf<C> = C extends { delayed?: infer F }
  ? NonNullable<F> extends Fields
    ? ValuesOf<NonNullable<F>>
    : never
  : never

export interface Call<C> {
  /** Sends the command and resolves with the fields of its reply. */
  (values?: RequestOf<C>): Promise<AnyOf<ReplyOf<C>>>
  /**
   * The same for a command with a delayed response: resolves with the delayed response's fields. The command's flags
   * must request it.
   */
  delayed(values?: RequestOf<C>): Promise<AnyOf<DelayedOf<C>>>
}

export type ProtocolCalls<P extends AnyProtocol> = { readonly [N in CommandOf<P>['name']]: Call<Layouts<P, N>> }

/** Calls by protocol and message. */
export type ClientCalls<P extends readonly AnyProtocol[]> = {
  readonly [Q in P[number] as Q['name']]: ProtocolCalls<Q>
}

export type Client<P extends readonly AnyProtocol[]> = ClientCalls<P> & ClientBase

/** The part of the client that does not depend on the protocols. */
export class ClientBase {
  readonly #channel: Channel
  readonly #protocols: readonly Protocol[]
  readonly #decoder: MessageDecoder
  readonly #versions = new Map<number, number>()
  /** Waiters for delayed responses, by token. */
  readonly #delayed = new Map<number, (message: Message) => void>()
  /** Delayed responses without a waiter, by token; kept until the token is reused. */
  readonly #early = new Map<number, Message>()
  readonly #listeners = new Set<(message: Message) => void>()
  #token = 0

  constructor(channel: Channel, protocols: readonly Protocol[]) {
    this.#channel = channel
    this.#protocols = protocols
    this.#decoder = new MessageDecoder(protocols)
    channel.onEvent = bytes => this.#onEvent(bytes)
  }

  /** Calls `listener` with each notification and delayed response, until the returned function is called. */
  listen(listener: (message: Message) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Sends a command by name. Resolves with status and decoded fields, whatever the status. Throws OperatorError for
   * undeclared names and fields.
   */
  async send(protocol: string, message: string, values: Record<string, unknown> = {}): Promise<Message> {
    const { declared, layouts } = this.#find(protocol, message)
    const version = layouts.length > 1 ? await this.#versionOf(declared) : 0
    const layout = layouts.find(({ since }) => since <= version) ?? layouts[layouts.length - 1]!
    const reply = await this.sendBytes(declared.id, layout.id, encodeRequest(layout.request, values))
    if (layout.id === NEGOTIATE_PROTOCOL_VERSION && reply.status === SUCCESS)
      this.#versions.set(declared.id, Number(values.version ?? 0))
    return reply
  }

  /** Sends raw bytes as payload of any message. */
  async sendBytes(protocolId: number, messageId: number, payload: Uint8Array): Promise<Message> {
    this.#token = (this.#token + 1) % TOKENS
    this.#early.delete(this.#token)
    const request = new Uint8Array(HEADER_SIZE + payload.length)
    new DataView(request.buffer).setUint32(0, packHeader(protocolId, messageId, COMMAND, this.#token), true)
    request.set(payload, HEADER_SIZE)
    const reply = await this.#channel.exchange(request)
    const message = this.#decoder.command(new DataView(request.buffer), viewOf(reply))!
    if (reply.length < REPLY_MIN) throw new FailedError(`${message.protocol} ${message.message}: no answer`)
    return message
  }

  /** Resolves with the delayed response to the command with this token. */
  delayedResponse(token: number, limitMs = DELAYED_LIMIT_MS): Promise<Message> {
    const early = this.#early.get(token)
    if (early) return Promise.resolve(early)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#delayed.delete(token)
        reject(new FailedError(`no delayed response after ${limitMs / 1000} s`))
      }, limitMs)
      this.#delayed.set(token, message => {
        clearTimeout(timer)
        resolve(message)
      })
    })
  }

  /** Resolves with the reason when the connection has ended. */
  get ended(): Promise<Error> {
    return this.#channel.ended
  }

  close(): void {
    this.#channel.close()
  }

  /** Newest layout first. */
  #find(protocol: string, message: string): { declared: Protocol; layouts: Command[] } {
    const declared = this.#protocols.find(({ name }) => name === protocol)
    if (!declared) {
      throw new OperatorError(
        thereIsNo(
          `protocol ${protocol}`,
          this.#protocols.map(({ name }) => name),
        ),
      )
    }
    const layouts = (declared.commands as readonly Command[]).filter(({ name }) => name === message)
    if (layouts.length === 0) {
      const names = [...new Set(declared.commands.map(({ name }) => name))].join(', ')
      throw new OperatorError(`${protocol} has no command ${message}; it has ${names}`)
    }
    return { declared, layouts: layouts.sort((a, b) => b.since - a.since) }
  }

  /** The negotiated version, which selects the layout; if the platform does not report one, the newest. */
  async #versionOf({ id, versions }: Protocol): Promise<number> {
    const known = this.#versions.get(id)
    if (known !== undefined) return known
    const { status, reply } = await this.sendBytes(id, PROTOCOL_VERSION, new Uint8Array())
    const version = status === SUCCESS ? Number((reply as Values).version) : versions[versions.length - 1]!
    this.#versions.set(id, version)
    return version
  }

  #onEvent(bytes: Uint8Array): void {
    const view = viewOf(bytes)
    const message = this.#decoder.event(view)
    if (!message) return
    if (message.kind === 'delayed response') {
      const waiting = this.#delayed.get(message.token)
      if (waiting) waiting(message)
      else this.#early.set(message.token, message)
      this.#delayed.delete(message.token)
    }
    for (const listener of this.#listeners) listener(message)
  }
}

/** A client for these protocols over this channel. */
export function createClient<const P extends readonly AnyProtocol[]>(channel: Channel, protocols: P): Client<P> {
  const client = new ClientBase(channel, protocols)
  const calls = Object.fromEntries(protocols.map(protocol => [protocol.name, callsOf(client, protocol)]))
  // The base class's own names take precedence over protocols'.
  return Object.assign(
    client,
    Object.fromEntries(Object.entries(calls).filter(([name]) => !(name in client))),
  ) as Client<P>
}

function callsOf(client: ClientBase, { name: protocol, commands }: AnyProtocol): Record<string, unknown> {
  const names = [...new Set(commands.map(({ name }) => name))]
  return Object.fromEntries(
    names.map(name => {
      const call = async (values?: Record<string, unknown>) => succeeded(await client.send(protocol, name, values))
      const delayed = async (values?: Record<string, unknown>) => {
        const reply = await client.send(protocol, name, values)
        succeeded(reply)
        return succeeded(await client.delayedResponse(reply.token))
      }
      return [name, Object.assign(call, { delayed })]
    }),
  )
}

/** The fields of a reply. Throws StatusError, or FailedError if the bytes do not match the declaration. */
function succeeded(message: Message): Values {
  const { protocol, message: name, status, reply } = message
  if (status !== SUCCESS) throw new StatusError(protocol, name, status!)
  if (reply instanceof Uint8Array)
    throw new FailedError(`${protocol} ${name}: a reply of ${reply.length} bytes fits no layout`)
  return reply ?? {}
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
