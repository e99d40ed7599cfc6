/** A range as CLOCK_DESCRIBE_RATES and VOLTAGE_DESCRIBE_LEVELS tell it: minimum, maximum, step. */
import { z } from 'zod'

const VALUES = 3

/** The counts of a reply with a triplet, and how many of its values there are: three each and none that remain, by the spec. */
export const tripletSchema = z
  .strictObject({
    returned: z.int().min(0).max(0xfff).default(VALUES).describe('Values returned, as the reply says'),
    remaining: z.int().min(0).max(0xffff).default(0).describe('Values that remain, as the reply says'),
    values: z.int().min(0).max(VALUES).default(VALUES).describe('Values that the reply has'),
  })
  .describe('Sizes of the reply that tells the range, for firmware that does not count three values')

export type Triplet = z.infer<typeof tripletSchema>

export const WHOLE_TRIPLET: Triplet = { returned: VALUES, remaining: 0, values: VALUES }
