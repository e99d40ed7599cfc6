/** The power_domains section of a platform file. */
import { z } from 'zod'
import { LIMITS } from '../core/count-limits.js'
import { entryKeys } from '../core/entry.js'
import { numbered } from '../core/ids.js'
import { duration, power } from '../core/units.js'

/** State ids have 28 bits on the wire (SCMI v3.2 §4.3.2.5). */
const STATE_ID_MAX = 0x0fff_ffff

const stateSchema = z.strictObject({
  name: z.string().min(1),
  id: z.int().min(1).max(STATE_ID_MAX).describe('Platform-defined state id; 0 is reserved for on and off'),
  context_lost: z.boolean().default(false).describe('The domain loses its registers and memory in this state'),
})

const asyncSchema = z.strictObject({
  latency: duration.default(1000).describe('Time that an asynchronous state change takes'),
})

const powerDomainSchema = z.strictObject({
  ...entryKeys(LIMITS.powerDomains),
  state: z.string().default('off').describe('State at start, until an agent changes it: on, off or one of states'),
  states: z.array(stateSchema).min(1).optional().describe('States between on and off, highest power first'),
  critical: z.boolean().default(false).describe('Always on; agents may not switch it off'),
  power: power.optional().describe('Power drawn while it is on, without its performance domains; default: 0'),
  parents: z
    .array(z.string())
    .min(1)
    .optional()
    .describe('Names of its parents, which are on whenever this one is not off'),
  sync: z.boolean().default(true).describe('The state can be changed synchronously'),
  async: asyncSchema.optional().describe('The state can be changed asynchronously'),
  notify: z.boolean().default(true).describe('State notifications are offered'),
})

export const powerDomainsSchema = numbered(
  z.array(powerDomainSchema).min(1).max(LIMITS.powerDomains),
  LIMITS.powerDomains,
)
export type PowerDomainConfig = z.infer<typeof powerDomainsSchema>[number]
