/** The clocks section of a platform file. */
import { z } from 'zod'
import { LIMITS, U32_MAX } from '../core/count-limits.js'
import { entryKeys } from '../core/entry.js'
import { roundingKeys } from '../core/grants.js'
import { numbered } from '../core/ids.js'
import { odditiesOf } from '../core/oddities.js'
import { tripletSchema } from '../core/triplet.js'
import { duration, frequency } from '../core/units.js'

const permissionsSchema = z
  .strictObject({
    state: z.boolean().default(true),
    parent: z.boolean().default(true),
    rate: z.boolean().default(true),
  })
  .describe('What agents may change; the matching request is DENIED otherwise')

/** CLOCK_ATTRIBUTES has 32 bits for the delay. */
const enableDelay = duration.refine(us => us <= U32_MAX, { error: `the duration is too long; at most ${U32_MAX} us` })

const divisor = z.int().min(1).max(0xffff)

const clockSchema = z.strictObject({
  ...entryKeys(LIMITS.clocks),
  rates: z
    .array(frequency)
    .min(1)
    .max(LIMITS.clockRates)
    .optional()
    .describe('All rates the clock can have, ascending'),
  range: z
    .strictObject({ min: frequency, max: frequency, step: frequency })
    .optional()
    .describe('Range of rates, in steps'),
  ...roundingKeys(frequency),
  triplet: tripletSchema.optional(),
  oddities: odditiesOf('repeated_rates', 'unordered_rates', 'flat_range', 'lone_triplet'),
  divider: z
    .union([divisor, z.array(divisor).min(1).max(LIMITS.clockRates)])
    .optional()
    .describe("Instead of rates: divides the parent's rate; of several dividers, agents choose one by its rate"),
  rate: frequency.optional().describe('Rate at start; default: the lowest'),
  enabled: z
    .boolean()
    .default(false)
    .describe('Enabled at start, until an agent disables it; a running clock keeps its parent running'),
  critical: z.boolean().default(false).describe('Always running; agents may not disable it'),
  permissions: permissionsSchema.prefault({}),
  parents: z
    .array(z.string())
    .min(1)
    .max(LIMITS.clockParents)
    .optional()
    .describe('Names of the clocks that can be its parent'),
  parent: z.string().optional().describe('Parent at start; default: the first'),
  enable_delay: enableDelay.default(0).describe('Time from enabling to a stable clock'),
  duty_cycle: z.number().int().min(1).max(99).optional().describe('Percent; can be set if given here'),
  phase: z.number().int().min(0).max(0xffff_ffff).optional().describe('Can be set if given here'),
  oem: z
    .record(
      z.string().regex(/^(0x[89a-f][0-9a-f]|12[89]|1[3-9]\d|2[0-4]\d|25[0-5])$/i),
      z.number().int().min(0).max(0xffff_ffff),
    )
    .optional()
    .describe('Vendor configuration by type, 0x80 to 0xff'),
  latency: duration.default(1000).describe('Time that an asynchronous rate change takes'),
  notify: z.boolean().default(true).describe('Rate notifications are offered'),
})

export const clocksSchema = numbered(z.array(clockSchema).min(1).max(LIMITS.clocks), LIMITS.clocks)
export type ClockConfig = z.infer<typeof clocksSchema>[number]
