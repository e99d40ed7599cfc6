/** The sensors section of a platform file. */
import { z } from 'zod'
import { LIMITS } from '../core/count-limits.js'
import { entryKeys } from '../core/entry.js'
import { numbered } from '../core/ids.js'
import { duration, resourceName } from '../core/units.js'
import { EXPONENT_MAX, EXPONENT_MIN } from './decimal.js'
import { sourceSchema } from './sources.js'
import { sensorType } from './types.js'
import { updateIntervalsSchema } from './update-intervals.js'

const scale = z
  .int()
  .min(EXPONENT_MIN)
  .max(EXPONENT_MAX)
  .describe('Exponent: an integer that agents read, times 10^scale, is the value in the unit')

const axisExtendedSchema = z.strictObject({
  resolution: z.number().min(0).describe("In the sensor's unit"),
  min: z.number().describe("Lowest value, in the sensor's unit"),
  max: z.number().describe("Highest value, in the sensor's unit"),
})

const extendedSchema = axisExtendedSchema
  .partial()
  .extend({ power: z.int().min(0).max(0xffff_ffff).default(0).describe('Microwatts, 0 if unknown') })

const axisSchema = z.strictObject({
  name: resourceName.describe('Linux uses only axes whose names end in _X, _Y and _Z'),
  type: sensorType.optional().describe("Default: the sensor's"),
  scale: scale.optional().describe("Default: the sensor's"),
  value: sourceSchema,
  extended: axisExtendedSchema.optional(),
})

export const throttleSchema = z
  .strictObject({
    above: z.number().describe("Throttling begins when the value exceeds this; in the sensor's unit"),
    hysteresis: z.number().min(0).default(0).describe('Throttling ends when the value is this far below `above`'),
    perf: z.string().describe('Name of the performance domain'),
    to: z.int().min(1).describe('The highest level allowed while throttled'),
    interval: duration
      .refine(us => us > 0, { error: 'must be longer than 0' })
      .default(100_000)
      .describe('How often the platform checks the value'),
  })
  .describe('Limits a performance domain while the value is too high')

export type ThrottleConfig = z.infer<typeof throttleSchema>

const sensorSchema = z.strictObject({
  ...entryKeys(LIMITS.sensors),
  type: sensorType.describe('Sensor type, which is its unit, by name or number'),
  scale: scale.default(0),
  value: sourceSchema.optional().describe("In the sensor's unit"),
  axes: z.array(axisSchema).min(1).max(LIMITS.axes).optional().describe('Instead of value'),
  enabled: z
    .boolean()
    .default(true)
    .describe("Enabled at start; a disabled sensor can't be read. In version 1.0 all are enabled"),
  throttle: z.array(throttleSchema).min(1).optional().describe('What the platform does when the value is too high'),
  trip_points: z.int().min(0).max(LIMITS.tripPoints).default(0).describe('Number of trip points'),
  continuous_updates: z.boolean().default(false).describe('SENSOR_UPDATE notifications are offered'),
  update_intervals: updateIntervalsSchema.prefault(['1 s']),
  update_interval: duration.optional().describe('At start; default: the first of update_intervals, or its min'),
  timestamps: z
    .strictObject({ exponent: z.int().min(-9).max(0) })
    .optional()
    .describe('Readings can carry a timestamp, in units of 10^exponent s'),
  async: z.strictObject({ latency: duration }).optional().describe('Sensors can be read asynchronously'),
  extended: extendedSchema.optional(),
})

export const sensorsSchema = numbered(z.array(sensorSchema).min(1).max(LIMITS.sensors), LIMITS.sensors)
export type SensorConfig = z.infer<typeof sensorsSchema>[number]
export type AxisConfig = z.infer<typeof axisSchema>
export type AxisExtendedConfig = z.infer<typeof axisExtendedSchema>
