/** The resets section of a platform file. */
import { z } from 'zod'
import { LIMITS } from '../core/count-limits.js'
import { entryKeys } from '../core/entry.js'
import { numbered } from '../core/ids.js'
import { duration } from '../core/units.js'

const stateSchema = z.strictObject({
  name: z.string().min(1),
  id: z.int().min(0).max(0x7fff_ffff).describe('Vendor-defined reset state id'),
})

const asyncSchema = z.strictObject({
  latency: duration.default(1000).describe('Time that an asynchronous reset takes'),
})

const resetSchema = z.strictObject({
  ...entryKeys(LIMITS.resets),
  asserted: z.boolean().default(false).describe('Held in reset at start'),
  explicit: z
    .boolean()
    .default(true)
    .describe('Agents may assert and deassert; if false, only autonomous resets are offered'),
  async: asyncSchema.optional().describe('Autonomous resets can be asynchronous'),
  states: z.array(stateSchema).min(1).optional().describe('Reset states besides the cold reset'),
  notify: z.boolean().default(true).describe('Reset notifications are offered'),
})

export const resetsSchema = numbered(z.array(resetSchema).min(1).max(LIMITS.resets), LIMITS.resets)
export type ResetConfig = z.infer<typeof resetsSchema>[number]
