/** The section of performance domains in a platform file. */
import { z } from 'zod'
import { LIMITS, U32_MAX } from '../core/count-limits.js'
import { entryKeys } from '../core/entry.js'
import { fastChannelsOf } from '../core/fast-channels.js'
import { grantKeys } from '../core/grants.js'
import { numbered } from '../core/ids.js'
import { odditiesOf } from '../core/oddities.js'
import { duration, frequency, voltage } from '../core/units.js'

/** Latencies and rate limits have this many bits on the wire (SCMI v3.2 §4.5.3.4 and §4.5.3.5). */
const LATENCY_MAX_US = 0xffff
const RATE_LIMIT_MAX_US = 0xf_ffff

const levelValue = z.int().min(1).max(U32_MAX)

const atMost = (maxUs: number): z.ZodType<number> =>
  duration.refine(us => us <= maxUs, { error: `the duration is too long; at most ${maxUs} us` })

const levelSchema = z.strictObject({
  level: levelValue.describe('Performance as an abstract number'),
  power: z.int().min(0).max(U32_MAX).describe('Cost in the power unit'),
  latency: atMost(LATENCY_MAX_US).default(50).describe('Worst-case time to reach this level'),
  frequency: frequency.optional().describe('Whole kHz; default: in proportion to the sustained level'),
  voltage: voltage.optional().describe("Voltage that the level sets in the domain's voltage domain"),
  index: z.int().min(0).max(U32_MAX).optional().describe('For level indexing; default: the position, from 0'),
})

const domainSchema = z.strictObject({
  ...entryKeys(LIMITS.perfDomains),
  levels: z.array(levelSchema).min(1).max(LIMITS.perfLevels).describe('All levels the domain can have, ascending'),
  power_unit: z
    .enum(['abstract', 'milliwatt', 'microwatt'])
    .default('milliwatt')
    .describe('Must be the same in all domains'),
  level_indexing: z.boolean().default(false).describe('Levels are requested by index (version 4.0 and up)'),
  sustained_level: z.int().min(0).max(U32_MAX).optional().describe('Level that can be sustained; default: the highest'),
  sustained_frequency: frequency.optional().describe('Frequency at that level; default: that of the level'),
  ...grantKeys(levelValue),
  oddities: odditiesOf('repeated_levels', 'unordered_levels', 'zero_power', 'zero_sustained', 'fractional_sustained'),
  clock: z.string().optional().describe("Name of the clock that runs at the level's frequency"),
  voltage: z.string().optional().describe("Name of the voltage domain that is set to the level's voltage"),
  power_domain: z
    .string()
    .optional()
    .describe('Name of the power domain that contains it; it draws power only while that is on'),
  rate_limit: atMost(RATE_LIMIT_MAX_US).default(0).describe('Rate limit: minimum time between two requests; 0: none'),
  set_limits: z
    .boolean()
    .default(true)
    .describe('Agents can set limits; if false, PERFORMANCE_LIMITS_SET returns NOT_SUPPORTED, as on some chips'),
  permissions: z
    .strictObject({ level: z.boolean().default(true), limits: z.boolean().default(true) })
    .prefault({})
    .describe('What agents may set; the matching request is DENIED otherwise'),
  notify: z
    .strictObject({ level: z.boolean().default(true), limits: z.boolean().default(true) })
    .prefault({})
    .describe('Notifications that are offered'),
  fast_channels: fastChannelsOf(['level', 'limits'], ['level', 'limits']),
  level: levelValue.optional().describe('Level at start; default: the sustained one, within the limits'),
  limits: z
    .strictObject({ min: levelValue.optional(), max: levelValue.optional() })
    .prefault({})
    .describe("The platform's own limits at start, as levels"),
})

export const domainsSchema = numbered(z.array(domainSchema).min(1).max(LIMITS.perfDomains), LIMITS.perfDomains)
export type DomainConfig = z.infer<typeof domainsSchema>[number]
export type PowerUnit = DomainConfig['power_unit']
