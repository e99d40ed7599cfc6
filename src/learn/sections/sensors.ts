/** The sensors that a board told of: they are described in one list, in the order of their ids. */
import type { Decimal } from '../../platform/sensors/decimal.js'
import { sensorTypeName } from '../../platform/sensors/types.js'
import { TRIPLET } from '../../protocols/declaration/parts.js'
import { ENABLED } from '../../protocols/sensor.js'
import * as SENSOR from '../../protocols/sensor-description.js'
import { V2, V3 } from '../../protocols/sensor-view.js'
import type { Values } from '../../wire/fields.js'
import { SUCCESS } from '../../wire/status.js'
import { Draft, Names, type Section } from '../draft.js'
import { medianUs, microseconds } from '../quantities.js'
import type { Told } from '../told.js'

const TYPE = 0xff
const TRIP_POINTS = 0xff
const SCALE_AT = 11
const V1_EXPONENT_AT = 22
const V1_MANTISSA_AT = 27
const AXES_AT = 16
const TIMESTAMP_AT = 10
const RESOLUTION_AT = 27
const MANTISSA_OF_RESOLUTION = 2 ** RESOLUTION_AT - 1
/** The interval of a sensor of which the file says nothing. */
const DEFAULT_US = 1_000_000
const CONFIG_MANTISSA_AT = 16

export function sensors(told: Told): Section {
  const names = new Names()
  const listed = told.list('SENSOR_DESCRIPTION_GET', undefined)
  const drafts: Draft[] = []
  const seen = new Set<number>()
  for (const entry of listed?.entries ?? []) {
    const id = Number(entry.sensor_id)
    // Gaps among the ids are told as sensors of no type and no name.
    const isGap = Number(entry.sensor_attributes_high) === 0 && entry.sensor_name === ''
    if (isGap || seen.has(id)) continue
    seen.add(id)
    drafts.push(sensor(told, new Draft(id), entry, names))
  }
  const notes = listed && !listed.complete ? ['not seen: the rest of the sensors'] : []
  return { key: 'sensors', drafts, notes }
}

/** Five bits in two's complement, from bit `at` on. */
const exponentAt = (word: number, at: number): number => ((word >>> at) << 27) >> 27

function sensor(told: Told, draft: Draft, entry: Values, names: Names): Draft {
  const { id } = draft
  const [low, high] = [Number(entry.sensor_attributes_low), Number(entry.sensor_attributes_high)]
  const whole = told.version >= V3 ? told.reply('SENSOR_NAME_GET', id)?.name : undefined
  names.give(draft, String(whole ?? entry.sensor_name ?? ''), 'sensor')
  const scale = exponentAt(high, SCALE_AT)
  draft.put('type', typeOf(high))
  if (scale !== 0) draft.put('scale', scale)
  const hasAxes = told.version >= V2 && (high & SENSOR.HAS_AXES) !== 0
  if (hasAxes) putAxes(told, draft, (high >>> AXES_AT) & 0x3f)
  else putValue(told, draft, scale)
  if (low & TRIP_POINTS && !hasAxes) draft.put('trip_points', low & TRIP_POINTS)
  if (low & SENSOR.ASYNC_READ) {
    const latency = medianUs(told.answers('SENSOR_READING_GET', id).flatMap(({ exchange }) => exchange.delayedNs ?? []))
    draft.put('async', { latency: microseconds(latency ?? 1000) })
    if (latency === undefined) draft.unseen.push('latency')
  }
  if (told.version < V2) {
    const interval = { mantissa: high >>> V1_MANTISSA_AT, exponent: exponentAt(high, V1_EXPONENT_AT) }
    putIntervals(draft, [interval])
    return draft
  }
  if (low & SENSOR.CONTINUOUS_UPDATES) draft.put('continuous_updates', true)
  if (low & SENSOR.TIMESTAMPS) draft.put('timestamps', { exponent: exponentAt(low, TIMESTAMP_AT) })
  putExtended(draft, entry, low, scale, hasAxes)
  putUpdates(told, draft)
  return draft
}

function typeOf(word: number): string | number {
  const name = sensorTypeName(word & TYPE)
  return name.startsWith('0x') ? word & TYPE : name
}

const scaled = (raw: number | bigint, scale: number): number => Number(`${raw}e${scale}`)

function putValue(told: Told, draft: Draft, scale: number): void {
  const readings = readingsOf(told, draft.id).flatMap(([first]) => first ?? [])
  const [first] = readings
  if (first === undefined) {
    draft.guess('value', 0)
    return
  }
  draft.put('value', scaled(first, scale))
  noteRange(
    draft,
    readings.map(raw => scaled(raw, scale)),
  )
}

function noteRange(draft: Draft, values: readonly number[]): void {
  const [min, max] = values.reduce(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [values[0]!, values[0]!],
  )
  if (min !== max) draft.note(`read ${values.length} times, ${min} to ${max}`)
}

/** Raw values by axis, of each successful reading. */
function readingsOf(told: Told, id: number): (number | bigint)[][] {
  return told.answers('SENSOR_READING_GET', id).flatMap(({ status, reply }) => {
    const values = ((reply.readings as Values[] | undefined) ?? []).flatMap(({ value }) =>
      value === undefined ? [] : [value as number | bigint],
    )
    return status === SUCCESS && values.length > 0 ? [values] : []
  })
}

function putAxes(told: Told, draft: Draft, count: number): void {
  const { id } = draft
  const listed = told.list('SENSOR_AXIS_DESCRIPTION_GET', id)
  const long = new Map(
    told.list('SENSOR_AXIS_NAME_GET', id)?.entries.map(({ axis_id, name }) => [Number(axis_id), name]),
  )
  const [first] = readingsOf(told, id)
  const axes = (listed?.entries ?? []).slice(0, count).map((entry, i) => {
    const [low, high] = [Number(entry.axis_attributes_low), Number(entry.axis_attributes_high)]
    const scale = exponentAt(high, SCALE_AT)
    const extended = low & SENSOR.EXTENDED_ATTRIBUTES ? { extended: rangeOf(entry, scale) } : {}
    const name = String(long.get(i) ?? entry.axis_name ?? '') || `axis_${i}`
    return { name, type: typeOf(high), scale, value: scaled(first?.[i] ?? 0, scale), ...extended }
  })
  if (axes.length > 0) draft.put('axes', axes)
  else draft.guess('axes', [{ name: 'axis_0', value: 0 }])
  if (!first) draft.unseen.push('value')
}

function putExtended(draft: Draft, entry: Values, low: number, scale: number, hasAxes: boolean): void {
  if (!(low & SENSOR.EXTENDED_ATTRIBUTES)) return
  const power = Number(entry.sensor_power ?? 0)
  draft.put('extended', { ...(hasAxes ? {} : rangeOf(entry, scale)), ...(power > 0 ? { power } : {}) })
}

function rangeOf(entry: Values, scale: number): { resolution: number; min: number; max: number } {
  const word = Number(entry.resolution ?? 0)
  return {
    resolution: scaled(word & MANTISSA_OF_RESOLUTION, exponentAt(word, RESOLUTION_AT)),
    min: scaled(BigInt(entry.min_range as bigint), scale),
    max: scaled(BigInt(entry.max_range as bigint), scale),
  }
}

function putUpdates(told: Told, draft: Draft): void {
  const { id } = draft
  const listed = told.list('SENSOR_LIST_UPDATE_INTERVALS', id)
  const intervals = listed?.entries.map(({ interval }) => {
    return { mantissa: Number(interval) >>> 5, exponent: exponentAt(Number(interval), 0) }
  })
  const isSegmented = (Number(listed?.first.reply.flags) & TRIPLET) !== 0
  const [min, max, step] = intervals?.map(microsecondsOf) ?? []
  if (isSegmented && min !== undefined && max !== undefined && step !== undefined)
    draft.put('update_intervals', { min: microseconds(min), max: microseconds(max), step: microseconds(step) })
  else if (intervals) putIntervals(draft, intervals)
  const config = told.number('SENSOR_CONFIG_GET', id, 'sensor_config')
  if (config === undefined) {
    draft.unseen.push('enabled')
    return
  }
  if (!(config & ENABLED)) draft.put('enabled', false)
  const us = microsecondsOf({ mantissa: config >>> CONFIG_MANTISSA_AT, exponent: exponentAt(config, SCALE_AT) })
  if (us > 0 && us !== (isSegmented ? min : intervals && microsecondsOf(intervals[0]!)))
    draft.put('update_interval', microseconds(us))
}

const microsecondsOf = ({ mantissa, exponent }: Decimal): number => Number(`${mantissa}e${exponent + 6}`)

function putIntervals(draft: Draft, intervals: readonly Decimal[]): void {
  const known = intervals.map(microsecondsOf).filter(us => us >= 1 && Number.isInteger(us))
  if (known.length > 1 || (known[0] ?? DEFAULT_US) !== DEFAULT_US)
    draft.put('update_intervals', known.map(microseconds))
}
