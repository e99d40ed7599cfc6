/** One performance domain: its level, and the limits that agents and the platform set for it. Knows no bytes. */
import { z } from 'zod'
import { PLATFORM_AGENT } from '../core/agent-ids.js'
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import { U32_MAX } from '../core/count-limits.js'
import { Entry } from '../core/entry.js'
import type { FastChannelConfig } from '../core/fast-channels.js'
import { Grants } from '../core/grants.js'
import { type Kept, mustHave, readSaved, type Saved, savedWord, voter } from '../core/kept.js'
import type { PowerDomain } from '../power-domains/model.js'
import type { DomainConfig, PowerUnit } from './config.js'
import { levelsOf, type PerfLevel, sustainedOf } from './levels.js'

/** Bounds as level values, which need not be levels of the domain. */
export interface Bounds {
  min?: number | undefined
  max?: number | undefined
}

const MICROWATTS_PER_MILLIWATT = 1000

const savedDomain = z.tuple([
  z.int().describe('level'),
  z.array(z.tuple([voter, savedWord.nullable().describe('min'), savedWord.nullable().describe('max')])),
])

export class PerfDomain extends Entry implements Kept {
  onChange: (() => void) | undefined
  /** In the order in which they are told. */
  readonly toldLevels: readonly PerfLevel[]
  /** Ascending. */
  readonly levels: readonly PerfLevel[]
  readonly powerUnit: PowerUnit
  readonly levelIndexing: boolean
  readonly sustainedLevel: number
  readonly sustainedKhz: number
  readonly rateLimitUs: number
  /** Agents can set limits. */
  readonly takesLimits: boolean
  readonly permissions: { level: boolean; limits: boolean }
  readonly notifies: { level: boolean; limits: boolean }
  /** Undefined: agents send messages. */
  readonly fastChannels: FastChannelConfig<'level' | 'limits'> | undefined
  /** The current level. */
  level: PerfLevel
  /** The limits in force: the intersection of all bounds. */
  min: PerfLevel
  max: PerfLevel
  /** The power domain that contains it; undefined: it is always on. */
  powerDomain: PowerDomain | undefined
  /** By agent id, or by the object that stands for a part of the platform. */
  readonly #bounds = new Map<unknown, Bounds>()
  readonly #grants: Grants

  constructor(config: DomainConfig, at: ConfigPath) {
    super(config)
    this.powerUnit = config.power_unit
    this.levelIndexing = config.level_indexing
    this.rateLimitUs = config.rate_limit
    this.takesLimits = config.set_limits
    this.permissions = config.permissions
    this.notifies = config.notify
    this.fastChannels = config.fast_channels
    const sustained = sustainedOf(config, at)
    this.sustainedLevel = sustained.level
    this.sustainedKhz = sustained.khz
    this.toldLevels = levelsOf(config, sustained, at)
    this.levels = [...this.toldLevels].sort((a, b) => a.level - b.level)
    for (const granted of config.grants?.values() ?? []) this.#described(granted, [...at, 'grants'])
    this.#grants = new Grants(config, value => this.levels.some(({ level }) => level === value), at)
    const { min, max } = config.limits
    if (min !== undefined) this.#described(min, [...at, 'limits', 'min'])
    if (max !== undefined) this.#described(max, [...at, 'limits', 'max'])
    if (min !== undefined && max !== undefined && min > max) {
      throw new ConfigError([...at, 'limits', 'min'], 'min is above max')
    }
    this.min = this.lowest
    this.max = this.highest
    this.setBounds(PLATFORM_AGENT, config.limits)
    const start = sustained.level === 0 ? this.highest : this.#described(sustained.level, [...at, 'sustained_level'])
    this.level = this.within(start)
    if (config.level !== undefined) {
      this.level = this.#described(config.level, [...at, 'level'])
      if (this.within(this.level) !== this.level) {
        throw new ConfigError([...at, 'level'], `level ${config.level} is outside the limits`)
      }
    }
  }

  get lowest(): PerfLevel {
    return this.levels[0]!
  }

  get highest(): PerfLevel {
    return this.levels[this.levels.length - 1]!
  }

  /** Power drawn now; 0 if power is abstract. */
  get microwatts(): number {
    return this.powerDomain?.isOn === false ? 0 : this.microwattsAt(this.level)
  }

  /** Power drawn at a level; 0 if power is abstract. */
  microwattsAt({ power }: PerfLevel): number {
    if (this.powerUnit === 'abstract') return 0
    return this.powerUnit === 'milliwatt' ? power * MICROWATTS_PER_MILLIWATT : power
  }

  /** The level with this index, or undefined. */
  withIndex(index: number): PerfLevel | undefined {
    for (const level of this.levels) if (level.index === index) return level
    return undefined
  }

  /** The level that a request for `value` results in: the next higher one; undefined if the limits forbid it. */
  allowedLevel(value: number): PerfLevel | undefined {
    return value < this.min.level || value > this.max.level ? undefined : this.#atLeast(value)
  }

  /** What an agent gets that sets this level. */
  granted(level: PerfLevel): PerfLevel {
    const value = this.#grants.of(level.level)
    return value === level.level ? level : this.within(this.#atLeast(value))
  }

  /** `level`, clamped to the limits. */
  within(level: PerfLevel): PerfLevel {
    if (level.level > this.max.level) return this.max
    return level.level < this.min.level ? this.min : level
  }

  /** The bounds that `agentId` has set. */
  boundsOf(agentId: number): Bounds {
    return this.#bounds.get(agentId) ?? {}
  }

  /**
   * Replaces the bounds of `holder`, an agent id or a part of the platform, and recalculates the limits. Bounds between
   * two levels are rounded inwards. If bounds contradict each other the upper one wins, since it keeps hardware cool.
   */
  setBounds(holder: unknown, bounds: Bounds): void {
    if (bounds.min === undefined && bounds.max === undefined) this.#bounds.delete(holder)
    else this.#bounds.set(holder, bounds)
    this.onChange?.()
    let min = 0
    let max = U32_MAX
    for (const bounds of this.#bounds.values()) {
      min = Math.max(min, bounds.min ?? min)
      max = Math.min(max, bounds.max ?? max)
    }
    this.max = this.#atMost(max)
    const least = this.#atLeast(min)
    this.min = least.level > this.max.level ? this.max : least
  }

  /** Without the bounds of parts of the platform, which set them again when needed. */
  save(): Saved {
    const bounds = [...this.#bounds].filter(([holder]) => typeof holder === 'number')
    return [this.level.level, bounds.map(([holder, { min, max }]) => [holder as number, min ?? null, max ?? null])]
  }

  restore(saved: Saved): void {
    const [value, bounds] = readSaved(savedDomain, saved)
    const level = mustHave(
      this.levels.find(({ level }) => level === value),
      `it has no level ${value}`,
    )
    for (const [agentId, min, max] of bounds) this.setBounds(agentId, { min: min ?? undefined, max: max ?? undefined })
    this.level = level
  }

  /** The lowest level of at least `value`, or the highest of all. */
  #atLeast(value: number): PerfLevel {
    for (const level of this.levels) if (level.level >= value) return level
    return this.highest
  }

  /** The highest level of at most `value`, or the lowest of all. */
  #atMost(value: number): PerfLevel {
    let found = this.lowest
    for (const level of this.levels) if (level.level <= value) found = level
    return found
  }

  #described(value: number, at: ConfigPath): PerfLevel {
    const level = this.levels.find(({ level }) => level === value)
    if (level) return level
    throw new ConfigError(at, `${value} is not one of the levels ${this.levels.map(({ level }) => level).join(', ')}`)
  }
}
