/** The system section of a platform file. */
import { z } from 'zod'
import { duration } from '../core/units.js'

const permissionsSchema = z
  .strictObject({ state: z.boolean().default(true) })
  .describe('What agents may change; the matching request is DENIED otherwise')

/** By the spec, states from 2^31 on are the vendor's. */
const vendorState = z
  .string()
  .regex(/^(0x[0-9a-f]{1,8}|\d{1,10})$/i)
  .refine(state => Number(state) >= 2 ** 31 && Number(state) < 2 ** 32, {
    error: "is not a vendor's state; write 0x80000000 to 0xffffffff",
  })

/** What a vendor state can amount to. */
const acts = z.enum(['shutdown', 'cold_reset', 'warm_reset', 'power_up', 'suspend'])

export const systemSchema = z.strictObject({
  warm_reset: z.boolean().default(false).describe('Warm reset is supported; shutdown and cold reset always are'),
  suspend: z.boolean().default(false).describe('Suspend is supported'),
  timeout: duration
    .default(0)
    .describe('Time for a graceful shutdown, in whole milliseconds, before it is forced; 0: no limit'),
  vendor_states: z
    .record(vendorState, acts)
    .default({})
    .describe('Vendor states by number, 0x80000000 to 0xffffffff, and the standard state that each amounts to'),
  permissions: permissionsSchema.prefault({}),
})

export type SystemConfig = z.infer<typeof systemSchema>
