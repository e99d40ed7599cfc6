/** One clock: its state, who needs it, and the rates that requests result in. Knows no bytes. */
import { z } from 'zod'
import { BOOT_FIRMWARE } from '../core/agent-ids.js'
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import { Entry } from '../core/entry.js'
import { Grants } from '../core/grants.js'
import { type Kept, mustFit, mustHave, readSaved, type Saved, savedWord, voter } from '../core/kept.js'
import { type Triplet, WHOLE_TRIPLET } from '../core/triplet.js'
import type { ClockConfig } from './config.js'
import { divided, dividedRates, dividersOf, type Rates, type Rounding, ratesOf, supportedRate } from './rates.js'

/** Extended configuration types of CLOCK_CONFIG_SET (SCMI v3.2 §4.6.2.8); 0x80 and up are the vendor's. */
export const DUTY_CYCLE = 1
export const PHASE = 2

const savedClock = z.tuple([
  z.int().min(0).describe('rate in Hz'),
  z.int().describe('divider'),
  z.int().nullable().describe('id of the parent'),
  z.array(z.tuple([z.int(), savedWord])).describe('extended configuration'),
  z.array(voter),
])

export class Clock extends Entry implements Kept {
  onChange: (() => void) | undefined
  /** How a range is told. */
  readonly triplet: Triplet
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
  readonly #grants: Grants
  /** With dividers they follow the parent's rate. */
  #rates: Rates

  constructor(config: ClockConfig, at: ConfigPath) {
    super(config)
    this.#rates = ratesOf(config, at)
    this.triplet = config.triplet ?? WHOLE_TRIPLET
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
    if (config.enabled) this.#votes.add(BOOT_FIRMWARE)
    const grantKey = (['grants', 'rounds'] as const).find(key => config[key] !== undefined)
    if (grantKey && this.dividers)
      throw new ConfigError([...at, grantKey], "has no effect: the clock divides its parent's rate")
    this.#grants = new Grants(config, rateHz => this.supportedRate(rateHz, 'nearest') === rateHz, at)
  }

  /** Ascending rates in Hz; undefined if the clock has a range. */
  get rates(): readonly number[] | undefined {
    return this.#rates.list
  }

  /** The rates as they are told; undefined: as a range. */
  get toldRates(): readonly number[] | undefined {
    return this.#rates.told
  }

  /** In Hz; step 0: a list, or every rate. */
  get range(): Rates['range'] {
    return this.#rates.range
  }

  /** The clock runs while an agent, the boot firmware or a child needs it. */
  get enabled(): boolean {
    if (this.critical || this.#votes.size > 0) return true
    for (const child of this.children) if (child.parent === this && child.enabled) return true
    return false
  }

  /** Records whether `agentId` needs the clock. */
  vote(agentId: number, needsClock: boolean): void {
    this.#votes.delete(BOOT_FIRMWARE)
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
    if (!this.dividers) mustFit(this.canHave(rateHz), `it can't have ${rateHz} Hz`)
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
    this.#rates = dividedRates(rateHz, this.dividers)
    this.rateHz = divided(rateHz, this.divider)
    this.onChange?.()
  }

  /** The rate in Hz that a request for `rateHz` results in; undefined if it is out of range. */
  supportedRate(rateHz: number, rounding: Rounding): number | undefined {
    return supportedRate(this.#rates, rateHz, rounding)
  }

  /** What an agent gets that sets this supported rate. */
  granted(rateHz: number): number {
    return this.#grants.of(rateHz)
  }

  /** Whether a request of an agent can lead to this rate. */
  canHave(rateHz: number): boolean {
    return this.supportedRate(rateHz, 'nearest') === rateHz || this.#grants.canGive(rateHz, this.range)
  }
}
