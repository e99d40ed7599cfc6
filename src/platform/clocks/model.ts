/** Clocks: their configuration, and their state with the rules that any agent's request must obey. Knows no bytes. */
import { EventEmitter } from 'node:events'
import { z } from 'zod'
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import { LIMITS, U32_MAX } from '../core/count-limits.js'
import { type Kept, mustFit, mustHave, readSaved, type Saved, savedWord, voter } from '../core/kept.js'
import { checkTree } from '../core/tree.js'
import { duration, frequency, resourceName } from '../core/units.js'

const permissionsSchema = z
  .strictObject({
    state: z.boolean().default(true),
    parent: z.boolean().default(true),
    rate: z.boolean().default(true),
  })
  .describe('What agents may change; the matching request is DENIED otherwise')

/** CLOCK_ATTRIBUTES has 32 bits for it. */
const enableDelay = duration.refine(us => us <= U32_MAX, { error: `the duration is too long; at most ${U32_MAX} us` })

const divisor = z.int().min(1).max(0xffff)

const clockSchema = z.strictObject({
  name: resourceName,
  rates: z.array(frequency).min(1).max(LIMITS.clockRates).optional().describe('All rates the clock can have'),
  range: z
    .strictObject({ min: frequency, max: frequency, step: frequency })
    .optional()
    .describe('Rates from min to max in steps'),
  divider: z
    .union([divisor, z.array(divisor).min(1).max(LIMITS.clockRates)])
    .optional()
    .describe("Instead of rates: the parent's rate, divided by this; of several, agents choose one by the rate"),
  rate: frequency.optional().describe('Rate at start; default: the lowest'),
  enabled: z
    .boolean()
    .default(false)
    .describe('Running at start, until an agent switches it off; its parent runs whenever it does'),
  critical: z.boolean().default(false).describe('Always running; agents may not switch it'),
  permissions: permissionsSchema.prefault({}),
  parents: z
    .array(z.string())
    .min(1)
    .max(LIMITS.clockParents)
    .optional()
    .describe('Names of the clocks it can be fed from'),
  parent: z.string().optional().describe('Parent at start; default: the first'),
  enable_delay: enableDelay.default(0).describe('Time from switching on to a stable clock'),
  duty_cycle: z.number().int().min(1).max(99).optional().describe('Percent; settable where given'),
  phase: z.number().int().min(0).max(0xffff_ffff).optional().describe('Settable where given'),
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

/** Vote of the boot firmware, which started the clock before any agent ran: the first agent to configure it ends it. */
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
  /** Ascending rates in Hz, or undefined if the clock has a range. With dividers they follow the parent's rate. */
  rates: readonly number[] | undefined
  /** In Hz; a list is described by its ends and step 0. */
  range: { min: number; max: number; step: number }
  /** Ascending; undefined: the clock has rates of its own. */
  readonly dividers: readonly number[] | undefined
  /** The one of them that is in use. */
  divider = 1
  readonly critical: boolean
  readonly permissions: { state: boolean; parent: boolean; rate: boolean }
  readonly enableDelayUs: number
  readonly latencyUs: number
  readonly notifies: boolean
  /** What the clock can be fed from; empty: it has no parents. */
  parents: readonly Clock[] = []
  parent: Clock | undefined
  /** The clocks that could be fed from this one. */
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

  /** It runs while anybody needs it: an agent, the boot firmware, a clock that it feeds. */
  get enabled(): boolean {
    if (this.critical || this.#votes.size > 0) return true
    for (const child of this.children) if (child.parent === this && child.enabled) return true
    return false
  }

  /** Counts `agentId` among those who need the clock, or no more: it runs while anybody does. */
  vote(agentId: number, needsClock: boolean): void {
    this.#votes.delete(BOOT)
    if (needsClock) this.#votes.add(agentId)
    else this.#votes.delete(agentId)
    this.onChange?.()
  }

  /** Forgets what `agentId` wanted; the boot firmware's vote stays. */
  release(agentId: number): void {
    if (this.#votes.delete(agentId)) this.onChange?.()
  }

  /** Sets the value of an extended configuration type that the clock has. */
  setExtended(type: number, value: number): void {
    this.extended.set(type, value)
    this.onChange?.()
  }

  /** Feeds it from one of its parents. `Clocks` has it take the rates that follow. */
  setParent(parent: Clock): void {
    this.parent = parent
    this.onChange?.()
  }

  save(): Saved {
    return [this.rateHz, this.divider, this.parent?.id ?? null, [...this.extended], [...this.#votes]]
  }

  restore(saved: Saved): void {
    const [rateHz, divider, parent, extended, votes] = readSaved(savedClock, saved)
    // What divides its parent's rate follows that.
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

  /** Takes a rate of its own, or the divider that comes closest to it. `Clocks` tells of it. */
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

  /** Works out the rates anew that follow the parent's. `Clocks` tells of it. */
  follow(): void {
    if (!this.dividers || !this.parent) return
    const { rateHz } = this.parent
    const { rates, range } = listed(this.dividers.map(divider => divided(rateHz, divider)).reverse())
    this.rates = rates
    this.range = range
    this.rateHz = divided(rateHz, this.divider)
    this.onChange?.()
  }

  /** The rate in Hz that a request for `rateHz` results in, or undefined if it lies outside what the clock can do. */
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

/** The rates of a clock that has its own; what stands in for them until the parent's rate is known, if it divides that. */
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
  /** A rate changed; `agentId` caused it, 0 is the platform. */
  rateChanged: [clock: Clock, agentId: number]
  /** `agentId` asked for a rate, whether or not it changes anything. */
  rateRequested: [clock: Clock, agentId: number, rateHz: number]
}

export class Clocks extends EventEmitter<ClockEvents> implements Kept {
  onChange: (() => void) | undefined
  readonly list: readonly Clock[]

  constructor(configs: ClockConfig[]) {
    super()
    this.setMaxListeners(0)
    this.list = configs.map((config, id) => new Clock(id, config, [id]))
    const byName = new Map<string, Clock>()
    for (const clock of this.list) {
      if (byName.has(clock.name)) throw new ConfigError([clock.id, 'name'], `two clocks are named ${clock.name}`)
      byName.set(clock.name, clock)
    }
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

  /** Gives the clocks that divide this one's rate theirs, and so on down the tree. */
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

  /** By name. Throws if there is none: for callers on the host, who know the platform. */
  named(name: string): Clock {
    const clock = this.list.find(clock => clock.name === name)
    if (!clock) throw new Error(`no clock is named ${name}; there are ${this.list.map(c => c.name).join(', ')}`)
    return clock
  }

  /** Sets a rate that `supportedRate` gave; `agentId` 0 is the platform itself. Clocks that divide it follow. */
  setRate(clock: Clock, rateHz: number, agentId: number): void {
    const before = clock.rateHz
    clock.setRate(rateHz)
    if (clock.rateHz !== before) this.#changed(clock, agentId)
  }

  /** Feeds `clock` from one of its parents; `agentId` 0 is the platform itself. */
  setParent(clock: Clock, parent: Clock, agentId: number): void {
    clock.setParent(parent)
    this.#follow(clock, agentId)
  }

  /** Nothing but what follows from the clocks' own. */
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
