/** The telemetry section of a platform file. */
import { z } from 'zod'
import { LIMITS, U32_MAX } from '../core/count-limits.js'
import { entryKeys } from '../core/entry.js'
import { numbered } from '../core/ids.js'
import { duration, frequency, resourceName } from '../core/units.js'
import { sourceKeys, valueSchema } from '../sensors/sources.js'
import { sensorType } from '../sensors/types.js'
import { updateIntervalsSchema } from '../sensors/update-intervals.js'
import { component, eventType } from './words.js'

/** name[16] of TELEMETRY_DE_DESCRIPTION; there is no command for longer ones. */
const NAME_MAX = 15
/** The unit exponent has eight bits; beyond this no value would have a digit left. */
const SCALE_MAX = 18

const residencySchema = z
  .strictObject({
    domain: z.string().describe('Name of a power domain, or of a performance domain'),
    state: z.string().optional().describe('State of a power domain: on, off, or one of its own'),
    level: z.int().min(0).optional().describe('Instead of state: level of a performance domain'),
  })
  .describe('Seconds that a domain spent in a state or at a level')

const eventValueSchema = valueSchema({
  ...sourceKeys,
  sensor: z.string().optional().describe('Name of a sensor without axes: its value, in its unit'),
  energy_of: z
    .string()
    .optional()
    .describe('Name of a performance, power or powercap domain; joules since the platform started'),
  residency_of: residencySchema.optional(),
  messages: z
    .enum(['answered', 'refused'])
    .optional()
    .describe('Messages of the agent that its protocols have answered, or only those refused'),
})
export type EventValueConfig = z.infer<typeof eventValueSchema>

const eventSchema = z.strictObject({
  ...entryKeys(LIMITS.dataEvents, NAME_MAX),
  id: z
    .int()
    .min(0)
    .max(U32_MAX)
    .optional()
    .describe('Id of the data event, any number; default: one more than that of the event before, from 0'),
  value: eventValueSchema.describe('What it measures, as for sensors, and more'),
  unit: sensorType.optional().describe('By name or number, as the type of a sensor; default: that of the value'),
  scale: z
    .int()
    .min(-SCALE_MAX)
    .max(SCALE_MAX)
    .optional()
    .describe(
      'Exponent: an integer that agents read, times 10^scale, is the value in the unit; default: of the sensor, or 0',
    ),
  type: eventType.optional().describe('By name or number; default: that of the value'),
  component: component.default(0).describe('What it belongs to, by name or number'),
  component_instance: z.int().min(0).max(0xffff).default(0).describe('Which of several components'),
  instance: z.int().min(0).max(0xff).default(0).describe('Which of several such events of the component'),
  group: z.string().optional().describe('Name of its group; default: none'),
  timestamp: z
    .enum(['none', 'line', 'block'])
    .default('none')
    .describe('Of its own, or one for all events of its memory area that have this'),
  persistent: z
    .boolean()
    .default(false)
    .describe('Accumulated values go on when a new driver starts, instead of starting at 0'),
  via: z
    .enum(['shmti', 'fast_channel', 'message'])
    .optional()
    .describe(
      'How agents read it: in a memory area with others, which is the default, in memory of its own, or in messages. Without shared_memory: in messages',
    ),
  enabled: z
    .union([z.boolean(), z.literal('timestamp')])
    .default(false)
    .describe('Whether the boot firmware has enabled it, and whether with its timestamp'),
})

const intervalKeys = {
  update_intervals: updateIntervalsSchema,
  update_interval: duration.optional().describe('At start; default: the first of update_intervals, or its min'),
}

const groupSchema = z.strictObject({
  name: resourceName,
  update_intervals: intervalKeys.update_intervals.optional().describe('Its own; default: those of all'),
  update_interval: intervalKeys.update_interval,
})

const noRevision = '00000000-0000-0000-0000-000000000000'

export const telemetrySchema = z.strictObject({
  revision: z
    .string()
    .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, {
      error: ({ input }) => `${JSON.stringify(input)} is not a UUID; write e.g. 12345678-9abc-def0-1122-334455667788`,
    })
    .default(noRevision)
    .describe('UUID that says what the ids of the events mean'),
  update_intervals: intervalKeys.update_intervals.prefault(['100 ms', '1 s']),
  update_interval: intervalKeys.update_interval,
  timestamp_rate: frequency
    .refine(hz => hz >= 1000 && hz % 1000 === 0 && hz / 1000 <= U32_MAX, {
      error: 'must be a whole number of kHz, at least 1',
    })
    .default(1e9)
    .describe('Ticks of timestamps in a second'),
  single_read: z
    .union([z.boolean(), z.strictObject({ latency: duration })])
    .default(true)
    .describe('Agents can ask for one update, and are told when it is done, after the latency'),
  notifications: z.boolean().default(true).describe('Agents can ask for a notification of every update'),
  enabled: z.boolean().default(false).describe('Whether the boot firmware has started the updates'),
  enable_without_events: z
    .boolean()
    .default(false)
    .describe('Agents may start the updates while no event is enabled, which the specification forbids'),
  max_enabled: z
    .int()
    .min(1)
    .max(LIMITS.dataEvents)
    .optional()
    .describe('The most events that an agent may have enabled at a time; default: all'),
  groups: z.array(groupSchema).max(LIMITS.dataEventGroups).default([]),
  events: numbered(z.array(eventSchema).min(1).max(LIMITS.dataEvents), U32_MAX + 1),
})

export type TelemetryConfig = z.infer<typeof telemetrySchema>
export type GroupConfig = TelemetryConfig['groups'][number]
export type EventConfig = TelemetryConfig['events'][number]
