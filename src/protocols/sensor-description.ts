/** How sensors and their axes are described (SCMI v3.2 §4.7.2.5, §4.7.2.9): sizes, attribute words, lists in parts. */
import { type Decimal, fitDecimal } from '../platform/sensors/decimal.js'
import type { Axis, Extended, Sensor } from '../platform/sensors/sensor.js'
import { type Fields, list, optional, s64, text, u32, type Values } from '../wire/fields.js'
import type { MessageWriter, RequestReader } from '../wire/message.js'
import { COMMS_ERROR, INVALID_PARAMETERS, NOT_SUPPORTED, SUCCESS } from '../wire/status.js'
import { extendedNameFlag, NAME_SIZE, SHORT_NAME_SIZE } from './declaration/names.js'
import type { AgentProtocol } from './declaration/protocol.js'
import { type SensorState, V2, V3 } from './sensor-state.js'

/** Descriptor of a sensor: sizes without extended attributes, with them and axes, with them and without axes. */
const SENSOR_SIZE = 28
const SENSOR_SIZE_AXES = 32
const SENSOR_SIZE_SCALAR = 52
const AXIS_SIZE = 28
const AXIS_SIZE_EXTENDED = 48
const AXIS_NAME_SIZE = 68
const FLAGS_SIZE = 4

/** sensor_attributes_low */
const ASYNC_READ = 2 ** 31
const CONTINUOUS_UPDATES = 1 << 30
const EXTENDED_NAME = 1 << 29
const TIMESTAMPS = 1 << 9
const EXTENDED_ATTRIBUTES = 1 << 8
/** sensor_attributes_high, v2 and up */
const HAS_AXES = 1 << 8
/** axis_attributes_low */
const AXIS_EXTENDED_NAME = 1 << 9
/** The mantissa of a v1 update interval has five bits. */
const V1_MANTISSA_MAX = 31

/** A power of ten as five bits, two's complement. */
export function exponentBits(exponent: number): number {
  return exponent & 0x1f
}

function attributesLow(state: SensorState, sensor: Sensor, version: number): number {
  let attributes = sensor.tripPoints.length
  if (state.canReadLater(sensor)) attributes += ASYNC_READ
  if (version < V2) return attributes
  if (state.hasEvents && sensor.continuousUpdates) attributes += CONTINUOUS_UPDATES
  if (sensor.timestampExponent !== undefined) attributes += TIMESTAMPS + (exponentBits(sensor.timestampExponent) << 10)
  if (sensor.extended) attributes += EXTENDED_ATTRIBUTES
  if (version >= V3) attributes += extendedNameFlag(sensor.name, EXTENDED_NAME)
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

function sensorSize(state: SensorState, sensor: Sensor, version: number): number {
  if (version < V2 || !sensor.extended || state.idOf(sensor) === undefined) return SENSOR_SIZE
  return sensor.multiAxis ? SENSOR_SIZE_AXES : SENSOR_SIZE_SCALAR
}

function writeSensor(reply: MessageWriter, state: SensorState, id: number, version: number): void {
  const sensor = state.find(id)
  reply.u32(id)
  if (!sensor) {
    // Linux looks sensors up by their place in this list, so that a denied one leaves a gap: of no type, without a name.
    reply.u32(0)
    reply.u32(0)
    reply.text('', SHORT_NAME_SIZE)
    return
  }
  reply.u32(attributesLow(state, sensor, version))
  reply.u32(attributesHigh(sensor, version))
  reply.text(sensor.name, SHORT_NAME_SIZE)
  if (version < V2 || !sensor.extended) return
  reply.u32(sensor.powerMicrowatts)
  const { extended } = sensor.axes[0]!
  if (!sensor.multiAxis && extended) writeExtended(reply, extended)
}

/** How many of `entries`, from `index` on, fit into the reply after the word that counts them. */
function fitting<T>(reply: MessageWriter, entries: readonly T[], index: number, sizeOf: (entry: T) => number): number {
  let room = reply.room(1, FLAGS_SIZE)
  let count = 0
  for (let i = index; i < entries.length && (room -= sizeOf(entries[i]!)) >= 0; i++) count++
  return count
}

/** SENSOR_DESCRIPTION_GET */
export function describeSensors(
  state: SensorState,
  request: RequestReader,
  reply: MessageWriter,
  { version }: AgentProtocol,
): number {
  const index = request.u32()
  if (index >= state.count) return INVALID_PARAMETERS
  const sizeOf = (sensor: Sensor): number => sensorSize(state, sensor, version)
  const returned = Math.min(fitting(reply, state.list, index, sizeOf), state.count - index)
  if (returned === 0) return COMMS_ERROR
  reply.u32(((state.count - index - returned) << 16) | returned)
  for (let i = index; i < index + returned; i++) writeSensor(reply, state, i, version)
  return SUCCESS
}

/** A command that answers with a list of the sensor's axes: 6 bits of count, 6 bits of what remains. */
function listAxes(
  sizeOf: (axis: Axis) => number,
  write: (reply: MessageWriter, axis: Axis, id: number, version: number) => void,
) {
  return (state: SensorState, request: RequestReader, reply: MessageWriter, { version }: AgentProtocol): number => {
    const sensor = state.find(request.u32())
    const index = request.u32()
    if (!sensor) return state.refusal
    if (!sensor.multiAxis) return NOT_SUPPORTED
    if (index >= sensor.axes.length) return INVALID_PARAMETERS
    const returned = fitting(reply, sensor.axes, index, sizeOf)
    if (returned === 0) return COMMS_ERROR
    reply.u32(((sensor.axes.length - index - returned) << 26) | returned)
    for (let i = index; i < index + returned; i++) write(reply, sensor.axes[i]!, i, version)
    return SUCCESS
  }
}

/** SENSOR_AXIS_DESCRIPTION_GET */
export const describeAxes = listAxes(
  axis => (axis.extended ? AXIS_SIZE_EXTENDED : AXIS_SIZE),
  (reply, axis, id, version) => {
    reply.u32(id)
    reply.u32(
      (axis.extended ? EXTENDED_ATTRIBUTES : 0) | (version >= V3 ? extendedNameFlag(axis.name, AXIS_EXTENDED_NAME) : 0),
    )
    reply.u32(typeAndScale(axis))
    reply.text(axis.name, SHORT_NAME_SIZE)
    if (axis.extended) writeExtended(reply, axis.extended)
  },
)

/** SENSOR_AXIS_NAME_GET */
export const nameAxes = listAxes(
  () => AXIS_NAME_SIZE,
  (reply, axis, id) => {
    reply.u32(id)
    reply.text(axis.name, NAME_SIZE)
  },
)

const hasExtended = (descriptor: Values, name: string) => (Number(descriptor[name]) & EXTENDED_ATTRIBUTES) !== 0
const hasAxes = (descriptor: Values) => (Number(descriptor.sensor_attributes_high) & HAS_AXES) !== 0
const RANGE = [u32('resolution'), s64('min_range'), s64('max_range')]
const SENSOR_V1 = [u32('sensor_id'), u32('sensor_attributes_low'), u32('sensor_attributes_high'), text('sensor_name')]
const SENSOR_V2 = [
  ...SENSOR_V1,
  optional([u32('sensor_power')], v => hasExtended(v, 'sensor_attributes_low')),
  optional(RANGE, v => hasExtended(v, 'sensor_attributes_low') && !hasAxes(v)),
]
const AXIS = [
  u32('axis_id'),
  u32('axis_attributes_low'),
  u32('axis_attributes_high'),
  text('axis_name'),
  optional(RANGE, v => hasExtended(v, 'axis_attributes_low')),
]

const sensorList = (entry: Fields) => [
  u32('num_sensor_flags'),
  list('descriptors', entry, v => Number(v.num_sensor_flags) & 0xfff),
]
const axisList = (entry: Fields) => [u32('num_axis_flags'), list('axes', entry, v => Number(v.num_axis_flags) & 0x3f)]

/** Reply fields of the commands above. */
export const SENSORS_V1 = sensorList(SENSOR_V1)
export const SENSORS = sensorList(SENSOR_V2)
export const AXES = axisList(AXIS)
export const AXIS_NAMES = axisList([u32('axis_id'), text('name', NAME_SIZE)])

/** Bytes of these replies that must fit, or the agent could never go on: one entry at least. */
export const SENSORS_MIN = FLAGS_SIZE + SENSOR_SIZE
export const AXES_MIN = FLAGS_SIZE + AXIS_SIZE
export const AXIS_NAMES_MIN = FLAGS_SIZE + AXIS_NAME_SIZE
