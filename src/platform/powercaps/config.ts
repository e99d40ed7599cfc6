/** The powercaps section of a platform file. */
import { z } from 'zod'
import { show } from '../core/config-error.js'
import { LIMITS, U32_MAX } from '../core/count-limits.js'
import { entryKeys } from '../core/entry.js'
import { fastChannelsOf } from '../core/fast-channels.js'
import { numbered } from '../core/ids.js'
import { duration, power } from '../core/units.js'

/** A plain number is in the domain's unit; a text brings its own unit. */
const amount = z.union([z.int().min(0).max(U32_MAX), power.transform(microwatts => ({ microwatts }))], {
  error: ({ input }) => `${input} is not a power; write a whole number of the domain's unit or e.g. "2.5 W"`,
})

const interval = duration.refine(us => us > 0 && us <= U32_MAX, { error: 'must be longer than 0 and at most 71 min' })

const permissionsSchema = z
  .strictObject({ cap: z.boolean().default(true), pai: z.boolean().default(true) })
  .describe('What agents may change; the matching request is DENIED otherwise')

const asyncSchema = z.strictObject({
  latency: duration.default(1000).describe('Time that an asynchronous change of the cap takes'),
})

const capRange = z.strictObject({ min: amount, max: amount, step: amount }).optional()
const intervalRange = z.strictObject({ min: interval, max: interval, step: interval }).optional()

/** Counted by 4 bits of POWERCAP_DOMAIN_ATTRIBUTES, with the domain's own. */
const LIMITS_MAX = 14

const capName = z.string().regex(/^[ -~]{1,15}$/, {
  error: ({ input }) => `${show(input)} is not a name; write 1 to 15 printable ASCII characters`,
})

const limitSchema = z.strictObject({
  name: capName,
  cap_range: capRange.describe('Range of caps, in steps; default: the cap is fixed'),
  cap: amount.optional().describe('Cap at start; default: the highest'),
  enabled: z.boolean().default(true).describe('The cap is in force at start'),
  cai_range: intervalRange.describe('Range of cap averaging intervals, in steps; default: the interval is fixed'),
  cai: interval.optional().describe('Cap averaging interval at start; default: the shortest, or 100 ms'),
})

const powercapSchema = z.strictObject({
  ...entryKeys(LIMITS.powercaps),
  unit: z
    .enum(['abstract', 'microwatt', 'milliwatt'])
    .default('microwatt')
    .describe('Unit of plain numbers of power, here and in messages; Linux ignores abstract domains'),
  cap_range: capRange.describe('Range of caps, in steps; default: the cap is fixed'),
  cap: amount.optional().describe('Cap at start; default: the highest'),
  enabled: z
    .boolean()
    .default(true)
    .describe('The cap is in force at start; agents may disable it, from version 2.0 on'),
  pai_range: intervalRange.describe('Range of power averaging intervals, in steps; default: the interval is fixed'),
  pai: interval.optional().describe('Power averaging interval at start; default: the shortest, or 100 ms'),
  cap_name: capName.optional().describe('Name of the cap, among the others in limits (version 3.0); default: name'),
  limits: z
    .array(limitSchema)
    .max(LIMITS_MAX)
    .default([])
    .describe('Further caps at the same time, each with an averaging interval of its own (version 3.0)'),
  mai_range: intervalRange.describe(
    'Range of measurement averaging intervals, in steps (version 3.0); default: measurements are averaged as for the cap',
  ),
  mai: interval.optional().describe('Measurement averaging interval at start (version 3.0)'),
  fast_channels: fastChannelsOf(['cap', 'pai', 'cai'], ['cap', 'pai', 'cai', 'power']),
  sustainable_power: amount.default(0).describe('0: not specified'),
  accuracy: z.number().min(0).max(100).multipleOf(0.001).default(0).describe('Of measurements, in percent'),
  parent: z.string().optional().describe('Name of the domain that this one is part of'),
  power: amount.optional().describe('Power that the domain draws; without power and domains, power is not monitored'),
  domains: z
    .array(z.string())
    .optional()
    .describe("Names of the performance and power domains in it; its power is the sum of theirs and its children's"),
  permissions: permissionsSchema.prefault({}),
  async: asyncSchema.optional().describe('The cap can be set asynchronously'),
  notify: z.boolean().default(true).describe('Notifications of caps and, where monitored, of measurements are offered'),
})

export const powercapsSchema = numbered(z.array(powercapSchema).min(1).max(LIMITS.powercaps), LIMITS.powercaps)
export type PowercapConfig = z.infer<typeof powercapsSchema>[number]
/** Keys that versions before 3.0 of the protocol have no messages for. */
export const V3_KEYS = ['cap_name', 'mai_range', 'mai'] as const
/** What can have fast channels; `pai` is the MAI in version 3.0. */
export type ChannelOf = 'cap' | 'pai' | 'cai' | 'power'
export type Unit = PowercapConfig['unit']
export type Amount = z.infer<typeof amount>
