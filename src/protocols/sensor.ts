/** Sensor management protocol, 0x15 (SCMI v3.2 §4.7), versions 1.0, 2.0, 3.0 and 3.1. */
import { microsecondsOf } from '../platform/sensors/decimal.js'
import { sensors } from '../platform/sensors/index.js'
import type { Sensor } from '../platform/sensors/sensor.js'
import { sensorTypeName } from '../platform/sensors/types.js'
import { rest, s64, text, u8, u16, u32 } from '../wire/fields.js'
import type { MessageWriter, RequestReader } from '../wire/message.js'
import { BUSY, INVALID_PARAMETERS, NOT_SUPPORTED, PROTOCOL_ERROR, SUCCESS } from '../wire/status.js'
import { commandsOn, defineProtocol } from './declaration/define-protocol.js'
import { NAME_SIZE } from './declaration/names.js'
import { Parts } from './declaration/parts.js'
import { subscribing } from './declaration/subscriptions.js'
import { answerName } from './declaration/view.js'
import {
  AXES,
  AXIS_NAMES,
  exponentBits,
  SENSORS,
  SENSORS_V1,
  sensorAxisDescriptionGet,
  sensorAxisNameGet,
  sensorDescriptionGet,
} from './sensor-description.js'
import {
  READING_DELAYED,
  READING_DELAYED_V1,
  READINGS,
  SensorView,
  TRIP_POINT_EVENT,
  UPDATE,
  V1,
  V2,
  V3,
  V3_1,
} from './sensor-view.js'

/** SENSOR_READING_GET flags */
const ASYNC = 1 << 0

/** SENSOR_TRIP_POINT_CONFIG: all but mode (1:0) and id (11:4) is reserved. */
const TRIP_RESERVED = ~0xff3

/** SENSOR_LIST_UPDATE_INTERVALS */
export const SEGMENTED = 1 << 12
const SEGMENTED_WORDS = 3

/** sensor_config of SENSOR_CONFIG_GET and SET */
export const ENABLED = 1 << 0
const TIMESTAMPS = 1 << 1
const CONFIG_RESERVED = 0x1fc
/** By the value of bits 10:9; 3 is reserved. */
const ROUNDINGS = ['down', 'up', 'nearest'] as const

const SENSOR_ID = [u32('sensor_id')]
const NOTIFY = [u32('sensor_id'), u32('notify_enable')]
const AXIS_INDEX = [u32('sensor_id'), u32('axis_desc_index')]
const READING_GET = [u32('sensor_id'), u32('flags')]
/** None in the reply to an asynchronous request: it is in the delayed response. */
const VALUE = rest('readings', [s64('value')])
const INTERVALS = new Parts('flags', 'intervals', [u32('interval')])
const ATTRIBUTES = [
  ...[u16('num_sensors'), u8('max_pending_async'), u8('reserved')],
  ...[u32('sensor_reg_address_low'), u32('sensor_reg_address_high'), u32('sensor_reg_len')],
]

function protocolAttributes(view: SensorView, _request: RequestReader, reply: MessageWriter): number {
  reply.u16(view.count)
  reply.u8(view.hasEvents ? view.pending.max : 0)
  reply.u8(0)
  // Readings would be in memory that agent and platform share: over virtio there is none.
  reply.u64(0)
  reply.u32(0)
  return SUCCESS
}

function sensorTripPointConfig(view: SensorView, request: RequestReader): number {
  const sensor = view.find(request.u32())
  const control = request.u32()
  const value = request.s64()
  if (!sensor) return view.refusal
  if (control & TRIP_RESERVED) return INVALID_PARAMETERS
  const trip = control >>> 4
  if (trip >= sensor.tripPoints.length) return INVALID_PARAMETERS
  view.held.add(sensor)
  sensor.configureTripPoint(trip, control & 0x3, value, view.agentId)
  return SUCCESS
}

/** The checks of both layouts of SENSOR_READING_GET. SUCCESS: `sensor` may be read. Hot code. */
function checkReading(view: SensorView, sensor: Sensor, flags: number): number {
  if (flags & ~ASYNC) return INVALID_PARAMETERS
  if (flags & ASYNC && !view.pending.offersAsync(sensor)) return NOT_SUPPORTED
  if (!sensor.enabled) return PROTOCOL_ERROR
  return flags & ASYNC && view.pending.busy ? BUSY : SUCCESS
}

/** v1: the value alone. */
function sensorReadingGetV1(view: SensorView, request: RequestReader, reply: MessageWriter): number {
  const id = request.u32()
  const sensor = view.find(id)
  const flags = request.u32()
  if (!sensor) return view.refusal
  const status = checkReading(view, sensor, flags)
  if (status !== SUCCESS) return status
  if (flags & ASYNC) view.pending.start({ id, header: request.header }, sensor.latencyUs)
  else reply.s64(sensor.read(0))
  return SUCCESS
}

/**
 * v2 and up: a value and a timestamp for each axis. Hot code, here and in the clock protocol, compares with `===`, which is
 * one instruction; a test for truth of a value of any type takes a dozen.
 */
function sensorReadingGet(view: SensorView, request: RequestReader, reply: MessageWriter): number {
  const id = request.u32()
  const sensor = view.find(id)
  const flags = request.u32()
  if (sensor === undefined) return view.refusal
  // Nearly all messages are plain: the others are checked in detail.
  const isPlain = flags === 0 && sensor.enabled === true
  if (!isPlain) {
    const status = checkReading(view, sensor, flags)
    if (status !== SUCCESS) return status
    if (flags & ASYNC) {
      view.pending.start({ id, header: request.header }, sensor.latencyUs)
      return SUCCESS
    }
  }
  const timestamp = sensor.timestamp()
  for (let axis = 0; axis < sensor.axes.length; axis++) {
    reply.s64(sensor.read(axis))
    reply.u64(timestamp)
  }
  return SUCCESS
}

function sensorListUpdateIntervals(view: SensorView, request: RequestReader, reply: MessageWriter): number {
  const sensor = view.find(request.u32())
  const index = request.u32()
  if (!sensor) return view.refusal
  const { entries, segmented } = sensor.intervals
  const left = entries.length - index
  if (left <= 0 || (segmented && index > 0)) return INVALID_PARAMETERS
  // The three words of a segment belong together: if they do not fit, the writer overflows.
  const returned = segmented ? SEGMENTED_WORDS : INTERVALS.begin(reply, left)
  if (segmented) INTERVALS.beginWith(reply, returned, left, SEGMENTED)
  for (let i = index; i < index + returned; i++) {
    const { mantissa, exponent } = entries[i]!
    reply.u32((mantissa << 5) | exponentBits(exponent))
  }
  return SUCCESS
}

function sensorConfigGet(view: SensorView, request: RequestReader, reply: MessageWriter): number {
  const sensor = view.find(request.u32())
  if (!sensor) return view.refusal
  const { mantissa, exponent } = sensor.interval
  const flags = (sensor.timestampsEnabled ? TIMESTAMPS : 0) | (sensor.enabled ? ENABLED : 0)
  reply.u32((mantissa << 16) | (exponentBits(exponent) << 11) | flags)
  return SUCCESS
}

/** An interval of 0 leaves the interval unchanged; others are rounded to one that the sensor has. */
function sensorConfigSet(view: SensorView, request: RequestReader): number {
  const sensor = view.find(request.u32())
  const config = request.u32()
  if (!sensor) return view.refusal
  const rounding = ROUNDINGS[(config >>> 9) & 0x3]
  if (config & CONFIG_RESERVED || !rounding) return INVALID_PARAMETERS
  const timestamps = (config & TIMESTAMPS) !== 0
  if (timestamps && sensor.timestampExponent === undefined) return NOT_SUPPORTED
  const wantedUs = microsecondsOf({ mantissa: config >>> 16, exponent: (config << 16) >> 27 })
  const interval = wantedUs === 0 ? undefined : sensor.intervals.choose(wantedUs, rounding)
  if (wantedUs !== 0 && !interval) return INVALID_PARAMETERS
  view.held.add(sensor)
  sensor.configure((config & ENABLED) !== 0, timestamps, interval, view.agentId)
  return SUCCESS
}

const sensorTripPointNotify = subscribing(
  (view: SensorView) => view.tripPoints,
  sensor => sensor.tripPoints.length > 0,
)

const sensorContinuousUpdateNotify = subscribing(
  (view: SensorView) => view.updates,
  sensor => sensor.continuousUpdates,
)

const command = commandsOn<SensorView>()

export const sensor = defineProtocol({
  id: 0x15,
  name: 'sensor',
  versions: [V1, V2, V3, V3_1],
  negotiateSince: V3_1,
  resource: sensors,
  attach: (platform, protocol) => new SensorView(platform.model(sensors), protocol),
  show: (view, nowUs) => ({
    sensors: view.rows(({ name, type, axes, multiAxis, enabled }, id) => {
      const values = axes.map(axis => Number((axis.read(nowUs) * 10 ** axis.scale).toPrecision(12)))
      return {
        id,
        name,
        value: multiAxis ? values : values[0],
        unit: sensorTypeName(multiAxis ? (axes[0]?.type ?? type) : type),
        axes: multiAxis ? axes.map(axis => axis.name) : undefined,
        enabled,
      }
    }),
  }),
  commands: [
    command(0x1, 'PROTOCOL_ATTRIBUTES', [], ATTRIBUTES, protocolAttributes),
    command(0x3, 'SENSOR_DESCRIPTION_GET', [u32('desc_index')], SENSORS_V1.fields, sensorDescriptionGet),
    command(0x3, 'SENSOR_DESCRIPTION_GET', [u32('desc_index')], SENSORS.fields, sensorDescriptionGet, { since: V2 }),
    command(0x4, 'SENSOR_TRIP_POINT_NOTIFY', NOTIFY, [], sensorTripPointNotify, { needsEvents: true }),
    command(
      0x5,
      'SENSOR_TRIP_POINT_CONFIG',
      [...SENSOR_ID, u32('trip_point_ev_ctrl'), s64('trip_point_val')],
      [],
      sensorTripPointConfig,
    ),
    command(0x6, 'SENSOR_READING_GET', READING_GET, [VALUE], sensorReadingGetV1, { delayed: READING_DELAYED_V1 }),
    command(0x6, 'SENSOR_READING_GET', READING_GET, [READINGS], sensorReadingGet, {
      since: V2,
      delayed: READING_DELAYED,
    }),
    command(0x7, 'SENSOR_AXIS_DESCRIPTION_GET', AXIS_INDEX, AXES.fields, sensorAxisDescriptionGet, { since: V2 }),
    command(
      0x8,
      'SENSOR_LIST_UPDATE_INTERVALS',
      [...SENSOR_ID, u32('index')],
      INTERVALS.fields,
      sensorListUpdateIntervals,
      { since: V2 },
    ),
    command(0x9, 'SENSOR_CONFIG_GET', SENSOR_ID, [u32('sensor_config')], sensorConfigGet, { since: V2 }),
    command(0xa, 'SENSOR_CONFIG_SET', [...SENSOR_ID, u32('sensor_config')], [], sensorConfigSet, { since: V2 }),
    command(0xb, 'SENSOR_CONTINUOUS_UPDATE_NOTIFY', NOTIFY, [], sensorContinuousUpdateNotify, {
      since: V2,
      needsEvents: true,
    }),
    command(0xc, 'SENSOR_NAME_GET', SENSOR_ID, [u32('flags'), text('name', NAME_SIZE)], answerName, { since: V3 }),
    command(0xd, 'SENSOR_AXIS_NAME_GET', AXIS_INDEX, AXIS_NAMES.fields, sensorAxisNameGet, { since: V3 }),
  ],
  events: [TRIP_POINT_EVENT, UPDATE],
})
