/**
 * One open page: what it is sent, some times a second, and what it asks for. A page that is slow is sent less, and
 * nothing waits for it.
 */
import { WebSocket } from 'ws'
import type { Operations } from '../control/operations.js'
import type { MessageEntry, MessageFilter, ReadingEntry } from '../control/shapes.js'
import { OperatorError } from '../errors.js'
import type { Logger } from '../log.js'
import { monotonicUs } from '../platform/time.js'
import { parseMessage, requests } from './requests.js'
import type { Answer, FromDevice, ShownValue, Tick } from './wire.js'

const TICK_MS = 100
/** Ticks from one look at statistics to the next. */
const STATS_TICKS = 10
/** What a list on a screen can show, and a page draw. */
const MESSAGES_PER_SECOND = 200
/** Bytes that a page may have yet to read when it is sent more; one that reads none of them for so long is gone. */
const WAITING_MAX = 1 << 20
const STUCK_MS = 5000
/** Close codes (RFC 6455 §7.4.1). */
const POLICY_VIOLATION = 1008

export class PageLink {
  readonly #socket: WebSocket
  readonly #operations: Operations
  readonly #log: Logger
  readonly #timer: NodeJS.Timeout
  readonly #endWatch: () => void
  #endMessages: (() => void) | undefined
  /** What the next tick brings; of each property the newest. */
  readonly #values = new Map<string, ReadingEntry>()
  #messages: MessageEntry[] = []
  #omitted = 0
  /** The rules that the page knows, as text. */
  #faults = ''
  #ticks = 0
  /** Bytes that were not read at the last tick, and when there was progress. */
  #waiting = 0
  #readMs = performance.now()

  constructor(socket: WebSocket, operations: Operations, log: Logger) {
    this.#socket = socket
    this.#operations = operations
    this.#log = log
    socket.on('message', (bytes: Buffer) => this.#onMessage(bytes.toString()))
    socket.on('error', error => log.debug(`web view: ${error.message}`))
    socket.on('close', () => this.#end())
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
  }

  #send(message: FromDevice): void {
    this.#socket.send(JSON.stringify(message))
  }

  /** Whether the page keeps up. */
  #isReady(): boolean {
    return this.#socket.bufferedAmount < WAITING_MAX
  }

  #tick(): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return
    const waiting = this.#socket.bufferedAmount
    if (this.#isReady() || waiting < this.#waiting) this.#readMs = performance.now()
    this.#waiting = waiting
    if (performance.now() - this.#readMs > STUCK_MS) this.#giveUp()
    if (!this.#isReady()) return
    const isDue = this.#ticks++ % STATS_TICKS === 0
    const news = { ...this.#changes(), ...this.#newMessages(), ...(isDue ? this.#stats() : {}) }
    if (Object.keys(news).length > 0) this.#send({ type: 'tick', timeMs: Date.now(), ...news })
  }

  #giveUp(): void {
    this.#log.info(`web view: closed a page that has read nothing for ${STUCK_MS / 1000} s`)
    this.#socket.terminate()
  }

  /** Values and fault rules that are others than at the last tick. */
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
    try {
      const message = parseMessage(text)
      if ('filter' in message) this.#show(message.filter)
      else this.#send({ type: 'answer', id: message.id, ...this.#carryOut(message.op, message.request) })
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error
      // Our page does not send what can't be understood.
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
      return { error: 'failed, which is a bug: the log of the device says more' }
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
