/** What agents get who set a rate or a level: what they asked for, unless the platform file says otherwise. */
import { z } from 'zod'
import { ConfigError, type ConfigPath, show } from './config-error.js'

/** The keys of an entry; `quantity` is the schema of its values. */
export const grantKeys = (quantity: z.ZodType<number>) => ({
  grants: z
    .record(z.string(), quantity)
    .transform((given, context) => {
      const granted = new Map<number, number>()
      for (const [key, value] of Object.entries(given)) {
        const asked = quantity.safeParse(/^-?\d+$/.test(key) ? Number(key) : key)
        if (asked.success) granted.set(asked.data, value)
        else {
          const message = asked.error.issues[0]?.message ?? `${show(key)} is not a value`
          context.addIssue({ code: 'custom', message, path: [key], input: key })
        }
      }
      return granted
    })
    .optional()
    .describe('What becomes of values that agents set successfully: asked for, and granted'),
})

/** The keys of an entry that can also be granted multiples of something. */
export const roundingKeys = (quantity: z.ZodType<number>) => ({
  ...grantKeys(quantity),
  rounds: z
    .strictObject({
      to: quantity.describe('Multiples of this are granted'),
      direction: z.enum(['down', 'up', 'nearest']).default('nearest'),
    })
    .optional()
    .describe('To what values are rounded that agents set successfully'),
})

interface GrantConfig {
  grants?: ReadonlyMap<number, number> | undefined
  rounds?: { to: number; direction: 'down' | 'up' | 'nearest' } | undefined
}

const ROUND = { down: Math.floor, up: Math.ceil, nearest: Math.round }

export class Grants {
  readonly #granted: ReadonlyMap<number, number>
  readonly #rounds: GrantConfig['rounds']

  /** `isAllowed` says what agents can ask for. Throws ConfigError within `at`. */
  constructor({ grants = new Map(), rounds }: GrantConfig, isAllowed: (value: number) => boolean, at: ConfigPath) {
    if (rounds && rounds.to < 1) throw new ConfigError([...at, 'rounds', 'to'], `${rounds.to} is too small; at least 1`)
    const unknown = [...grants.keys()].find(asked => !isAllowed(asked))
    if (unknown !== undefined) {
      throw new ConfigError([...at, 'grants'], `${unknown} has no effect: it is not among the values that can be set`)
    }
    this.#granted = grants
    this.#rounds = rounds
  }

  /** What a request for `value` results in. */
  of(value: number): number {
    const granted = this.#granted.get(value)
    if (granted !== undefined) return granted
    return this.#rounded(value)
  }

  /** Whether a request for a value of the range can result in `value`, besides the values that can be set. */
  canGive(value: number, { min, max }: { min: number; max: number }): boolean {
    const isMultiple = this.#rounds !== undefined && value % this.#rounds.to === 0
    if (isMultiple && value >= this.#rounded(min) && value <= this.#rounded(max)) return true
    return [...this.#granted.values()].includes(value)
  }

  #rounded(value: number): number {
    return this.#rounds ? ROUND[this.#rounds.direction](value / this.#rounds.to) * this.#rounds.to : value
  }
}
