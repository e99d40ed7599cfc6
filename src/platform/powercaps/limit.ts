/** One limit on the power of a powercap domain: a cap, and the interval over which power is averaged for it. Knows no bytes. */
import { ConfigError, type ConfigPath } from '../core/config-error.js'

/** As a cap: power is not limited. */
export const UNCAPPED = 0
export const DEFAULT_INTERVAL_US = 100_000

/** Values from min to max in steps; a single value has min equal to max, and step 0. */
export interface Range {
  min: number
  max: number
  step: number
}

export function includes({ min, max, step }: Range, value: number): boolean {
  return value >= min && value <= max && (step === 0 || (value - min) % step === 0)
}

/** The range in `config`, or one of `fixed` alone. Linux refuses all domains if one has a bound or a step of 0. */
export function rangeOf(config: Range | undefined, fixed: number, at: ConfigPath, fixedAt: ConfigPath): Range {
  if (!config) {
    if (fixed < 1) throw new ConfigError(fixedAt, 'must be above 0')
    return { min: fixed, max: fixed, step: 0 }
  }
  const { min, max, step } = config
  if (min < 1) throw new ConfigError([...at, 'min'], 'must be above 0')
  if (max < min) throw new ConfigError([...at, 'max'], `max is below min; write at least ${min}`)
  if (step < 1) throw new ConfigError([...at, 'step'], 'must be above 0')
  const last = min + Math.floor((max - min) / step) * step
  return { min, max: last, step: last === min ? 0 : step }
}

/** What a limit is made from; powers are in the domain's unit. */
interface Given {
  name: string
  capRange: Range | undefined
  cap: number | undefined
  enabled: boolean
  intervalRange: Range | undefined
  interval: number | undefined
}

/** Names of the keys of the interval in the file: `pai` or `cai`. */
type IntervalKey = 'pai' | 'cai'

export class PowerCap {
  /** Its position among those of its domain: the CPL of messages from version 3.0 on. */
  readonly index: number
  readonly name: string
  /** In the domain's unit. */
  readonly capRange: Range
  /** In microseconds. */
  readonly intervalRange: Range
  /** UNCAPPED, or within the range. */
  cap: number
  intervalUs: number

  /** Throws ConfigError with paths that begin with `at`. */
  constructor(index: number, given: Given, key: IntervalKey, at: ConfigPath) {
    this.index = index
    this.name = given.name
    const { cap, interval } = given
    this.capRange = rangeOf(given.capRange, cap ?? 0, [...at, 'cap_range'], [...at, 'cap'])
    this.cap = cap ?? this.capRange.max
    if (!this.supportsCap(this.cap)) throw new ConfigError([...at, 'cap'], `${this.cap} is not within cap_range`)
    if (!given.enabled) this.cap = UNCAPPED
    const rangeAt = [...at, `${key}_range`]
    this.intervalRange = rangeOf(given.intervalRange, interval ?? DEFAULT_INTERVAL_US, rangeAt, [...at, key])
    this.intervalUs = interval ?? this.intervalRange.min
    if (!this.supportsInterval(this.intervalUs))
      throw new ConfigError([...at, key], `${this.intervalUs} us is not within ${key}_range`)
  }

  get isConfigurable(): boolean {
    return this.capRange.min !== this.capRange.max
  }

  get hasIntervals(): boolean {
    return this.intervalRange.min !== this.intervalRange.max
  }

  supportsCap(cap: number): boolean {
    return includes(this.capRange, cap)
  }

  supportsInterval(us: number): boolean {
    return includes(this.intervalRange, us)
  }
}
