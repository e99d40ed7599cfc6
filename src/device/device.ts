/**
 * START READING HERE. One virtio SCMI device: the native side hands over batches of messages, a chain of links answers them,
 * the innermost through dispatch, and the agent is kept in step with the life of its driver (life.ts).
 *
 *   kick → native/binding → onBatch → chain → dispatch → protocols/*.ts → reply in guest memory → used ring → call
 */
import type { Platform } from '../platform/core/platform.js'
import type { AgentConfig } from '../platform/core/platform-config.js'
import { Agent } from '../protocols/declaration/agent.js'
import type { Protocol } from '../protocols/declaration/protocol.js'
import { LimitedLog } from '../support/limited-log.js'
import type { Logger } from '../support/log.js'
import { statusName } from '../wire/status.js'
import { Chain } from './answering.js'
import { Commands } from './commands.js'
import { EventQueue } from './event-queue.js'
import { DriverLife } from './life.js'
import {
  BATCH_HEADER,
  createDevice,
  ENTRY_WORDS,
  HEADER_PREVIOUS_COUNT,
  MESSAGE_MAX,
  type NativeDevice,
  type NativeOptions,
  TIME_SERVICE,
  TIME_TAKEN,
} from './native.js'
import { SharedRegion } from './shared-region.js'
import { protocolStats, type Stats } from './stats.js'

export interface DeviceOptions {
  agent: AgentConfig
  /** All agents of the platform; the device adds its own. */
  peers: Agent[]
  platform: Platform
  protocols: readonly Protocol[]
  log: Logger
  /** See NativeOptions. */
  native: Omit<NativeOptions, 'onBatch' | 'onEvent'>
}

export class Device extends DriverLife {
  readonly native: NativeDevice
  readonly agent: Agent
  readonly events: EventQueue
  /** What answers batches. */
  readonly chain: Chain
  /** Messages that fault rules took. */
  faultHits = 0
  readonly #commands: Commands
  readonly #region: SharedRegion | undefined
  readonly #spare = new DataView(new ArrayBuffer(MESSAGE_MAX))

  constructor(options: DeviceOptions) {
    super(new LimitedLog(options.log.child({ agent: options.agent.name })))
    this.native = createDevice({
      ...options.native,
      onBatch: count => this.#answer(count),
      onEvent: (event, queue, value, text) => this.onNative(event, queue, value, text),
    })
    this.events = new EventQueue(this.native, index => this.window(index))
    this.agent = new Agent({
      config: options.agent,
      platform: options.platform,
      events: this.events,
      peers: options.peers,
      protocols: options.protocols,
    })
    options.peers.push(this.agent)
    this.#commands = new Commands(this.native.batch, [...this.native.windows(), this.#spare], this.agent, this.log)
    this.chain = new Chain(this.#commands)
    const { shared } = this.agent
    this.agent.channelRefused = (what, values, status) =>
      this.log.warn(`${what}: ${values} was refused: ${statusName(status)}`)
    this.#region = shared && new SharedRegion(this.native, shared, this.log)
  }

  /** Answers a batch. Hot: allocates nothing, enters native code for nothing. */
  #answer(count: number): void {
    const { batch, times } = this.native
    this.agent.platform.time.nowUs = times[TIME_TAKEN]!
    // All messages of a batch take its time, so recording the last one is enough.
    const { shared } = this.agent
    if (shared?.watched) this.memoryWritten()
    if (batch[HEADER_PREVIOUS_COUNT] !== 0) this.agent.took(this.#commands.header, times[TIME_SERVICE]!)
    this.chain.outer.answer(BATCH_HEADER, BATCH_HEADER + count * ENTRY_WORDS)
  }

  /** Memory that entries of the batch lie in, by number. */
  get windows(): readonly DataView[] {
    return this.#commands.windows
  }

  window(index: number): DataView {
    return this.#commands.windows[index]!
  }

  /** Number of a window in our own memory, for replies that the guest must not see yet. */
  get spareWindow(): number {
    return this.#commands.windows.length - 1
  }

  protected memoryChanged(): number {
    const windows = this.native.windows()
    this.#commands.windows = [...windows, this.#spare]
    this.#region?.memoryChanged(windows)
    return windows.length - 1
  }

  /** The guest may have written to channels in shared memory. Hot: before each batch, while there are such channels. */
  protected memoryWritten(): void {
    this.agent.shared?.look()
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
      connections: this.counts.connections,
      driverStarts: this.counts.driverStarts,
      driverResets: this.counts.driverResets,
      unanswerable: this.agent.unanswerable,
      internalErrors: this.#commands.internalErrors,
      ringFaults: this.counts.ringFaults,
      refusedRequests: this.counts.refusedRequests,
      faultHits: this.faultHits,
      latencyNs: this.native.latencies(),
      notificationsSent: this.events.sent,
      notificationsDropped: this.events.dropped,
      notificationsWaiting: this.events.waiting,
    }
  }

  close(): void {
    this.events.available = false
    this.events.clear()
    this.agent.release()
    this.native.close()
    this.log.close()
  }
}
