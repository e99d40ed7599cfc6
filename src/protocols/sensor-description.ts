/** How sensors and their axes are described (SCMI v3.2 §4.7.2.5, §4.7.2.9): fields, attribute words, lists in parts. */
import type { Axis, Extended } from '../platform/sensors/axis.js'
import { type Decimal, fitDecimal } from '../platform/sensors/decimal.js'
import type { Sensor } from '../platform/sensors/sensor.js'
import { optional, s64, sizeOf, text, u32, type Values } from '../wire/fields.js'
import type { MessageWriter, RequestReader } from '../wire/message.js'
import { COMMS_ERROR, INVALID_PARAMETERS, NOT_SUPPORTED, SUCCESS } from '../wire/status.js'
import { extendedNameFlag, NAME_SIZE, SHORT_NAME_SIZE } from './declaration/names.js'
import { Parts } from './declaration/parts.js'
import type { AgentProtocol } from './declaration/protocol.js'
import { type SensorView, V2, V3 } from './sensor-view.js'

/** sensor_attributes_low */
export const ASYNC_READ = 2 ** 31
export const CONTINUOUS_UPDATES = 1 << 30
export const EXTENDED_NAME = 1 << 29
export const TIMESTAMPS = 1 << 9
export const EXTENDED_ATTRIBUTES = 1 << 8
/** sensor_attributes_high, v2 and up */
export const HAS_AXES = 1 << 8
/** axis_attributes_low */
export const AXIS_EXTENDED_NAME = 1 << 9
/** The mantissa of a v1 update interval has five bits. */
const V1_MANTISSA_MAX = 31

const hasExtended = (descriptor: Values, name: string) => (Number(descriptor[name]) & EXTENDED_ATTRIBUTES) !== 0
const hasAxes = (descriptor: Values) => (Number(descriptor.sensor_attributes_high) & HAS_AXES) !== 0
const POWER = [u32('sensor_power')]
const RANGE = [u32('resolution'), s64('min_range'), s64('max_range')]
const SENSOR_V1 = [u32('sensor_id'), u32('sensor_attributes_low'), u32('sensor_attributes_high'), text('sensor_name')]
const SENSOR_V2 = [
  ...SENSOR_V1,
  optional(POWER, v => hasExtended(v, 'sensor_attributes_low')),
  optional(RANGE, v => hasExtended(v, 'sensor_attributes_low') && !hasAxes(v)),
]
const AXIS = [
  u32('axis_id'),
  u32('axis_attributes_low'),
  u32('axis_attributes_high'),
  text('axis_name'),
  optional(RANGE, v => hasExtended(v, 'axis_attributes_low')),
]
const AXIS_NAME = [u32('axis_id'), text('name', NAME_SIZE)]

/** Replies of SENSOR_DESCRIPTION_GET, SENSOR_AXIS_DESCRIPTION_GET and SENSOR_AXIS_NAME_GET */
export const SENSORS_V1 = new Parts('num_sensor_flags', 'descriptors', SENSOR_V1)
export const SENSORS = new Parts('num_sensor_flags', 'descriptors', SENSOR_V2)
const AXIS_COUNT = { bits: 6, remainingAt: 26 }
export const AXES = new Parts('num_axis_flags', 'axes', AXIS, AXIS_COUNT)
export const AXIS_NAMES = new Parts('num_axis_flags', 'axes', AXIS_NAME, AXIS_COUNT)

/** Sizes in bytes */
const SENSOR_SIZE = sizeOf(SENSOR_V1).min
const POWER_SIZE = sizeOf(POWER).min
const RANGE_SIZE = sizeOf(RANGE).min
const AXIS_SIZE = sizeOf(AXIS).min
const AXIS_NAME_SIZE = sizeOf(AXIS_NAME).min

/** A power of ten as five bits, two's complement. */
export function exponentBits(exponent: number): number {
  return exponent & 0x1f
}

function attributesLow(view: SensorView, sensor: Sensor, version: number): number {
  let attributes = sensor.tripPoints.length
  if (view.pending.offersAsync(sensor)) attributes += ASYNC_READ
  if (version < V2) return attributes
  if (view.hasEvents && sensor.continuousUpdates) attributes += CONTINUOUS_UPDATES
  if (sensor.timestampExponent !== undefined) attributes += TIMESTAMPS + (exponentBits(sensor.timestampExponent) << 10)
  if (sensor.extended) attributes += EXTENDED_ATTRIBUTES
  if (version >= V3) attributes += extendedNameFlag(sensor.wireName, EXTENDED_NAME)
  return attributes
}

function attributesHigh(sensor: Sensor, version: number): number {
  const attributes = typeAndScale(sensor)
  if (version < V2) {
    const { mantissa, exponent } = fitDecimal(sensor.interval, V1_MANTISSA_MAX)
    return attributes + mantissa * 2 ** 27 + exponentBits(exponent) * 2 ** 22
  }
  return sensor.multiAxis ? attributes + HAS_AXES + (sensor.axes.length << 16) : attributes
}

function typeAndScale({ type, scale }: { type: number; scale: number }): number {
  return (exponentBits(scale) << 11) | type
}

function resolutionWord({ mantissa, exponent }: Decimal): number {
  return mantissa + exponentBits(exponent) * 2 ** 27
}

function writeExtended(reply: MessageWriter, extended: Extended): void {
  reply.u32(resolutionWord(extended.resolution))
  reply.s64(extended.min)
  reply.s64(extended.max)
}

/** A gap among the ids has the size of a sensor without extended attributes. */
function sensorSize(view: SensorView, sensor: Sensor | undefined, version: number): number {
  if (version < V2 || !sensor?.extended || view.idOf(sensor) === undefined) return SENSOR_SIZE
  return SENSOR_SIZE + POWER_SIZE + (sensor.multiAxis ? 0 : RANGE_SIZE)
}

function writeSensor(reply: MessageWriter, view: SensorView, id: number, version: number): void {
  const sensor = view.find(id)
  reply.u32(id)
  if (!sensor) {
    // Linux looks sensors up by their place in this list: an id that has none, or a denied one, is a gap of no type and name.
    reply.u32(0)
    reply.u32(0)
    reply.text('', SHORT_NAME_SIZE)
    return
  }
  reply.u32(attributesLow(view, sensor, version))
  reply.u32(attributesHigh(sensor, version))
  reply.text(sensor.wireName, SHORT_NAME_SIZE)
  if (version < V2 || !sensor.extended) return
  reply.u32(sensor.powerMicrowatts)
  const { extended } = sensor.axes[0]!
  if (!sensor.multiAxis && extended) writeExtended(reply, extended)
}

/** SENSOR_DESCRIPTION_GET: an entry may lack fields, so those that fit are counted by their sizes. */
export function sensorDescriptionGet(
  view: SensorView,
  request: RequestReader,
  reply: MessageWriter,
  { version }: AgentProtocol,
): number {
  const index = request.u32()
  if (index >= view.count) return INVALID_PARAMETERS
  const left = view.count - index
  const size = (sensor: Sensor | undefined): number => sensorSize(view, sensor, version)
  const returned = Math.min(SENSORS.fitting(reply, view.list, index, size), left)
  if (returned === 0) return COMMS_ERROR
  SENSORS.beginWith(reply, returned, left)
  for (let i = index; i < index + returned; i++) writeSensor(reply, view, i, version)
  return SUCCESS
}

/** The handler of a command that answers with a list of the sensor's axes. */
function listingAxes(
  sizeOf: (axis: Axis) => number,
  write: (reply: MessageWriter, axis: Axis, id: number, version: number) => void,
) {
  return (view: SensorView, request: RequestReader, reply: MessageWriter, { version }: AgentProtocol): number => {
    const sensor = view.find(request.u32())
    const index = request.u32()
    if (!sensor) return view.refusal
    if (!sensor.multiAxis) return NOT_SUPPORTED
    if (index >= sensor.axes.length) return INVALID_PARAMETERS
    const returned = AXES.fitting(reply, sensor.axes, index, sizeOf)
    if (returned === 0) return COMMS_ERROR
    AXES.beginWith(reply, returned, sensor.axes.length - index)
    for (let i = index; i < index + returned; i++) write(reply, sensor.axes[i]!, i, version)
    return SUCCESS
  }
}

export const sensorAxisDescriptionGet = listingAxes(
  axis => AXIS_SIZE + (axis.extended ? RANGE_SIZE : 0),
  (reply, axis, id, version) => {
    const nameFlag = version >= V3 ? extendedNameFlag(axis.name, AXIS_EXTENDED_NAME) : 0
    reply.u32(id)
    reply.u32((axis.extended ? EXTENDED_ATTRIBUTES : 0) | nameFlag)
    reply.u32(typeAndScale(axis))
    reply.text(axis.name, SHORT_NAME_SIZE)
    if (axis.extended) writeExtended(reply, axis.extended)
  },
)

export const sensorAxisNameGet = listingAxes(
  () => AXIS_NAME_SIZE,
  (reply, axis, id) => {
    reply.u32(id)
    reply.text(axis.name, NAME_SIZE)
  },
)
