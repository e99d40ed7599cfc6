/** Why a machine booted or shut down, as i.MX System Managers record it, and the schemas that their sections share. */
import { z } from 'zod'
import { ConfigError } from '../../platform/core/config-error.js'
import type { Platform } from '../../platform/core/platform.js'
import { resourceName } from '../../platform/core/units.js'

/** Names have 15 characters: these protocols have no extended name commands. */
export const SHORT_NAME_MAX = 15

export const shortName = resourceName.max(SHORT_NAME_MAX)

export const word = z.int().min(0).max(0xffff_ffff)

/** Words of extended information: their number has two bits. */
const EXTENDED_MAX = 3

export const reasonSchema = z.strictObject({
  reason: z.int().min(0).max(0xff).describe('Number of the reason, device-specific'),
  origin: z.int().min(0).max(0xf).optional().describe('Id of the logical machine that caused it'),
  error: z.int().min(0).max(0x7fff).optional().describe('Id of an error'),
  extended: z.array(word).max(EXTENDED_MAX).default([]).describe('Words of information; only for shutdowns'),
})

/** One cause of a boot or shutdown. */
export type Reason = z.infer<typeof reasonSchema>

/** Why something booted last, and why it shut down before that; undefined: unknown. */
export interface Reasons {
  boot: Reason | undefined
  shutdown: Reason | undefined
}

/** i.MX95: software asked for it. */
const SOFTWARE_REQUEST = 16

/** The reason for a request of the logical machine with this id; undefined: of the platform. */
export function requestedBy(origin: number | undefined): Reason {
  return { reason: SOFTWARE_REQUEST, origin, extended: [] }
}

/** Linux binds its drivers to this vendor: other vendors have other protocols with the same ids. */
export function requireImx({ config }: Platform): void {
  if (config.vendor === 'NXP' && config.subVendor === 'IMX') return
  throw new ConfigError([], 'is for platforms with vendor: NXP and sub_vendor: IMX, as Linux has no drivers for others')
}
