/**
 * START READING HERE. One virtio SCMI device: the native side hands over batches of messages, this file answers each
 * through dispatch, and keeps the agent in step with the life of its driver (connect, start, reset, disconnect).
 *
 *   kick → native/binding → onBatch → dispatch → protocols/*.ts → reply in guest memory → used ring → call
 */
import { EventEmitter } from 'node:events'
import { DeviceFaults } from '../faults/device-faults.js'
import type { Faults } from '../faults/faults.js'
import { PluginBug } from '../loading/plugin-guard.js'
import type { DeviceTap, Tap } from '../observe/tap.js'
import type { Platform } from '../platform/core/platform.js'
import type { AgentConfig } from '../platform/core/platform-config.js'
import { Agent } from '../protocols/declaration/agent.js'
import type { Protocol } from '../protocols/declaration/protocol.js'
import type { DeviceKeeper } from '../state/device-keeper.js'
import { LimitedLog } from '../support/limited-log.js'
import type { Logger } from '../support/log.js'
import { MessageWriter, RequestReader } from '../wire/message.js'
import { GENERIC_ERROR } from '../wire/status.js'
import { dispatch } from './dispatch.js'
import { EventQueue } from './event-queue.js'
import {
  BATCH_HEADER,
  CMDQ,
  createDevice,
  ENTRY_REPLY_CAPACITY,
  ENTRY_REPLY_OFFSET,
  ENTRY_REPLY_WINDOW,
  ENTRY_REQUEST_LENGTH,
  ENTRY_REQUEST_OFFSET,
  ENTRY_REQUEST_WINDOW,
  ENTRY_WORDS,
  ENTRY_WRITTEN,
  EVENTQ,
  HEADER_PREVIOUS_COUNT,
  INDEX_MASK,
  type NativeDevice,
  NativeEvent,
  type NativeOptions,
  SCRATCH_WINDOW,
  TIME_SERVICE,
  TIME_TAKEN,
  VIRTIO_SCMI_F_P2A_CHANNELS,
} from './native.js'
import { protocolStats, type Stats } from './stats.js'

export interface DeviceOptions {
  agent: AgentConfig
  /** All agents of the platform; the device adds its own. */
  peers: Agent[]
  platform: Platform
  protocols: readonly Protocol[]
  faults: Faults
  log: Logger
  /** Where this device's messages can be seen. */
  tap: Tap
  /** What the virtio device and the ring loop offer; see NativeOptions. */
  native: Omit<NativeOptions, 'onBatch' | 'onEvent'>
}

/** What happens to a device's front end and driver. */
export type DeviceChange =
  | 'connected'
  | 'disconnected'
  /** A new driver; what the last one held is void. */
  | 'driver started'
  /** One that goes on with what it held. */
  | 'driver resumed'
  | 'driver stopped'
  /** What the last driver held is void. */
  | 'driver forgotten'

interface DeviceEvents {
  change: [change: DeviceChange]
}

export class Device extends EventEmitter<DeviceEvents> {
  readonly native: NativeDevice
  readonly agent: Agent
  readonly events: EventQueue
  readonly faults: DeviceFaults
  connected = false
  /** Whether a driver runs its command queue. */
  driverRuns = false
  /** The last front end stopped the rings before it went: its guest was shut down, or its driver unbound. */
  endedInOrder = false
  readonly #log: LimitedLog
  readonly #tap: DeviceTap
  readonly #request: RequestReader
  readonly #reply: MessageWriter
  #windows: readonly DataView[]
  #internalErrors = 0
  #ringFaults = 0
  #refusedRequests = 0
  #connections = 0
  #driverStarts = 0
  #driverResets = 0
  /** A driver has begun since the front end connected. */
  #hadDriver = false
  #forgotten = false
  #keeper: DeviceKeeper | undefined

  constructor(options: DeviceOptions) {
    super()
    this.#log = new LimitedLog(options.log.child({ agent: options.agent.name }))
    this.native = createDevice({
      ...options.native,
      onBatch: count => this.#answer(count),
      onEvent: (event, queue, value, text) => this.#onEvent(event, queue, value, text),
    })
    this.#windows = this.native.windows()
    this.#tap = options.tap.attach(this.native.times)
    this.events = new EventQueue(this.native, () => this.#windows, this.#tap)
    this.agent = new Agent({
      config: options.agent,
      platform: options.platform,
      events: this.events,
      peers: options.peers,
      protocols: options.protocols,
    })
    options.peers.push(this.agent)
    this.#request = new RequestReader(this.#windows[0]!)
    this.#reply = new MessageWriter(this.#windows[0]!)
    this.faults = new DeviceFaults(options.faults, {
      native: this.native,
      agent: this.agent,
      events: this.events,
      window: index => this.window(index),
      tap: this.#tap,
      log: this.#log,
      answer: entry => this.#answerEntries(entry, entry + ENTRY_WORDS),
      execute: (entry, reply, capacity) => this.#execute(entry, reply, capacity),
    })
  }

  /** Answers a batch. Hot: allocates nothing, enters native code for nothing. */
  #answer(count: number): void {
    const { batch, times } = this.native
    this.agent.platform.time.nowUs = times[TIME_TAKEN]!
    // Messages of a batch share its time, so that timing one, the last, says as much as timing all.
    if (batch[HEADER_PREVIOUS_COUNT] !== 0) this.agent.took(this.#request.header, times[TIME_SERVICE]!)
    const end = BATCH_HEADER + count * ENTRY_WORDS
    if (this.faults.active) this.faults.answer(end)
    else if (this.#tap.active) this.#answerSeen(end)
    else this.#answerEntries(BATCH_HEADER, end)
    this.#keeper?.batchDone(end)
  }

  #answerSeen(end: number): void {
    const { batch } = this.native
    this.#tap.requests(this.#windows, batch, end)
    this.#answerEntries(BATCH_HEADER, end)
    this.#tap.replies(this.#windows, batch, end)
  }

  /** Answers a batch's entries up to `end`, where their replies belong. */
  #answerEntries(first: number, end: number): void {
    if (this.#keeper) this.#answerKept(first, end, this.#keeper)
    else this.#dispatchEntries(first, end)
  }

  #answerKept(first: number, end: number, keeper: DeviceKeeper): void {
    for (let entry = first; entry < end; entry += ENTRY_WORDS) {
      if (keeper.repeat(entry)) continue
      this.#dispatchEntries(entry, entry + ENTRY_WORDS)
      keeper.executed(this.#request.header)
    }
  }

  /**
   * Carries out the commands of a batch's entries up to `end`. The hottest loop there is: what it needs is looked
   * up once, because after every handler the compiler would have to look again.
   */
  #dispatchEntries(first: number, end: number): void {
    const { agent } = this
    const { batch } = this.native
    const windows = this.#windows
    const request = this.#request
    const reply = this.#reply
    let requestWindow = SCRATCH_WINDOW
    let replyWindow = SCRATCH_WINDOW
    request.view = reply.view = windows[SCRATCH_WINDOW]!
    // What is masked is known to be small: additions to `entry` then need no check.
    const limit = end & INDEX_MASK
    for (let entry = first & INDEX_MASK; entry < limit; entry += ENTRY_WORDS) {
      // Mostly in the same window as the message before.
      if (batch[entry + ENTRY_REQUEST_WINDOW] !== requestWindow) {
        requestWindow = batch[entry + ENTRY_REQUEST_WINDOW]!
        request.view = windows[requestWindow]!
      }
      if (batch[entry + ENTRY_REPLY_WINDOW] !== replyWindow) {
        replyWindow = batch[entry + ENTRY_REPLY_WINDOW]!
        reply.view = windows[replyWindow]!
      }
      const length = batch[entry + ENTRY_REQUEST_LENGTH]!
      const capacity = batch[entry + ENTRY_REPLY_CAPACITY]!
      request.open(batch[entry + ENTRY_REQUEST_OFFSET]!, length)
      reply.open(batch[entry + ENTRY_REPLY_OFFSET]!, capacity)
      try {
        batch[entry + ENTRY_WRITTEN] = dispatch(agent, request, length, reply, capacity)
      } catch (error) {
        batch[entry + ENTRY_WRITTEN] = this.#handlerFailed(error)
      }
    }
  }

  /** Carries out the command of a batch's entry with its reply in `view` instead. Returns the reply's length. */
  #execute(entry: number, view: DataView, capacity: number): number {
    const { batch } = this.native
    const window = this.#windows[batch[entry + ENTRY_REQUEST_WINDOW]!]!
    const length = batch[entry + ENTRY_REQUEST_LENGTH]!
    this.#request.view = window
    this.#request.open(batch[entry + ENTRY_REQUEST_OFFSET]!, length)
    this.#reply.view = view
    this.#reply.open(0, capacity)
    try {
      return dispatch(this.agent, this.#request, length, this.#reply, capacity)
    } catch (error) {
      return this.#handlerFailed(error)
    } finally {
      this.#keeper?.executed(this.#request.header)
    }
  }

  /** A bug of ours must not take the guest down: it gets GENERIC_ERROR, the first one is logged with its stack. */
  #handlerFailed(error: unknown): number {
    this.#internalErrors++
    const header = this.#request.header
    if (error instanceof PluginBug) {
      if (error.isNews) this.#log.error(error.message)
    } else if (this.#internalErrors === 1) {
      this.#log.bug(error, `handler of message 0x${header.toString(16)} failed (a bug)`)
    }
    this.#reply.begin(header, GENERIC_ERROR)
    return this.#reply.written
  }

  #onEvent(event: NativeEvent, queue: number, value: number, text: string): void {
    const name = queue === CMDQ ? 'command queue' : 'event queue'
    switch (event) {
      case NativeEvent.CONNECTED:
        this.connected = true
        this.#connections++
        this.#hadDriver = false
        this.#log.info('front end connected')
        this.emit('change', 'connected')
        break
      case NativeEvent.DISCONNECTED:
        this.connected = false
        this.endedInOrder = this.#hadDriver && !this.driverRuns
        this.driverRuns = false
        this.events.available = false
        this.faults.ringStopped()
        this.#windows = this.native.windows()
        this.#log.info(`front end disconnected: ${text}`)
        this.emit('change', 'disconnected')
        break
      case NativeEvent.MEMORY:
        this.#windows = this.native.windows()
        this.faults.ringStopped()
        this.#log.debug(`guest memory: ${this.#windows.length - 1} windows`)
        break
      case NativeEvent.QUEUE_STARTED:
        this.#log.debug(`${name} started${value ? ', fresh' : ''}`)
        this.#started(queue, value === 1)
        break
      case NativeEvent.QUEUE_STOPPED:
        this.#log.debug(`${name} stopped`)
        if (queue !== CMDQ) break
        this.faults.ringStopped()
        this.driverRuns = false
        this.emit('change', 'driver stopped')
        break
      case NativeEvent.QUEUE_FAULT:
        if (queue === CMDQ) this.faults.ringStopped()
        if (value === 1) {
          this.#log.warn(text)
          break
        }
        this.#ringFaults++
        this.#log.error(`${name} stopped, the driver broke a rule: ${text}`)
        break
      case NativeEvent.REFUSED:
        this.#refusedRequests++
        this.#log.warn(text)
        break
      case NativeEvent.EVENT_BUFFERS:
        this.events.flush()
        break
    }
  }

  /**
   * A fresh command queue means a new driver: the last one's subscriptions and votes are void. A resumed one (QEMU's
   * `cont`, a reconnect) goes on with what it had.
   */
  #started(queue: number, fresh: boolean): void {
    this.events.available = (this.native.features() & (1 << VIRTIO_SCMI_F_P2A_CHANNELS)) !== 0
    if (queue === EVENTQ) {
      this.events.flush()
      return
    }
    if (fresh) {
      this.#forgetDriver()
      this.#driverStarts++
      if (this.#hadDriver) this.#driverResets++
    }
    this.#hadDriver = true
    if (this.#forgotten && !fresh) this.#log.warn('the driver resumes, but what it held was released meanwhile')
    this.#forgotten = false
    this.driverRuns = true
    const change = fresh ? 'driver started' : 'driver resumed'
    this.#log.info(change)
    this.emit('change', change)
  }

  /** The front end is gone for good, and the guest with it: what its driver held and asked for is void. */
  forgetDriver(): void {
    this.#forgotten = true
    this.#forgetDriver()
    this.#log.info('released what the driver held')
    this.emit('change', 'driver forgotten')
  }

  #forgetDriver(): void {
    this.events.clear()
    this.faults.driverGone()
    this.agent.restart()
    this.#keeper?.driverGone()
  }

  /** Has the state that messages change kept from now on. */
  keepWith(keeper: DeviceKeeper): void {
    this.#keeper = keeper
  }

  /** Memory that entries of the batch lie in, by number. */
  window(index: number): DataView {
    return this.#windows[index]!
  }

  stats(): Stats {
    const protocols = protocolStats(this.agent)
    return {
      agent: this.agent.name,
      messages: protocols.reduce(
        (sum, protocol) => sum + protocol.succeeded + protocol.failed,
        this.agent.unknownProtocol,
      ),
      protocols,
      unknownProtocol: this.agent.unknownProtocol,
      connections: this.#connections,
      driverStarts: this.#driverStarts,
      driverResets: this.#driverResets,
      unanswerable: this.agent.unanswerable,
      internalErrors: this.#internalErrors,
      ringFaults: this.#ringFaults,
      refusedRequests: this.#refusedRequests,
      faultHits: this.faults.hits,
      latencyNs: this.native.latencies(),
      notificationsSent: this.events.sent,
      notificationsDropped: this.events.dropped,
      notificationsWaiting: this.events.waiting,
    }
  }

  close(): void {
    this.faults.close()
    this.events.available = false
    this.events.clear()
    this.agent.release()
    this.native.close()
    this.#log.close()
  }
}
