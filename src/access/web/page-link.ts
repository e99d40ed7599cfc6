/**
 * The connection to one open page: sends updates several times a second and answers requests. A slow page gets fewer
 * updates; nothing waits for it.
 */
import { WebSocket } from 'ws'
import { monotonicUs } from '../../platform/core/time.js'
import { OperatorError } from '../../support/errors.js'
import type { Logger } from '../../support/log.js'
import type { Clients } from '../http/clients.js'
import type { Operations } from '../operations/operations.js'
import type { MessageEntry, MessageFilter, ReadingEntry } from '../operations/shapes.js'
import { parseMessage, requests } from './requests.js'
import type { Answer, FromDevice, ShownValue, Tick } from './wire.js'

const TICK_MS = 100
/** Ticks between two samples of the statistics. */
const STATS_TICKS = 10
/** A rate that a list on a screen can show and a page can draw. */
const MESSAGES_PER_SECOND = 200
/** Unread bytes above which nothing more is sent and requests are not read. */
const WAITING_MAX = 1 << 20
/** Requests of a page per tick; further ones are read later. */
const REQUESTS_MAX = 100
/** Close codes (RFC 6455 §7.4.1). */
const POLICY_VIOLATION = 1008

export interface PageLinkOptions {
  operations: Operations
  log: Logger
  clients: Clients
}

export class PageLink {
  readonly #socket: WebSocket
  readonly #operations: Operations
  readonly #log: Logger
  readonly #timer: NodeJS.Timeout
  readonly #endWatch: () => void
  #endMessages: (() => void) | undefined
  /** For the next tick: the newest value of each property. */
  readonly #values = new Map<string, ReadingEntry>()
  #messages: MessageEntry[] = []
  #omitted = 0
  /** The fault rules as last sent, as text. */
  #faults = ''
  #ticks = 0
  /** Characters sent since the start. */
  #sent = 0
  /** Requests since the last tick. */
  #requests = 0
  readonly #clients: Clients
  readonly #leave: () => void

  constructor(socket: WebSocket, { operations, log, clients }: PageLinkOptions) {
    this.#socket = socket
    this.#operations = operations
    this.#log = log
    this.#clients = clients
    this.#leave = clients.add({
      door: 'http',
      what: 'a page',
      waiting: () => socket.bufferedAmount,
      // Everything sent except what is still buffered.
      progress: () => this.#sent - socket.bufferedAmount,
      end: () => socket.terminate(),
    })
    socket.on('message', (bytes: Buffer) => this.#onMessage(bytes.toString()))
    socket.on('error', error => log.debug(`web view: ${error.message}`))
    socket.on('close', () => this.#end())
    socket.on('ping', data => {
      if (this.#isReady()) socket.pong(data)
    })
    const epochMs = Date.now() - monotonicUs() / 1000
    const description = operations.describe()
    this.#send({ type: 'hello', description, epochMs, messagesPerSecond: MESSAGES_PER_SECOND })
    this.#endWatch = operations.watch(
      { interval_ms: TICK_MS },
      {
        ready: () => true,
        send: ({ readings }) => {
          for (const reading of readings) this.#values.set(reading.address, reading)
        },
      },
    )
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  #end(): void {
    clearInterval(this.#timer)
    this.#endWatch()
    this.#endMessages?.()
    this.#leave()
  }

  #send(message: FromDevice): void {
    const text = JSON.stringify(message)
    this.#sent += text.length
    this.#socket.send(text)
    this.#clients.sent()
  }

  /** Whether the page reads fast enough. */
  #isReady(): boolean {
    return this.#socket.bufferedAmount < WAITING_MAX
  }

  #tick(): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return
    if (!this.#isReady()) return
    this.#requests = 0
    this.#socket.resume()
    const isDue = this.#ticks++ % STATS_TICKS === 0
    const news = { ...this.#changes(), ...this.#newMessages(), ...(isDue ? this.#stats() : {}) }
    if (Object.keys(news).length > 0) this.#send({ type: 'tick', timeMs: Date.now(), ...news })
  }

  /** Values and fault rules that changed since the last tick. */
  #changes(): Pick<Tick, 'values' | 'faults'> {
    const values = Array.from(this.#values.values(), ({ address, shown, number }): ShownValue => {
      return number === undefined ? [address, shown] : [address, shown, number]
    })
    this.#values.clear()
    const { faults } = this.#operations.listFaults()
    const text = JSON.stringify(faults)
    const isNew = text !== this.#faults
    this.#faults = text
    return { ...(values.length > 0 ? { values } : {}), ...(isNew ? { faults } : {}) }
  }

  #newMessages(): Pick<Tick, 'messages' | 'omitted'> {
    const [messages, omitted] = [this.#messages, this.#omitted]
    this.#messages = []
    this.#omitted = 0
    return { ...(messages.length > 0 ? { messages } : {}), ...(omitted > 0 ? { omitted } : {}) }
  }

  #stats(): Pick<Tick, 'agents' | 'connected'> {
    const { devices } = this.#operations.server
    const connected = devices.filter(device => device.connected).map(({ agent }) => agent.name)
    return { agents: this.#operations.getStats().agents, connected }
  }

  #onMessage(text: string): void {
    // A page that does not read, or sends too many requests, is not read until the next tick.
    if (++this.#requests >= REQUESTS_MAX || !this.#isReady()) this.#socket.pause()
    try {
      const message = parseMessage(text)
      if ('filter' in message) this.#show(message.filter)
      else this.#send({ type: 'answer', id: message.id, ...this.#carryOut(message.op, message.request) })
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error
      // Our own page never sends invalid messages.
      this.#log.warn(`web view: ${error.message}`)
      this.#socket.close(POLICY_VIOLATION, 'not understood')
    }
  }

  #carryOut(op: string, request: unknown): Omit<Answer, 'type' | 'id'> {
    try {
      if (!Object.hasOwn(requests, op)) return { error: `there is no ${op}` }
      const result = requests[op as keyof typeof requests](this.#operations, request)
      return 'notified' in result ? { notified: result.notified } : {}
    } catch (error) {
      if (error instanceof OperatorError) return { error: error.message }
      this.#log.error(error, `web view: ${op} failed (a bug)`)
      return { error: 'failed because of a bug; see the log of the device' }
    }
  }

  #show(filter: MessageFilter | null): void {
    this.#endMessages?.()
    this.#endMessages = undefined
    if (filter === null) return
    const limited = { ...filter, max_per_second: MESSAGES_PER_SECOND }
    this.#endMessages = this.#operations.streamMessages(limited, {
      ready: () => this.#isReady(),
      send: ({ messages, omitted }) => {
        this.#messages.push(...messages)
        this.#omitted += omitted
      },
    })
  }
}
