/**
 * Performance domains: their configuration, their state, and the rules for agents' requests. Knows no bytes. A clock, a
 * voltage, power and temperature can follow a domain's level: see supplies.ts and powercaps/loads.ts.
 */
import { EventEmitter } from 'node:events'
import { z } from 'zod'
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import { LIMITS, U32_MAX } from '../core/count-limits.js'
import { type Kept, mustHave, readSaved, type Saved, savedWord, voter } from '../core/kept.js'
import { byUniqueName, named } from '../core/named.js'
import { duration, frequency, resourceName, voltage } from '../core/units.js'
import type { PowerDomain } from '../power-domains/model.js'

/** Latencies and rate limits have this many bits on the wire (SCMI v3.2 §4.5.3.4 and §4.5.3.5). */
const LATENCY_MAX_US = 0xffff
const RATE_LIMIT_MAX_US = 0xf_ffff

const levelValue = z.int().min(1).max(U32_MAX)

const atMost = (maxUs: number): z.ZodType<number> =>
  duration.refine(us => us <= maxUs, { error: `the duration is too long; at most ${maxUs} us` })

const levelSchema = z.strictObject({
  level: levelValue.describe('Performance as an abstract number'),
  power: z.int().min(1).max(U32_MAX).describe('Cost in the power unit; with a cost of 0 Linux builds no energy model'),
  latency: atMost(LATENCY_MAX_US).default(50).describe('Worst-case time to reach this level'),
  frequency: frequency.optional().describe('Whole kHz; default: in proportion to the sustained level'),
  voltage: voltage.optional().describe("Voltage that the level sets in the domain's voltage domain"),
  index: z.int().min(0).max(U32_MAX).optional().describe('For level indexing; default: the position, from 0'),
})

const domainSchema = z.strictObject({
  name: resourceName,
  levels: z.array(levelSchema).min(1).max(LIMITS.perfLevels).describe('All levels the domain can have'),
  power_unit: z
    .enum(['abstract', 'milliwatt', 'microwatt'])
    .default('milliwatt')
    .describe('Must be the same in all domains'),
  level_indexing: z.boolean().default(false).describe('Levels are requested by index (version 4.0 and up)'),
  sustained_level: levelValue.optional().describe('Level that can be sustained; default: the highest'),
  sustained_frequency: frequency.optional().describe('Frequency at that level; default: that of the level'),
  clock: z.string().optional().describe("Name of the clock that runs at the level's frequency"),
  voltage: z.string().optional().describe("Name of the voltage domain that is set to the level's voltage"),
  power_domain: z
    .string()
    .optional()
    .describe('Name of the power domain that contains it; it draws power only while that is on'),
  rate_limit: atMost(RATE_LIMIT_MAX_US).default(0).describe('Rate limit: minimum time between two requests; 0: none'),
  set_limits: z
    .boolean()
    .default(true)
    .describe('Agents can set limits; if false, PERFORMANCE_LIMITS_SET returns NOT_SUPPORTED, as on some chips'),
  permissions: z
    .strictObject({ level: z.boolean().default(true), limits: z.boolean().default(true) })
    .prefault({})
    .describe('What agents may set; the matching request is DENIED otherwise'),
  notify: z
    .strictObject({ level: z.boolean().default(true), limits: z.boolean().default(true) })
    .prefault({})
    .describe('Notifications that are offered'),
  level: levelValue.optional().describe('Level at start; default: the sustained one, within the limits'),
  limits: z
    .strictObject({ min: levelValue.optional(), max: levelValue.optional() })
    .prefault({})
    .describe("The platform's own limits at start, as levels"),
})

export const domainsSchema = z.array(domainSchema).min(1).max(LIMITS.perfDomains)
export type DomainConfig = z.infer<typeof domainSchema>

export type PowerUnit = DomainConfig['power_unit']

export interface PerfLevel {
  /** Performance as an abstract number, 1 and up. */
  readonly level: number
  /** The number that agents use for it in domains with level indexing. */
  readonly index: number
  /** In the power unit of the domain. */
  readonly power: number
  readonly latencyUs: number
  readonly frequencyKhz: number
  /** Microvolts for the domain's voltage domain. */
  readonly microvolts: number | undefined
}

/** Bounds as level values, which need not be levels of the domain. */
export interface Bounds {
  min?: number | undefined
  max?: number | undefined
}

const MICROWATTS_PER_MILLIWATT = 1000

/** The platform, as one of those who set limits. */
const PLATFORM = 0

const savedDomain = z.tuple([
  z.int().describe('level'),
  z.array(z.tuple([voter, savedWord.nullable().describe('min'), savedWord.nullable().describe('max')])),
])

export class PerfDomain implements Kept {
  readonly id: number
  readonly name: string
  onChange: (() => void) | undefined
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
  /** The current level. */
  level: PerfLevel
  /** The limits in force: the intersection of all bounds. */
  min: PerfLevel
  max: PerfLevel
  /** The power domain that contains it; undefined: it is always on. */
  powerDomain: PowerDomain | undefined
  /** By agent id, or by the object that stands for a part of the platform. */
  readonly #bounds = new Map<unknown, Bounds>()

  constructor(id: number, config: DomainConfig) {
    this.id = id
    this.name = config.name
    this.powerUnit = config.power_unit
    this.levelIndexing = config.level_indexing
    this.rateLimitUs = config.rate_limit
    this.takesLimits = config.set_limits
    this.permissions = config.permissions
    this.notifies = config.notify
    const sustained = sustainedOf(config, [id])
    this.sustainedLevel = sustained.level
    this.sustainedKhz = sustained.khz
    this.levels = levelsOf(config, sustained, [id])
    const { min, max } = config.limits
    if (min !== undefined) this.#described(min, [id, 'limits', 'min'])
    if (max !== undefined) this.#described(max, [id, 'limits', 'max'])
    if (min !== undefined && max !== undefined && min > max) {
      throw new ConfigError([id, 'limits', 'min'], 'min is above max')
    }
    this.min = this.lowest
    this.max = this.highest
    this.setBounds(PLATFORM, config.limits)
    this.level = this.within(this.#described(this.sustainedLevel, [id, 'sustained_level']))
    if (config.level !== undefined) {
      this.level = this.#described(config.level, [id, 'level'])
      if (this.within(this.level) !== this.level) {
        throw new ConfigError([id, 'level'], `level ${config.level} is outside the limits`)
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

interface Sustained {
  level: number
  khz: number
}

function toKhz(hz: number, at: ConfigPath): number {
  const khz = hz / 1000
  if (!Number.isInteger(khz) || khz < 1 || khz > U32_MAX) {
    throw new ConfigError(at, `${hz} Hz is not a frequency that SCMI can carry; write whole kHz, at least 1`)
  }
  return khz
}

function sustainedOf(config: DomainConfig, at: ConfigPath): Sustained {
  const level = config.sustained_level ?? Math.max(...config.levels.map(({ level }) => level))
  const hz = config.sustained_frequency ?? config.levels.find(other => other.level === level)?.frequency
  if (hz === undefined) {
    throw new ConfigError(at, 'a domain needs a sustained_frequency, or a frequency at its sustained level')
  }
  const khz = toKhz(hz, [...at, 'sustained_frequency'])
  // Without indexing Linux multiplies levels by this quotient to get Hz, and warns unless it is whole.
  if (!config.level_indexing && (khz * 1000) % level !== 0) {
    throw new ConfigError([...at, 'sustained_frequency'], `${khz * 1000} Hz is not a multiple of level ${level}`)
  }
  return { level, khz }
}

/** The levels, ascending. They must differ in level, index and, with indexing, frequency: Linux skips repeated ones. */
function levelsOf(config: DomainConfig, sustained: Sustained, at: ConfigPath): PerfLevel[] {
  const sorted = [...config.levels].sort((a, b) => a.level - b.level)
  const levels = sorted.map(({ level, power, latency, frequency, voltage, index }, position): PerfLevel => {
    const hz = frequency ?? Math.round((sustained.khz * level) / sustained.level) * 1000
    const place = [...at, 'levels', config.levels.findIndex(other => other.level === level)]
    return {
      level,
      power,
      latencyUs: latency,
      frequencyKhz: toKhz(hz, [...place, 'frequency']),
      microvolts: voltage,
      index: index ?? position,
    }
  })
  levels.forEach(({ level, index, frequencyKhz }, i) => {
    const below = levels[i - 1]
    if (below?.level === level) throw new ConfigError([...at, 'levels'], `level ${level} is listed twice`)
    if (levels.findIndex(other => other.index === index) !== i) {
      throw new ConfigError([...at, 'levels'], `two levels have the index ${index}`)
    }
    if (config.level_indexing && below && below.frequencyKhz >= frequencyKhz) {
      throw new ConfigError([...at, 'levels'], `the frequency of level ${level} must be above that of ${below.level}`)
    }
  })
  return levels
}

export interface PerfEvents {
  /** A level changed. `agentId` caused it; 0 is the platform. */
  levelChanged: [domain: PerfDomain, agentId: number]
  /** The limits in force changed. If the level is outside them it follows, with its own event. */
  limitsChanged: [domain: PerfDomain, agentId: number]
}

export class PerfDomains extends EventEmitter<PerfEvents> {
  readonly list: readonly PerfDomain[]
  readonly powerUnit: PowerUnit

  constructor(configs: DomainConfig[]) {
    super()
    this.setMaxListeners(0)
    this.list = configs.map((config, id) => new PerfDomain(id, config))
    const first = this.list[0]!
    this.powerUnit = first.powerUnit
    byUniqueName(this.list, 'performance domains')
    for (const { id, powerUnit } of this.list) {
      if (powerUnit !== this.powerUnit) {
        throw new ConfigError([id, 'power_unit'], `all domains have one unit, and ${first.name} has ${this.powerUnit}`)
      }
    }
  }

  /** The domain of this name. Throws if there is none, as only callers on the host ask, who know the platform. */
  named(name: string): PerfDomain {
    return named(this.list, 'performance domain', name)
  }

  /** Sets a level that `allowedLevel` returned. `agentId` 0 is the platform. */
  setLevel(domain: PerfDomain, level: PerfLevel, agentId: number): void {
    if (domain.level === level) return
    domain.level = level
    domain.onChange?.()
    this.emit('levelChanged', domain, agentId)
  }

  /** Sets the bounds of `agentId`; a bound that is left out stays as it was. */
  setLimits(domain: PerfDomain, { min, max }: Bounds, agentId: number): void {
    const before = domain.boundsOf(agentId)
    this.#setBounds(domain, { min: min ?? before.min, max: max ?? before.max }, agentId, agentId)
  }

  /**
   * Sets bounds as hardware does, for heat or a weak supply; a bound that is left out is lifted. `holder` is an object
   * that stands for the cause; each has its own bounds.
   */
  setPlatformLimits(domain: PerfDomain, bounds: Bounds, holder: unknown = PLATFORM): void {
    this.#setBounds(domain, bounds, holder, PLATFORM)
  }

  /** Lifts the bounds of `agentId`. Levels stay as they are. */
  release(agentId: number, domains: Iterable<PerfDomain> = this.list): void {
    for (const domain of domains) this.#setBounds(domain, {}, agentId, agentId)
  }

  #setBounds(domain: PerfDomain, bounds: Bounds, holder: unknown, agentId: number): void {
    const { min, max } = domain
    domain.setBounds(holder, bounds)
    if (domain.min === min && domain.max === max) return
    this.emit('limitsChanged', domain, agentId)
    this.setLevel(domain, domain.within(domain.level), agentId)
  }
}
