/** Clocks: their configuration, their state, and the rules for agents' requests. Knows no bytes. */
import { EventEmitter } from 'node:events'
import { z } from 'zod'
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import { LIMITS, U32_MAX } from '../core/count-limits.js'
import { type Kept, mustFit, mustHave, readSaved, type Saved, savedWord, voter } from '../core/kept.js'
import { byUniqueName, named } from '../core/named.js'
import { checkTree } from '../core/tree.js'
import { duration, frequency, resourceName } from '../core/units.js'

const permissionsSchema = z
  .strictObject({
    state: z.boolean().default(true),
    parent: z.boolean().default(true),
    rate: z.boolean().default(true),
  })
  .describe('What agents may change; the matching request is DENIED otherwise')

/** CLOCK_ATTRIBUTES has 32 bits for the delay. */
const enableDelay = duration.refine(us => us <= U32_MAX, { error: `the duration is too long; at most ${U32_MAX} us` })

const divisor = z.int().min(1).max(0xffff)

const clockSchema = z.strictObject({
  name: resourceName,
  rates: z.array(frequency).min(1).max(LIMITS.clockRates).optional().describe('All rates the clock can have'),
  range: z
    .strictObject({ min: frequency, max: frequency, step: frequency })
    .optional()
    .describe('Range of rates, in steps'),
  divider: z
    .union([divisor, z.array(divisor).min(1).max(LIMITS.clockRates)])
    .optional()
    .describe("Instead of rates: divides the parent's rate; of several dividers, agents choose one by its rate"),
  rate: frequency.optional().describe('Rate at start; default: the lowest'),
  enabled: z
    .boolean()
    .default(false)
    .describe('Enabled at start, until an agent disables it; a running clock keeps its parent running'),
  critical: z.boolean().default(false).describe('Always running; agents may not disable it'),
  permissions: permissionsSchema.prefault({}),
  parents: z
    .array(z.string())
    .min(1)
    .max(LIMITS.clockParents)
    .optional()
    .describe('Names of the clocks that can be its parent'),
  parent: z.string().optional().describe('Parent at start; default: the first'),
  enable_delay: enableDelay.default(0).describe('Time from enabling to a stable clock'),
  duty_cycle: z.number().int().min(1).max(99).optional().describe('Percent; can be set if given here'),
  phase: z.number().int().min(0).max(0xffff_ffff).optional().describe('Can be set if given here'),
  oem: z
    .record(
      z.string().regex(/^(0x[89a-f][0-9a-f]|12[89]|1[3-9]\d|2[0-4]\d|25[0-5])$/i),
      z.number().int().min(0).max(0xffff_ffff),
    )
    .optional()
    .describe('Vendor configuration by type, 0x80 to 0xff'),
  latency: duration.default(1000).describe('Time that an asynchronous rate change takes'),
  notify: z.boolean().default(true).describe('Rate notifications are offered'),
})

export const clocksSchema = z.array(clockSchema).min(1).max(LIMITS.clocks)
export type ClockConfig = z.infer<typeof clockSchema>

/** Extended configuration types of CLOCK_CONFIG_SET (SCMI v3.2 §4.6.2.8); 0x80 and up are the vendor's. */
export const DUTY_CYCLE = 1
export const PHASE = 2

export type Rounding = 'down' | 'up' | 'nearest'

function divided(rateHz: number, divider: number): number {
  return Math.round(rateHz / divider)
}

/**
 * The boot firmware's vote: it started the clock before any agent ran. The first agent that configures the clock ends
 * the vote.
 */
const BOOT = -1

const savedClock = z.tuple([
  z.int().min(0).describe('rate in Hz'),
  z.int().describe('divider'),
  z.int().nullable().describe('id of the parent'),
  z.array(z.tuple([z.int(), savedWord])).describe('extended configuration'),
  z.array(voter),
])

export class Clock implements Kept {
  readonly id: number
  readonly name: string
  onChange: (() => void) | undefined
  /** Ascending rates in Hz; undefined if the clock has a range. With dividers they follow the parent's rate. */
  rates: readonly number[] | undefined
  /** In Hz. A list of rates has its lowest and highest rate here, and step 0. */
  range: { min: number; max: number; step: number }
  /** Ascending; undefined: the clock's rates do not depend on the parent. */
  readonly dividers: readonly number[] | undefined
  /** The divider in use. */
  divider = 1
  readonly critical: boolean
  readonly permissions: { state: boolean; parent: boolean; rate: boolean }
  readonly enableDelayUs: number
  readonly latencyUs: number
  readonly notifies: boolean
  /** The clocks that can feed it; empty: it has no parent. */
  parents: readonly Clock[] = []
  parent: Clock | undefined
  /** The clocks that have this one among their parents. */
  readonly children: Clock[] = []
  rateHz: number
  /** Values by extended configuration type; a type without a value is not supported. */
  readonly extended = new Map<number, number>()
  readonly #votes = new Set<number>()

  constructor(id: number, config: ClockConfig, at: ConfigPath) {
    this.id = id
    this.name = config.name
    const { rates, range } = ownRates(config, at)
    this.rates = rates
    this.range = range
    this.dividers = dividersOf(config, at)
    this.rateHz = config.rate ?? this.range.min
    if (!this.dividers && this.supportedRate(this.rateHz, 'nearest') !== this.rateHz) {
      throw new ConfigError([...at, 'rate'], `${this.rateHz} Hz is not one of the clock's rates`)
    }
    this.critical = config.critical
    this.permissions = { ...config.permissions, state: config.permissions.state && !config.critical }
    this.enableDelayUs = config.enable_delay
    this.latencyUs = config.latency
    this.notifies = config.notify
    if (config.duty_cycle !== undefined) this.extended.set(DUTY_CYCLE, config.duty_cycle)
    if (config.phase !== undefined) this.extended.set(PHASE, config.phase)
    for (const [type, value] of Object.entries(config.oem ?? {})) this.extended.set(Number(type), value)
    if (config.enabled) this.#votes.add(BOOT)
  }

  /** The clock runs while an agent, the boot firmware or a child needs it. */
  get enabled(): boolean {
    if (this.critical || this.#votes.size > 0) return true
    for (const child of this.children) if (child.parent === this && child.enabled) return true
    return false
  }

  /** Records whether `agentId` needs the clock. */
  vote(agentId: number, needsClock: boolean): void {
    this.#votes.delete(BOOT)
    if (needsClock) this.#votes.add(agentId)
    else this.#votes.delete(agentId)
    this.onChange?.()
  }

  /** Drops the vote of `agentId`; the boot firmware's stays. */
  release(agentId: number): void {
    if (this.#votes.delete(agentId)) this.onChange?.()
  }

  /** Sets an extended configuration value; the clock must have this type. */
  setExtended(type: number, value: number): void {
    this.extended.set(type, value)
    this.onChange?.()
  }

  /** Sets the parent. `Clocks` then recalculates the rates. */
  setParent(parent: Clock): void {
    this.parent = parent
    this.onChange?.()
  }

  save(): Saved {
    return [this.rateHz, this.divider, this.parent?.id ?? null, [...this.extended], [...this.#votes]]
  }

  restore(saved: Saved): void {
    const [rateHz, divider, parent, extended, votes] = readSaved(savedClock, saved)
    // With dividers the rate follows from the parent's.
    if (!this.dividers) mustFit(this.supportedRate(rateHz, 'nearest') === rateHz, `it can't have ${rateHz} Hz`)
    mustFit(this.dividers?.includes(divider) ?? divider === 1, `it has no divider ${divider}`)
    mustFit((parent === null) === (this.parents.length === 0), 'a clock with parents has one')
    const types = extended.map(([type]) => type)
    mustFit(`${types}` === `${[...this.extended.keys()]}`, `it has other extended configuration types than ${types}`)
    if (parent !== null) {
      this.parent = mustHave(
        this.parents.find(({ id }) => id === parent),
        `clock ${parent} is not among its parents`,
      )
    }
    this.rateHz = rateHz
    this.divider = divider
    for (const [type, value] of extended) this.extended.set(type, value)
    this.#votes.clear()
    for (const agentId of votes) this.#votes.add(agentId)
  }

  /** Sets the rate, or the divider that comes closest to it. `Clocks` emits the event. */
  setRate(rateHz: number): void {
    if (this.dividers && this.parent) {
      const { rateHz: parentHz } = this.parent
      const distance = (divider: number) => Math.abs(divided(parentHz, divider) - rateHz)
      this.divider = this.dividers.reduce((best, next) => (distance(next) < distance(best) ? next : best))
      this.rateHz = divided(parentHz, this.divider)
    } else {
      this.rateHz = rateHz
    }
    this.onChange?.()
  }

  /** Recalculates the rates from the parent's. `Clocks` emits the event. */
  follow(): void {
    if (!this.dividers || !this.parent) return
    const { rateHz } = this.parent
    const { rates, range } = listed(this.dividers.map(divider => divided(rateHz, divider)).reverse())
    this.rates = rates
    this.range = range
    this.rateHz = divided(rateHz, this.divider)
    this.onChange?.()
  }

  /** The rate in Hz that a request for `rateHz` results in; undefined if it is out of range. */
  supportedRate(rateHz: number, rounding: Rounding): number | undefined {
    const { min, max, step } = this.range
    if (rateHz < min || rateHz > max) return undefined
    let below: number
    let above: number
    if (this.rates) {
      let i = this.rates.length - 1
      while (this.rates[i]! > rateHz) i--
      below = this.rates[i]!
      above = below === rateHz ? below : this.rates[i + 1]!
    } else {
      below = min + Math.floor((rateHz - min) / step) * step
      above = below === rateHz ? below : below + step
    }
    if (rounding === 'down') return below
    if (rounding === 'up') return above
    return rateHz - below <= above - rateHz ? below : above
  }
}

/** The configured rates; with dividers, a placeholder until the parent's rate is known. */
function ownRates(config: ClockConfig, at: ConfigPath): Pick<Clock, 'rates' | 'range'> {
  const { rates, range, rate } = config
  if (rates && range) throw new ConfigError([...at, 'range'], 'give either rates or range, not both')
  if (rates) {
    const ascending = [...rates].sort((a, b) => a - b)
    if (new Set(rates).size !== rates.length) throw new ConfigError([...at, 'rates'], 'a rate is listed twice')
    return listed(ascending)
  }
  if (range) {
    const { min, max, step } = range
    if (max < min) throw new ConfigError([...at, 'range', 'max'], `max is below min; write at least ${min}`)
    if (step < 1) throw new ConfigError([...at, 'range', 'step'], 'the step must be at least 1 Hz')
    return { rates: undefined, range: { min, max: min + Math.floor((max - min) / step) * step, step } }
  }
  if (config.divider !== undefined) return listed([0])
  if (rate === undefined) throw new ConfigError(at, 'a clock needs one of rate (fixed), rates, range or divider')
  return listed([rate])
}

function listed(rates: readonly number[]): Pick<Clock, 'rates' | 'range'> {
  return { rates, range: { min: rates[0]!, max: rates[rates.length - 1]!, step: 0 } }
}

/** Ascending. */
function dividersOf({ divider, rates, range, parents }: ClockConfig, at: ConfigPath): number[] | undefined {
  if (divider === undefined) return undefined
  const path = [...at, 'divider']
  if (rates || range) throw new ConfigError(path, 'a clock has either a divider or rates of its own, not both')
  if (!parents) throw new ConfigError(path, 'divides the rate of a parent; name the clock it is fed from in parents')
  const dividers = [divider].flat().sort((a, b) => a - b)
  if (new Set(dividers).size !== dividers.length) throw new ConfigError(path, 'a divider is listed twice')
  return dividers
}

export interface ClockEvents {
  /** A rate changed. `agentId` caused it; 0 is the platform. */
  rateChanged: [clock: Clock, agentId: number]
  /** `agentId` requested a rate, which may be the current one. */
  rateRequested: [clock: Clock, agentId: number, rateHz: number]
}

export class Clocks extends EventEmitter<ClockEvents> implements Kept {
  onChange: (() => void) | undefined
  readonly list: readonly Clock[]

  constructor(configs: ClockConfig[]) {
    super()
    this.setMaxListeners(0)
    this.list = configs.map((config, id) => new Clock(id, config, [id]))
    const byName = byUniqueName(this.list, 'clocks')
    for (const clock of this.list) this.#connect(clock, configs[clock.id]!, byName)
    checkTree(this.list, ({ parents }) => parents, 'parents')
    for (const clock of this.list) if (!clock.dividers) this.#divide(clock, configs)
  }

  #connect(clock: Clock, config: ClockConfig, byName: Map<string, Clock>): void {
    clock.parents = (config.parents ?? []).map((name, i) => {
      const parent = byName.get(name)
      if (!parent || parent === clock) {
        const others = [...byName.keys()].filter(other => other !== clock.name)
        throw new ConfigError([clock.id, 'parents', i], `${name} is not another clock; there are ${others.join(', ')}`)
      }
      parent.children.push(clock)
      return parent
    })
    const name = config.parent ?? config.parents?.[0]
    clock.parent = clock.parents.find(parent => parent.name === name)
    if (name !== undefined && !clock.parent) {
      throw new ConfigError([clock.id, 'parent'], `${name} is not among the clock's parents`)
    }
  }

  /** Sets the rates of the clocks that divide this one's, down the tree. */
  #divide(parent: Clock, configs: readonly ClockConfig[]): void {
    for (const clock of parent.children) {
      if (!clock.dividers || clock.parent !== parent) continue
      const rateHz = configs[clock.id]!.rate
      clock.divider = clock.dividers[clock.dividers.length - 1]!
      clock.follow()
      if (rateHz !== undefined) {
        const divider = clock.dividers.find(divider => divided(parent.rateHz, divider) === rateHz)
        const message = `${rateHz} Hz is not one of the rates ${clock.rates?.join(', ')} that the divider gives`
        if (divider === undefined) throw new ConfigError([clock.id, 'rate'], message)
        clock.divider = divider
        clock.follow()
      }
      this.#divide(clock, configs)
    }
  }

  /** The clock of this name. Throws if there is none, as only callers on the host ask, who know the platform. */
  named(name: string): Clock {
    return named(this.list, 'clock', name)
  }

  /** Sets a rate that `supportedRate` returned, and the clocks that divide it. `agentId` 0 is the platform. */
  setRate(clock: Clock, rateHz: number, agentId: number): void {
    const before = clock.rateHz
    clock.setRate(rateHz)
    if (clock.rateHz !== before) this.#changed(clock, agentId)
  }

  /** Sets the parent of `clock`. `agentId` 0 is the platform. */
  setParent(clock: Clock, parent: Clock, agentId: number): void {
    clock.setParent(parent)
    this.#follow(clock, agentId)
  }

  /** Empty: everything follows from the state of the single clocks. */
  save(): Saved {
    return null
  }

  restore(): void {
    for (const clock of this.list) clock.follow()
  }

  #changed(clock: Clock, agentId: number): void {
    this.emit('rateChanged', clock, agentId)
    for (const child of clock.children) if (child.parent === clock) this.#follow(child, agentId)
  }

  #follow(clock: Clock, agentId: number): void {
    const before = clock.rateHz
    clock.follow()
    if (clock.rateHz !== before) this.#changed(clock, agentId)
  }
}
