/** What the Sensor protocol keeps for one agent: its subscriptions, and the readings it waits for. */
import { z } from 'zod'
import { readSaved, type Saved, savedWord } from '../platform/core/kept.js'
import type { Sensors } from '../platform/sensors/model.js'
import type { Sensor } from '../platform/sensors/sensor.js'
import { PROTOCOL_ERROR, SUCCESS } from '../wire/status.js'
import { PendingCommands } from './declaration/pending.js'
import type { AgentProtocol, AgentState } from './declaration/protocol.js'
import { ResourceView } from './declaration/view.js'

export const V1 = 0x10000
export const V2 = 0x20000
export const V3 = 0x30000
export const V3_1 = 0x30001

export const TRIP_POINT_EVENT = 0x0
export const UPDATE = 0x1

/** Readings under way at once for one agent, where the platform file does not say. */
const PENDING_DEFAULT = 16
/** Who causes the events of sensors: the platform. */
const PLATFORM_ID = 0
/** SENSOR_TRIP_POINT_EVENT */
const RISING = 1 << 16
const TWO_32 = 0x1_0000_0000

/** A reading that is answered later. */
interface Reading {
  id: number
  header: number
}

const savedReading = z.strictObject({ id: savedWord, header: savedWord })
const savedState = z.tuple([z.array(savedWord), z.array(savedWord), z.array(savedReading)])

export class SensorState extends ResourceView<Sensor> implements AgentState {
  onChange: (() => void) | undefined
  /** Asynchronous readings under way. */
  readonly pending: PendingCommands<Reading>
  readonly #sensors: Sensors
  /** Sensors whose trip points, and whose updates, the agent wants to hear of. */
  readonly #tripPoints = new Set<Sensor>()
  readonly #updates = new Set<Sensor>()
  /** Whether this agent wants all sensors enabled because its version can't say which. */
  #enablesAll = false

  constructor(sensors: Sensors, maxPending: number | undefined, protocol: AgentProtocol) {
    super(sensors.list, protocol)
    this.#sensors = sensors
    const anyAsync = this.list.some(sensor => sensor.latencyUs !== undefined)
    const max = anyAsync ? (maxPending ?? PENDING_DEFAULT) : 0
    this.pending = new PendingCommands(protocol, { max, shape: savedReading, finish: this.#respond })
    sensors.on('tripPoint', this.#onTripPoint)
    sensors.on('sample', this.#onSample)
    this.versionChanged()
  }

  /** 1.0 has no command that enables a sensor: one that is disabled could never be read there. */
  versionChanged(): void {
    const enablesAll = this.protocol.version < V2
    if (enablesAll === this.#enablesAll) return
    this.#enablesAll = enablesAll
    for (const sensor of this.list) {
      if (enablesAll) sensor.configure(true, false, undefined, this.agentId)
      else sensor.unconfigure(this.agentId)
    }
  }

  /** Whether the agent can be sent delayed responses and notifications. */
  get hasEvents(): boolean {
    return this.protocol.agent.events.available
  }

  /** Whether this agent may ask for asynchronous readings of the sensor. */
  canReadLater(sensor: Sensor): boolean {
    return sensor.latencyUs !== undefined && this.pending.max > 0 && this.hasEvents
  }

  subscribe(sensor: Sensor, eventId: number, on: boolean): void {
    const subscribed = eventId === UPDATE ? this.#updates : this.#tripPoints
    if (on === subscribed.has(sensor)) return
    if (on) {
      subscribed.add(sensor)
      sensor.watch()
    } else {
      subscribed.delete(sensor)
      sensor.unwatch()
    }
    this.onChange?.()
  }

  /** Sends the delayed response to a READING_GET with this header, after the sensor's latency. */
  readLater(sensor: Sensor, header: number): void {
    this.pending.start({ id: this.idOf(sensor)!, header }, sensor.latencyUs ?? 0)
  }

  readonly #respond = ({ id, header }: Reading): void => {
    const { protocol } = this
    const sensor = this.list[id]!
    // It may have been disabled in the meantime.
    const words = sensor.enabled ? [SUCCESS, id, ...readingWords(sensor, protocol.version)] : [PROTOCOL_ERROR]
    protocol.respondLater(header, words)
  }

  readonly #onTripPoint = (sensor: Sensor, trip: number, rising: boolean): void => {
    if (!this.#tripPoints.has(sensor)) return
    this.protocol.notify(TRIP_POINT_EVENT, [PLATFORM_ID, this.idOf(sensor)!, rising ? RISING | trip : trip], sensor)
  }

  readonly #onSample = (sensor: Sensor): void => {
    if (!this.#updates.has(sensor)) return
    this.protocol.notify(UPDATE, [PLATFORM_ID, this.idOf(sensor)!, ...readingWords(sensor, V2)], sensor)
  }

  override permissionsChanged(): readonly Sensor[] {
    const revoked = super.permissionsChanged()
    for (const sensor of revoked) {
      this.subscribe(sensor, TRIP_POINT_EVENT, false)
      this.subscribe(sensor, UPDATE, false)
    }
    this.pending.refuse(id => this.find(id) === undefined)
    return revoked
  }

  save(): Saved {
    return [this.idsOf(this.#tripPoints), this.idsOf(this.#updates), this.pending.save()]
  }

  restore(saved: Saved): void {
    const [tripPoints, updates, pending] = readSaved(savedState, saved)
    for (const id of tripPoints) this.subscribe(this.saved(id), TRIP_POINT_EVENT, true)
    for (const id of updates) this.subscribe(this.saved(id), UPDATE, true)
    this.pending.restore(pending, ({ id }) => this.saved(id))
  }

  reset(): void {
    this.pending.cancel()
    for (const sensor of this.#tripPoints) sensor.unwatch()
    for (const sensor of this.#updates) sensor.unwatch()
    this.#tripPoints.clear()
    this.#updates.clear()
    for (const sensor of this.held) {
      sensor.release(this.agentId)
      if (this.#enablesAll) sensor.configure(true, false, undefined, this.agentId)
    }
    this.held.clear()
    // A new driver begins with the version that is announced.
    this.versionChanged()
  }

  release(): void {
    this.#sensors.off('tripPoint', this.#onTripPoint)
    this.#sensors.off('sample', this.#onSample)
    this.reset()
    if (this.#enablesAll) for (const sensor of this.list) sensor.unconfigure(this.agentId)
  }
}

/** A reading as it stands in delayed responses and notifications: one value in v1, a value and a time per axis since. */
function readingWords(sensor: Sensor, version: number): number[] {
  if (version < V2) return wordsOf(sensor.read(0))
  const timestamp = wordsOf(sensor.timestamp())
  return sensor.axes.flatMap((_, axis) => [...wordsOf(sensor.read(axis)), ...timestamp])
}

/** A whole number within ±2^53 as two words, two's complement, low word first; >>> 0 takes the low 32 bits of any. */
function wordsOf(value: number): number[] {
  return [value >>> 0, Math.floor(value / TWO_32) >>> 0]
}
