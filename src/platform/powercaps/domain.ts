/** One powercap domain: its cap, its averaging interval, and the source of its power. Knows no bytes. */
import { z } from 'zod'
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import { U32_MAX } from '../core/count-limits.js'
import { Entry } from '../core/entry.js'
import { type Kept, mustFit, readSaved, type Saved } from '../core/kept.js'
import type { Amount, PowercapConfig, Unit } from './config.js'

const MICROWATTS_PER_MILLIWATT = 1000

/** As a cap: power is not limited. */
export const UNCAPPED = 0
const DEFAULT_PAI_US = 100_000

/** The source of a domain's power. */
export interface PowerSource {
  /** Power in the domain's unit, averaged up to now. Hot code. */
  read(nowUs: number): number
}

/** Values from min to max in steps; a single value has min equal to max, and step 0. */
interface Range {
  min: number
  max: number
  step: number
}

function includes({ min, max, step }: Range, value: number): boolean {
  return value >= min && value <= max && (step === 0 || (value - min) % step === 0)
}

/** The range in `config`, or one of `fixed` alone. Linux refuses all domains if one has a bound or a step of 0. */
function rangeOf(config: Range | undefined, fixed: number, at: ConfigPath, fixedAt: ConfigPath): Range {
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

/** `value` in the domain's unit. */
function inUnit(value: Amount, unit: Unit, at: ConfigPath): number {
  if (typeof value === 'number') return value
  if (unit === 'abstract') throw new ConfigError(at, 'an abstract power is a plain number, without a unit')
  const counted = unit === 'milliwatt' ? value.microwatts / MICROWATTS_PER_MILLIWATT : value.microwatts
  if (!Number.isInteger(counted))
    throw new ConfigError(at, `${value.microwatts} uW is not a whole number of milliwatts`)
  if (counted > U32_MAX) throw new ConfigError(at, `${counted} ${unit}s is too large; at most ${U32_MAX}`)
  return counted
}

const savedDomain = z.tuple([z.int().describe('cap'), z.int().describe('averaging interval')])

export class PowercapDomain extends Entry implements Kept {
  onChange: (() => void) | undefined
  readonly unit: Unit
  /** In the domain's unit, like all powers here. */
  readonly capRange: Range
  /** In microseconds. */
  readonly paiRange: Range
  readonly sustainablePower: number
  /** In thousandths of a percent. */
  readonly accuracy: number
  readonly permissions: { cap: boolean; pai: boolean }
  /** Time of an asynchronous change of the cap; undefined: not supported. */
  readonly latencyUs: number | undefined
  readonly notifies: boolean
  parent: PowercapDomain | undefined
  /** UNCAPPED, or within the range. */
  cap: number
  /** The averaging interval. */
  paiUs: number
  /** Source of its power; undefined: power is not monitored. */
  source: PowerSource | undefined
  /** A change of the cap is pending: others must wait. */
  changing = false

  constructor(config: PowercapConfig, at: ConfigPath) {
    super(config)
    this.unit = config.unit
    const power = (value: Amount, ...field: string[]) => inUnit(value, config.unit, [...at, ...field])
    const cap = config.cap === undefined ? undefined : power(config.cap, 'cap')
    const range = config.cap_range && {
      min: power(config.cap_range.min, 'cap_range', 'min'),
      max: power(config.cap_range.max, 'cap_range', 'max'),
      step: power(config.cap_range.step, 'cap_range', 'step'),
    }
    if (!range && cap === undefined)
      throw new ConfigError(at, 'a powercap domain needs one of cap (fixed) or cap_range')
    this.capRange = rangeOf(range, cap ?? 0, [...at, 'cap_range'], [...at, 'cap'])
    this.cap = cap ?? this.capRange.max
    if (!this.supportsCap(this.cap)) throw new ConfigError([...at, 'cap'], `${this.cap} is not within cap_range`)
    if (!config.enabled) this.cap = UNCAPPED
    this.paiRange = rangeOf(config.pai_range, config.pai ?? DEFAULT_PAI_US, [...at, 'pai_range'], [...at, 'pai'])
    this.paiUs = config.pai ?? this.paiRange.min
    if (!this.supportsPai(this.paiUs)) throw new ConfigError([...at, 'pai'], `${this.paiUs} us is not within pai_range`)
    this.sustainablePower = power(config.sustainable_power, 'sustainable_power')
    this.accuracy = Math.round(config.accuracy * 1000)
    if (config.domains && config.power !== undefined) {
      throw new ConfigError([...at, 'power'], 'give either power or domains, not both')
    }
    const drawn = config.power === undefined ? undefined : power(config.power, 'power')
    this.source = drawn === undefined ? undefined : { read: () => drawn }
    this.permissions = config.permissions
    this.latencyUs = config.async?.latency
    this.notifies = config.notify
  }

  /** The unit in microwatts; meaningless for an abstract one. */
  get unitMicrowatts(): number {
    return this.unit === 'milliwatt' ? MICROWATTS_PER_MILLIWATT : 1
  }

  /** The cap can be set; likewise the averaging interval. */
  get capConfigurable(): boolean {
    return this.capRange.min !== this.capRange.max
  }

  get paiConfigurable(): boolean {
    return this.paiRange.min !== this.paiRange.max
  }

  save(): Saved {
    return [this.cap, this.paiUs]
  }

  restore(saved: Saved): void {
    const [cap, paiUs] = readSaved(savedDomain, saved)
    mustFit(cap === UNCAPPED || this.supportsCap(cap), `it can't have a cap of ${cap}`)
    mustFit(this.supportsPai(paiUs), `it can't have an averaging interval of ${paiUs} us`)
    this.cap = cap
    this.paiUs = paiUs
  }

  supportsCap(cap: number): boolean {
    return includes(this.capRange, cap)
  }

  supportsPai(us: number): boolean {
    return includes(this.paiRange, us)
  }
}
