/** What the Sensor protocol keeps for one agent: subscriptions, and readings that are answered later. */
import { z } from 'zod'
import { PLATFORM_AGENT } from '../platform/core/agent-ids.js'
import { savedWord } from '../platform/core/kept.js'
import type { SensorEvents, Sensors } from '../platform/sensors/model.js'
import type { Sensor } from '../platform/sensors/sensor.js'
import { rest, s64, u32, u64 } from '../wire/fields.js'
import { PROTOCOL_ERROR } from '../wire/status.js'
import { event } from './declaration/define-protocol.js'
import { KeptView } from './declaration/kept-view.js'
import { notify, respondLater } from './declaration/outgoing.js'
import { maxPending, PendingCommands } from './declaration/pending.js'
import type { AgentProtocol } from './declaration/protocol.js'
import { Subscriptions } from './declaration/subscriptions.js'

export const V1 = 0x10000
export const V2 = 0x20000
export const V3 = 0x30000
export const V3_1 = 0x30001

/** Values and times by axis. None in the reply to an asynchronous SENSOR_READING_GET: they are in the delayed response. */
export const READINGS = rest('readings', [s64('value'), u64('timestamp')])

/** SENSOR_READING_GET: fields of the delayed response */
export const READING_DELAYED_V1 = [u32('sensor_id'), s64('value')]
export const READING_DELAYED = [u32('sensor_id'), READINGS]

export const TRIP_POINT_EVENT = event(0x0, 'SENSOR_TRIP_POINT_EVENT', [
  u32('agent_id'),
  u32('sensor_id'),
  u32('trip_point_desc'),
])
export const UPDATE = event(0x1, 'SENSOR_UPDATE', [u32('agent_id'), u32('sensor_id'), READINGS], V2)

/** SENSOR_TRIP_POINT_EVENT */
const RISING = 1 << 16

/** Readings under way at once for one agent, where the platform file does not say. */
const PENDING_DEFAULT = 16

/** A SENSOR_READING_GET that is answered later. */
const laterReading = z.strictObject({ id: savedWord, header: savedWord })

/** A sensor is watched as long as an agent is subscribed to one of its events. */
function watch(sensor: Sensor, _before: number, subscribed: number): void {
  if (subscribed) sensor.watch()
  else sensor.unwatch()
}

function readingsOf(sensor: Sensor): { value: number; timestamp: number }[] {
  const timestamp = sensor.timestamp()
  return sensor.axes.map((_, axis) => ({ value: sensor.read(axis), timestamp }))
}

export class SensorView extends KeptView<Sensor> {
  readonly tripPoints = this.keep(new Subscriptions<Sensor>(this, watch))
  readonly updates = this.keep(new Subscriptions<Sensor>(this, watch))
  readonly pending: PendingCommands<z.infer<typeof laterReading>>
  /** Whether this agent wants all sensors enabled, as its version can't say which. */
  #enablesAll = false

  constructor(sensors: Sensors, protocol: AgentProtocol) {
    super(sensors.list, protocol)
    const anyAsync = this.resources.some(sensor => sensor.latencyUs !== undefined)
    this.pending = this.keep(
      new PendingCommands(this, {
        max: anyAsync ? (maxPending(protocol) ?? PENDING_DEFAULT) : 0,
        shape: laterReading,
        check: ({ id }) => void this.saved(id),
        finish: ({ id, header }) => this.#respond(this.list[id]!, id, header),
      }),
    )
    this.listen<SensorEvents>(sensors, {
      tripPoint: (sensor, trip, rising) => {
        const id = this.tripPoints.idFor(sensor)
        if (id === undefined) return
        const values = { agent_id: PLATFORM_AGENT, sensor_id: id, trip_point_desc: rising ? RISING | trip : trip }
        notify(protocol, TRIP_POINT_EVENT, values, sensor)
      },
      sample: sensor => {
        const id = this.updates.idFor(sensor)
        if (id === undefined) return
        notify(protocol, UPDATE, { agent_id: PLATFORM_AGENT, sensor_id: id, readings: readingsOf(sensor) }, sensor)
      },
    })
    this.versionChanged()
  }

  #respond(sensor: Sensor, id: number, header: number): void {
    const { protocol } = this
    // It may have been disabled in the meantime.
    if (!sensor.enabled) protocol.respondLater(header, [PROTOCOL_ERROR])
    else if (protocol.version >= V2) {
      respondLater(protocol, header, READING_DELAYED, { sensor_id: id, readings: readingsOf(sensor) })
    } else respondLater(protocol, header, READING_DELAYED_V1, { sensor_id: id, value: sensor.read(0) })
  }

  /** 1.0 has no command that enables a sensor: one that is disabled could never be read there. */
  versionChanged(): void {
    const enablesAll = this.protocol.version < V2
    if (enablesAll === this.#enablesAll) return
    this.#enablesAll = enablesAll
    for (const sensor of this.resources) {
      if (enablesAll) sensor.configure(true, false, undefined, this.agentId)
      else sensor.unconfigure(this.agentId)
    }
  }

  /** Whether the agent can be sent delayed responses and notifications. */
  get hasEvents(): boolean {
    return this.protocol.agent.events.available
  }

  override reset(): void {
    super.reset()
    for (const sensor of this.held) {
      sensor.release(this.agentId)
      if (this.#enablesAll) sensor.configure(true, false, undefined, this.agentId)
    }
    this.held.clear()
    // A new driver begins with the version that is announced.
    this.versionChanged()
  }

  override release(): void {
    super.release()
    if (this.#enablesAll) for (const sensor of this.resources) sensor.unconfigure(this.agentId)
  }
}
