/** The key `shared_memory` of a platform file: a region of guest memory for fast channels and telemetry. */
import { z } from 'zod'
import { ConfigError, type ConfigPath, show } from './config-error.js'
import type { Platform } from './platform.js'
import { duration } from './units.js'

/** The addon's timer counts milliseconds. */
const MS = 1000
const POLL_MAX_US = 1000 * MS
/** The region is whole pages, and so is what Linux maps of it for programs. */
export const PAGE = 4096
const SIZE_MAX = 64 << 20
const DEFAULT_SIZE = 1 << 20

const pages = (what: string, max: number) =>
  z
    .number({ error: ({ input }) => `${show(input)} is not ${what}; write a multiple of 0x1000` })
    .refine(value => Number.isSafeInteger(value) && value % PAGE === 0 && value >= 0 && value <= max, {
      error: ({ input }) => `${show(input)} is not ${what}; write a multiple of 0x1000, at most 0x${max.toString(16)}`,
    })

/** 2^52: an arm64 processor has no larger physical addresses. */
const ADDRESS_MAX = 2 ** 52 - PAGE

export const sharedMemorySchema = z
  .strictObject({
    address: pages('an address', ADDRESS_MAX)
      .optional()
      .describe(
        'Guest-physical address of the region; default: --shared-memory, or where scmi-lab reserves it. Without any, agents go by message',
      ),
    size: pages('a size', SIZE_MAX)
      .refine(size => size > 0, { error: 'must be at least 0x1000' })
      .default(DEFAULT_SIZE)
      .describe('Bytes'),
    poll: duration
      .refine(us => us >= MS && us <= POLL_MAX_US && us % MS === 0, {
        error: 'must be a whole number of milliseconds, from 1 ms to 1 s',
      })
      .default(MS)
      .describe('How often the platform looks at doorbells'),
  })
  .transform(({ address, size, poll }) => ({ address, size, pollUs: poll }))
  .describe(
    'Guest memory that the platform shares, for fast channels: each guest must have it, and must reserve it in its device tree (reserved-memory, no-map)',
  )

/** Throws ConfigError at `path`, which is that of a key that needs shared memory, unless the platform has some. */
export function needsSharedMemory({ config }: Platform, path: ConfigPath): void {
  if (!config.sharedMemory) throw new ConfigError(path, 'needs shared_memory: write e.g. shared_memory: {}')
}
