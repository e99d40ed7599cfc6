/** The key `fast_channels` of resources: for which messages agents have words in shared memory instead. */
import { z } from 'zod'
import type { ConfigPath } from './config-error.js'
import type { Platform } from './platform.js'
import { type Property, textProperty } from './property.js'
import { needsSharedMemory } from './shared-memory.js'
import { duration } from './units.js'

/** The rate limit has this many bits on the wire. */
const RATE_LIMIT_MAX_US = 0xf_ffff
export const DOORBELLS = [8, 16, 32, 64] as const

/** What has channels, and of which kind. */
export interface FastChannelConfig<What extends string = string> {
  set: ReadonlySet<What>
  get: ReadonlySet<What>
  /** Width of the doorbell in bits; 0: none. */
  doorbell: number
  rateLimitUs: number
  /** PROTOCOL_MESSAGE_ATTRIBUTES tells of the channels. */
  announced: boolean
}

/** For people: `set level, limits; get level, limits`. */
export function channelsText(config: FastChannelConfig | undefined): string | undefined {
  if (!config) return undefined
  const listOf = (name: string, what: ReadonlySet<string>) => (what.size > 0 ? [`${name} ${[...what].join(', ')}`] : [])
  return [...listOf('set', config.set), ...listOf('get', config.get)].join('; ')
}

/** The property that shows them, if there are any. */
export function channelProperties(config: FastChannelConfig | undefined): Property[] {
  const text = channelsText(config)
  if (text === undefined) return []
  return [textProperty('fast_channels', 'What agents write and read in shared memory', { read: () => text })]
}

/** `set` and `get` are what can have channels. */
export function fastChannelsOf<const Set extends string, const Get extends string>(
  set: readonly Set[],
  get: readonly Get[],
) {
  const chosen = <What extends string>(of: readonly What[]) => z.array(z.enum(of as [What, ...What[]])).default([...of])
  const parts = z.strictObject({
    set: chosen(set).describe('What agents set by channel; default: all that they may set'),
    get: chosen(get).describe('What agents read by channel; default: all'),
    doorbell: z
      .union([z.literal(false), z.literal(DOORBELLS)])
      .default(8)
      .describe('Bits of the doorbell that an agent rings after a write; false: it has none'),
    rate_limit: duration
      .refine(us => us <= RATE_LIMIT_MAX_US, { error: `is too long; at most ${RATE_LIMIT_MAX_US} us` })
      .default(0)
      .describe('Time between two writes that agents are told; at least `poll` of shared_memory'),
    announced: z
      .boolean()
      .default(true)
      .describe('PROTOCOL_MESSAGE_ATTRIBUTES tells of the channels; false: only the resource does, as on an X1E'),
  })
  return z
    .union([z.boolean(), parts])
    .optional()
    .transform((given): FastChannelConfig<Set | Get> | undefined => {
      if (given === undefined || given === false) return undefined
      const { doorbell, rate_limit, announced, ...what } = given === true ? parts.parse({}) : given
      const bits = doorbell === false ? 0 : doorbell
      return { set: new Set(what.set), get: new Set(what.get), doorbell: bits, rateLimitUs: rate_limit, announced }
    })
    .describe('Fast channels in shared_memory: agents read and write words there instead of sending messages')
}

/** Throws ConfigError unless there is memory for the channels of all entries. */
export function checkFastChannels(
  entries: readonly { fast_channels?: unknown }[],
  platform: Platform,
  at: (i: number) => ConfigPath = i => [i, 'fast_channels'],
): void {
  for (const [i, entry] of entries.entries()) if (entry.fast_channels) needsSharedMemory(platform, at(i))
}
