/**
 * A channel over a vhost-user socket: this process is both front end and guest driver, with a little memory of its own.
 * Works with any back end of a virtio SCMI device.
 */
import { statSync } from 'node:fs'
import { calls } from '../front-end/calls.js'
import { Driver } from '../front-end/driver.js'
import { FrontEnd } from '../front-end/front-end.js'
import { GuestMemory } from '../front-end/memory.js'
import { Feature } from '../front-end/protocol.js'
import { driverOk, firstConnection } from '../front-end/qemu.js'
import { FailedError, OperatorError } from '../support/errors.js'
import { CAPACITY, type Channel } from './channel.js'

const EVENT_BUFFERS = 16
const QUEUE_SIZE = 64
/** Commands in flight: each needs two descriptors, for request and reply. */
const IN_FLIGHT_MAX = QUEUE_SIZE / 2

export interface VhostUserOptions {
  /** Time limit for a reply; default 10 s. */
  timeoutMs?: number | undefined
}

interface Waiting {
  resolve(reply: Uint8Array): void
  reject(error: Error): void
  timer: NodeJS.Timeout
}

export class VhostUserChannel implements Channel {
  onEvent: ((message: Uint8Array) => void) | undefined
  readonly #path: string
  readonly #timeoutMs: number
  readonly #frontEnd: FrontEnd
  /** The guest's memory. */
  readonly memory = GuestMemory.flat()
  readonly #driver = new Driver(this.memory, { size: QUEUE_SIZE, eventSize: EVENT_BUFFERS })
  /** By head of the descriptor chain. */
  readonly #waiting = new Map<number, Waiting>()
  /** Commands waiting for room in the queue. */
  readonly #backlog: (() => void)[] = []
  readonly #watches: (() => void)[] = []
  readonly ended: Promise<Error>
  #tellEnd: (error: Error) => void = () => {}
  #ended: Error | undefined

  private constructor(path: string, frontEnd: FrontEnd, timeoutMs: number) {
    this.#path = path
    this.#frontEnd = frontEnd
    this.#timeoutMs = timeoutMs
    this.ended = new Promise(resolve => {
      this.#tellEnd = resolve
    })
  }

  /**
   * Connects to the socket at `path` and starts both queues. Throws OperatorError if nothing listens, otherwise
   * FailedError.
   */
  static async connect(path: string, { timeoutMs = 10_000 }: VhostUserOptions = {}): Promise<VhostUserChannel> {
    let frontEnd: FrontEnd
    try {
      frontEnd = FrontEnd.connect(path)
    } catch (error) {
      const stat = statSync(path, { throwIfNoEntry: false })
      if (stat && !stat.isSocket()) throw new OperatorError(`${path} is not a socket; give that of a back end`)
      throw new OperatorError(`${path}: ${(error as Error).message}; start a device with --socket-path ${path}`)
    }
    frontEnd.limitMs = timeoutMs
    const channel = new VhostUserChannel(path, frontEnd, timeoutMs)
    try {
      await channel.#start()
    } catch (error) {
      channel.close()
      throw new FailedError(`${path}: ${(error as Error).message}; is another front end connected?`)
    }
    return channel
  }

  async #start(): Promise<void> {
    const { cmdq, eventq, queues } = this.#driver
    const offer = await firstConnection(this.#frontEnd, queues)
    if (!(offer.features & Feature.VERSION_1)) throw new Error('the back end does not offer VERSION_1')
    const wanted = Feature.VERSION_1 | Feature.PROTOCOL_FEATURES | Feature.P2A_CHANNELS
    const { protocolFeatures } = offer
    const options = { features: wanted & offer.features, protocolFeatures, memory: this.memory, queues }
    await driverOk(this.#frontEnd, options)
    for (const queue of [cmdq, eventq]) {
      queue.enableSignals()
      this.#watches.push(calls().watch(queue.call, () => this.#look()))
    }
    this.#watches.push(calls().watch(this.#frontEnd.socket, () => this.#lookAtSocket()))
    this.#driver.postEventBuffers(EVENT_BUFFERS, CAPACITY)
    this.#look()
  }

  exchange(message: Uint8Array): Promise<Uint8Array> {
    if (this.#ended) return Promise.reject(this.#ended)
    return new Promise((resolve, reject) => {
      const post = () => this.#post(message, resolve, reject)
      if (this.#waiting.size < IN_FLIGHT_MAX) post()
      else this.#backlog.push(post)
    })
  }

  #post(message: Uint8Array, resolve: Waiting['resolve'], reject: Waiting['reject']): void {
    if (this.#ended) {
      reject(this.#ended)
      return
    }
    const { head } = this.#driver.post(message, CAPACITY)
    const timer = setTimeout(() => {
      this.#end(new FailedError(`${this.#path}: no reply after ${this.#timeoutMs / 1000} s`))
    }, this.#timeoutMs)
    this.#waiting.set(head, { resolve, reject, timer })
    this.#driver.cmdq.publish()
  }

  /** Collects the used entries of both queues. */
  #look(): void {
    const { cmdq, eventq } = this.#driver
    try {
      do {
        cmdq.drainSignals()
        eventq.drainSignals()
        for (const used of cmdq.takeAll()) {
          const { resolve, timer } = this.#waiting.get(used.head)!
          this.#waiting.delete(used.head)
          clearTimeout(timer)
          resolve(this.#driver.answer(used).reply)
          this.#backlog.shift()?.()
        }
        for (const event of this.#driver.takeEvents()) this.onEvent?.(event)
        cmdq.enableSignals()
        eventq.enableSignals()
      } while (cmdq.hasUsed || eventq.hasUsed)
    } catch (error) {
      this.#end(new FailedError(`${this.#path}: the back end violated the protocol: ${(error as Error).message}`))
    }
  }

  /** Only the end of the connection is expected on the socket. */
  #lookAtSocket(): void {
    if (this.#frontEnd.poll() === 'closed')
      this.#end(new FailedError(`${this.#path}: the back end closed the connection`))
  }

  #end(error: Error): void {
    if (this.#ended) return
    this.#ended = error
    this.#tellEnd(error)
    for (const stop of this.#watches.splice(0)) stop()
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer)
      reject(error)
    }
    this.#waiting.clear()
    for (const post of this.#backlog.splice(0)) post()
    this.#frontEnd.close()
    this.#driver.close()
    this.memory.close()
  }

  close(): void {
    this.#end(new FailedError(`${this.#path}: the connection was closed`))
  }
}
