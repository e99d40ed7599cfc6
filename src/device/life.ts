/**
 * Keeps the agent in step with the front end and the driver, which come and go. All events of native code arrive here.
 */
import { EventEmitter } from 'node:events'
import type { Agent } from '../protocols/declaration/agent.js'
import type { LimitedLog } from '../support/limited-log.js'
import type { EventQueue } from './event-queue.js'
import { CMDQ, EVENTQ, type NativeDevice, NativeEvent, VIRTIO_SCMI_F_P2A_CHANNELS } from './native.js'

/** What happens to a device's front end and driver. */
export type DeviceChange =
  | 'connected'
  | 'disconnected'
  /** A new driver; what the last one held is released. */
  | 'driver started'
  /** A driver that continues with what it held. */
  | 'driver resumed'
  | 'driver stopped'
  /** What the last driver held is released. */
  | 'driver forgotten'

export interface DeviceEvents {
  change: [change: DeviceChange]
  /** The command queue stopped, or moved to other memory: delayed replies can't be delivered. */
  ringStopped: []
  /** What the guest wrote to shared memory has been acted on, outside a batch. */
  memoryRead: []
  /** The driver is gone for good: nobody waits for what is queued. */
  driverGone: []
}

export abstract class DriverLife extends EventEmitter<DeviceEvents> {
  abstract readonly native: NativeDevice
  abstract readonly agent: Agent
  abstract readonly events: EventQueue
  connected = false
  /** Whether a driver runs its command queue. */
  driverRuns = false
  /** The last front end stopped the rings before it went: its guest was shut down, or its driver unbound. */
  endedInOrder = false
  protected readonly counts = { ringFaults: 0, refusedRequests: 0, connections: 0, driverStarts: 0, driverResets: 0 }
  protected readonly log: LimitedLog
  /** A driver has begun since the front end connected. */
  #hadDriver = false
  #forgotten = false

  constructor(log: LimitedLog) {
    super()
    this.log = log
  }

  /** The guest's memory lies elsewhere now, or is gone. Returns the number of its windows. */
  protected abstract memoryChanged(): number

  /** The guest has written to memory that is watched. */
  protected abstract memoryWritten(): void

  protected onNative(event: NativeEvent, queue: number, value: number, text: string): void {
    const name = queue === CMDQ ? 'command queue' : 'event queue'
    switch (event) {
      case NativeEvent.CONNECTED:
        this.connected = true
        this.counts.connections++
        this.#hadDriver = false
        this.log.info('front end connected')
        this.emit('change', 'connected')
        break
      case NativeEvent.DISCONNECTED:
        this.connected = false
        this.endedInOrder = this.#hadDriver && !this.driverRuns
        this.#runs(false)
        this.events.available = false
        this.emit('ringStopped')
        this.memoryChanged()
        this.log.info(`front end disconnected: ${text}`)
        this.emit('change', 'disconnected')
        break
      case NativeEvent.MEMORY:
        this.log.debug(`guest memory: ${this.memoryChanged()} windows`)
        this.emit('ringStopped')
        break
      case NativeEvent.QUEUE_STARTED:
        this.log.debug(`${name} started${value ? ', fresh' : ''}`)
        this.#started(queue, value === 1)
        break
      case NativeEvent.QUEUE_STOPPED:
        this.log.debug(`${name} stopped`)
        if (queue !== CMDQ) break
        this.emit('ringStopped')
        this.#runs(false)
        this.emit('change', 'driver stopped')
        break
      case NativeEvent.QUEUE_FAULT:
        if (queue === CMDQ) this.emit('ringStopped')
        if (value === 1) {
          this.log.warn(text)
          break
        }
        this.counts.ringFaults++
        this.log.error(`${name} stopped, the driver broke a rule: ${text}`)
        break
      case NativeEvent.REFUSED:
        this.counts.refusedRequests++
        this.log.warn(text)
        break
      case NativeEvent.EVENT_BUFFERS:
        this.events.flush()
        break
      case NativeEvent.MEMORY_WRITTEN:
        this.agent.platform.time.refresh()
        this.memoryWritten()
        this.emit('memoryRead')
        break
    }
  }

  /**
   * A fresh command queue means a new driver: the last one's subscriptions and votes are dropped. A resumed queue (QEMU's
   * `cont`, a reconnect) keeps them.
   */
  #started(queue: number, fresh: boolean): void {
    this.events.available = (this.native.features() & (1 << VIRTIO_SCMI_F_P2A_CHANNELS)) !== 0
    if (queue === EVENTQ) {
      this.events.flush()
      return
    }
    if (fresh) {
      this.#forgetDriver()
      this.counts.driverStarts++
      if (this.#hadDriver) this.counts.driverResets++
    }
    this.#hadDriver = true
    if (this.#forgotten && !fresh) this.log.warn('the driver resumes, but what it held was released meanwhile')
    this.#forgotten = false
    this.#runs(true)
    const change = fresh ? 'driver started' : 'driver resumed'
    this.log.info(change)
    this.emit('change', change)
  }

  #runs(runs: boolean): void {
    this.driverRuns = runs
    this.agent.shared?.run(runs)
  }

  /** The front end and its guest are gone for good: releases what the driver held and asked for. */
  forgetDriver(): void {
    this.#forgotten = true
    this.#forgetDriver()
    this.log.info('released what the driver held')
    this.emit('change', 'driver forgotten')
  }

  #forgetDriver(): void {
    this.events.clear()
    this.agent.restart()
    this.emit('driverGone')
  }
}
