/** The voltages section of a platform file. */
import { z } from 'zod'
import { LIMITS } from '../core/count-limits.js'
import { entryKeys } from '../core/entry.js'
import { roundingKeys } from '../core/grants.js'
import { numbered } from '../core/ids.js'
import { odditiesOf } from '../core/oddities.js'
import { tripletSchema } from '../core/triplet.js'
import { duration, voltage } from '../core/units.js'

/** Levels are signed 32-bit numbers of microvolts. */
const LEVEL_LIMIT = 2 ** 31

const level = voltage.refine(microvolts => microvolts >= -LEVEL_LIMIT && microvolts < LEVEL_LIMIT, {
  error: 'voltages must lie within -2147.483648 V and 2147.483647 V',
})

/** Implementation-defined modes (SCMI v3.2 §4.9.2.6). */
const IMPLEMENTATION_MIN = 8
const IMPLEMENTATION_MAX = 15

const implementationMode = z.int().min(IMPLEMENTATION_MIN).max(IMPLEMENTATION_MAX)

const permissionsSchema = z
  .strictObject({ mode: z.boolean().default(true), level: z.boolean().default(true) })
  .describe('What agents may change; the matching request is DENIED otherwise')

const asyncSchema = z.strictObject({
  latency: duration.default(1000).describe('Time that an asynchronous level change takes'),
})

const voltageSchema = z.strictObject({
  ...entryKeys(LIMITS.voltages),
  levels: z
    .array(level)
    .min(1)
    .max(LIMITS.voltageLevels)
    .optional()
    .describe('All levels the domain can have, ascending'),
  range: z
    .strictObject({ min: level, max: level, step: level })
    .optional()
    .describe('Range of levels, in steps; Linux ignores domains with negative levels'),
  ...roundingKeys(level),
  triplet: tripletSchema.optional(),
  oddities: odditiesOf('repeated_levels', 'unordered_levels', 'flat_range'),
  level: level.optional().describe('Level at start; default: the lowest'),
  modes: z.array(implementationMode).default([]).describe('Implementation-defined modes besides off and on, 8 to 15'),
  mode: z
    .union([z.enum(['off', 'on']), implementationMode])
    .default('off')
    .describe('Mode at start, until an agent sets one'),
  permissions: permissionsSchema.prefault({}),
  async: asyncSchema.optional().describe('The level can be set asynchronously'),
})

export const voltagesSchema = numbered(z.array(voltageSchema).min(1).max(LIMITS.voltages), LIMITS.voltages)
export type VoltageConfig = z.infer<typeof voltagesSchema>[number]
