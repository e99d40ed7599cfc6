/** Voltage domains: their state, and the rules for agents' requests. Knows no bytes. */
import { EventEmitter } from 'node:events'
import { z } from 'zod'
import { BOOT_FIRMWARE } from '../core/agent-ids.js'
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import { Entry } from '../core/entry.js'
import { Grants } from '../core/grants.js'
import { type Kept, mustFit, readSaved, type Saved, voter } from '../core/kept.js'
import { byUniqueName, named } from '../core/named.js'
import { listOfValues, rangeOfValues } from '../core/oddities.js'
import { type Triplet, WHOLE_TRIPLET } from '../core/triplet.js'
import type { VoltageConfig } from './config.js'

/** Modes (SCMI v3.2 §4.9.2.6): 0 and 7 are architectural, 1 to 6 are reserved, 8 to 15 implementation-defined. */
export const OFF = 0
export const ON = 7

const savedDomain = z.tuple([z.int().describe('level'), z.array(z.tuple([voter, z.int().describe('mode')]))])

export class VoltageDomain extends Entry implements Kept {
  onChange: (() => void) | undefined
  /** Ascending levels in microvolts; undefined if the domain has a range. */
  readonly levels: readonly number[] | undefined
  /** The same as VOLTAGE_DESCRIBE_LEVELS tells them. */
  readonly toldLevels: readonly number[] | undefined
  /** How a range is told. */
  readonly triplet: Triplet
  /** In microvolts. A list of levels has its lowest and highest level here, and step 0. In a range, step 0 allows all. */
  readonly range: { min: number; max: number; step: number }
  readonly modes: ReadonlySet<number>
  readonly permissions: { mode: boolean; level: boolean }
  /** Time of an asynchronous level change; undefined: not supported. */
  readonly latencyUs: number | undefined
  /** In microvolts. */
  level: number
  /** A level change is pending: others must wait. */
  changing = false
  #mode: number
  readonly #votes = new Map<number, number>()
  readonly #grants: Grants

  constructor(config: VoltageConfig, at: ConfigPath) {
    super(config)
    if (config.levels && config.range) throw new ConfigError([...at, 'range'], 'give either levels or range, not both')
    if (config.range) {
      this.range = rangeOfValues(config, config.range, 'uV', [...at, 'range'])
    } else {
      const levels = config.levels ?? (config.level === undefined ? undefined : [config.level])
      if (!levels) throw new ConfigError(at, 'a voltage domain needs one of level (fixed), levels or range')
      const { told, ascending } = listOfValues(config, 'level', levels, [...at, 'levels'])
      this.levels = ascending
      this.toldLevels = told
      if (config.triplet) {
        throw new ConfigError([...at, 'triplet'], 'has no effect: the domain tells a list of levels, not a range')
      }
      this.range = { min: this.levels[0]!, max: this.levels[this.levels.length - 1]!, step: 0 }
    }
    this.triplet = config.triplet ?? WHOLE_TRIPLET
    this.level = config.level ?? this.range.min
    if (!this.supportsLevel(this.level)) {
      throw new ConfigError([...at, 'level'], `${this.level} uV is not one of the domain's levels`)
    }
    this.modes = new Set([OFF, ON, ...config.modes])
    const mode = config.mode === 'on' ? ON : config.mode === 'off' ? OFF : config.mode
    if (!this.modes.has(mode)) throw new ConfigError([...at, 'mode'], `${mode} is not among the domain's modes`)
    this.#mode = mode
    this.#votes.set(BOOT_FIRMWARE, mode)
    this.permissions = config.permissions
    this.latencyUs = config.async?.latency
    this.#grants = new Grants(config, level => this.supportsLevel(level), at)
  }

  /** The highest mode that any agent wants: off only if nobody wants it on. */
  get mode(): number {
    return this.#mode
  }

  /** Records that `agentId` wants `mode`. */
  vote(agentId: number, mode: number): void {
    this.#votes.delete(BOOT_FIRMWARE)
    this.#votes.set(agentId, mode)
    this.#count()
    this.onChange?.()
  }

  /** Drops the vote of `agentId`; the boot firmware's stays. */
  release(agentId: number): void {
    if (!this.#votes.delete(agentId)) return
    this.#count()
    this.onChange?.()
  }

  /** Sets a supported level. `Voltages` emits the event. */
  setLevel(level: number): void {
    this.level = level
    this.onChange?.()
  }

  save(): Saved {
    return [this.level, [...this.#votes]]
  }

  restore(saved: Saved): void {
    const [level, votes] = readSaved(savedDomain, saved)
    mustFit(this.canHave(level), `it can't have ${level} uV`)
    for (const [, mode] of votes) mustFit(this.modes.has(mode), `it has no mode ${mode}`)
    this.level = level
    this.#votes.clear()
    for (const [agentId, mode] of votes) this.#votes.set(agentId, mode)
    this.#count()
  }

  #count(): void {
    this.#mode = OFF
    for (const mode of this.#votes.values()) if (mode > this.#mode) this.#mode = mode
  }

  /** What an agent gets that sets this level. */
  granted(level: number): number {
    return this.#grants.of(level)
  }

  /** Whether a request of an agent can lead to this level. */
  canHave(level: number): boolean {
    return this.supportsLevel(level) || this.#grants.canGive(level, this.range)
  }

  /** Whether the domain has exactly this level, in microvolts. */
  supportsLevel(level: number): boolean {
    if (this.levels) return this.levels.includes(level)
    const { min, max, step } = this.range
    return level >= min && level <= max && (step === 0 || (level - min) % step === 0)
  }
}

interface VoltageEvents {
  /** A level changed. `agentId` caused it; 0 is the platform. */
  levelChanged: [domain: VoltageDomain, agentId: number]
  /** A mode changed. `agentId` caused it; 0 is the platform. */
  modeChanged: [domain: VoltageDomain, agentId: number]
}

export class Voltages extends EventEmitter<VoltageEvents> {
  readonly list: readonly VoltageDomain[]

  constructor(configs: VoltageConfig[]) {
    super()
    this.setMaxListeners(0)
    this.list = configs.map((config, position) => new VoltageDomain(config, [position]))
    byUniqueName(this.list, 'voltage domains')
  }

  /** The domain of this name. Throws if there is none, as only callers on the host ask, who know the platform. */
  named(name: string): VoltageDomain {
    return named(this.list, 'voltage domain', name)
  }

  /** Sets a supported level, in microvolts. `agentId` 0 is the platform. */
  setLevel(domain: VoltageDomain, level: number, agentId: number): void {
    if (domain.level === level) return
    domain.setLevel(level)
    this.emit('levelChanged', domain, agentId)
  }

  /** Records the mode that `agentId` wants, which must be one of the domain's. `agentId` 0 is the platform. */
  setMode(domain: VoltageDomain, mode: number, agentId: number): void {
    const before = domain.mode
    domain.vote(agentId, mode)
    if (domain.mode !== before) this.emit('modeChanged', domain, agentId)
  }

  /** Drops the votes of `agentId` for these domains. */
  release(agentId: number, domains: Iterable<VoltageDomain> = this.list): void {
    for (const domain of domains) {
      const before = domain.mode
      domain.release(agentId)
      if (domain.mode !== before) this.emit('modeChanged', domain, agentId)
    }
  }
}
