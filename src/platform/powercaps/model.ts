/** Powercap domains: their configuration, their state, and the rules for agents' requests. Knows no bytes. */
import { EventEmitter } from 'node:events'
import { z } from 'zod'
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import { LIMITS, U32_MAX } from '../core/count-limits.js'
import { type Kept, mustFit, readSaved, type Saved } from '../core/kept.js'
import { byUniqueName, named } from '../core/named.js'
import type { Time, Timer } from '../core/time.js'
import { checkTree } from '../core/tree.js'
import { duration, power, resourceName } from '../core/units.js'

const MICROWATTS_PER_MILLIWATT = 1000

/** Power is measured at most this often, however short the averaging interval. */
const MEASURE_MIN_US = 1000

/** A plain number is in the domain's unit; a text brings its own unit. */
const amount = z.union([z.int().min(0).max(U32_MAX), power.transform(microwatts => ({ microwatts }))], {
  error: ({ input }) => `${input} is not a power; write a whole number of the domain's unit or e.g. "2.5 W"`,
})

const interval = duration.refine(us => us > 0 && us <= U32_MAX, { error: 'must be longer than 0 and at most 71 min' })

const permissionsSchema = z
  .strictObject({ cap: z.boolean().default(true), pai: z.boolean().default(true) })
  .describe('What agents may change; the matching request is DENIED otherwise')

const asyncSchema = z.strictObject({
  latency: duration.default(1000).describe('Time that an asynchronous change of the cap takes'),
})

const powercapSchema = z.strictObject({
  name: resourceName,
  unit: z
    .enum(['abstract', 'microwatt', 'milliwatt'])
    .default('microwatt')
    .describe('Unit of plain numbers of power, here and in messages; Linux ignores abstract domains'),
  cap_range: z
    .strictObject({ min: amount, max: amount, step: amount })
    .optional()
    .describe('Range of caps, in steps; default: the cap is fixed'),
  cap: amount.optional().describe('Cap at start; default: the highest'),
  enabled: z
    .boolean()
    .default(true)
    .describe('The cap is in force at start; agents may disable it, from version 2.0 on'),
  pai_range: z
    .strictObject({ min: interval, max: interval, step: interval })
    .optional()
    .describe('Range of power averaging intervals, in steps; default: the interval is fixed'),
  pai: interval.optional().describe('Power averaging interval at start; default: the shortest, or 100 ms'),
  sustainable_power: amount.default(0).describe('0: not specified'),
  accuracy: z.number().min(0).max(100).multipleOf(0.001).default(0).describe('Of measurements, in percent'),
  parent: z.string().optional().describe('Name of the domain that this one is part of'),
  power: amount.optional().describe('Power that the domain draws; without power and domains, power is not monitored'),
  domains: z
    .array(z.string())
    .optional()
    .describe("Names of the performance and power domains in it; its power is the sum of theirs and its children's"),
  permissions: permissionsSchema.prefault({}),
  async: asyncSchema.optional().describe('The cap can be set asynchronously'),
  notify: z.boolean().default(true).describe('Notifications of caps and, where monitored, of measurements are offered'),
})

export const powercapsSchema = z.array(powercapSchema).min(1).max(LIMITS.powercaps)
export type PowercapConfig = z.infer<typeof powercapSchema>
type Unit = PowercapConfig['unit']
type Amount = z.infer<typeof amount>

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

export class PowercapDomain implements Kept {
  readonly id: number
  readonly name: string
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

  constructor(id: number, config: PowercapConfig, at: ConfigPath) {
    this.id = id
    this.name = config.name
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

/** A domain whose power is measured: the number of watchers, and the next measurement. */
interface Watched {
  watchers: number
  timer: Timer
}

export interface PowercapEvents {
  /** A cap or an averaging interval changed. `agentId` caused it; 0 is the platform. */
  capChanged: [domain: PowercapDomain, agentId: number]
  /** The host set the power of a domain. */
  sourceChanged: [domain: PowercapDomain]
  /** The power of a watched domain was measured. */
  measured: [domain: PowercapDomain, power: number]
}

export class Powercaps extends EventEmitter<PowercapEvents> {
  readonly list: readonly PowercapDomain[]
  readonly #time: Time
  readonly #watched = new Map<PowercapDomain, Watched>()

  constructor(configs: PowercapConfig[], time: Time) {
    super()
    this.setMaxListeners(0)
    this.#time = time
    this.list = configs.map((config, id) => new PowercapDomain(id, config, [id]))
    const byName = byUniqueName(this.list, 'powercap domains')
    configs.forEach(({ parent }, id) => {
      if (parent !== undefined) this.list[id]!.parent = parentNamed(parent, byName, [id, 'parent'])
    })
    checkTree(this.list, ({ parent }) => (parent ? [parent] : []), 'parent')
  }

  /** The domain of this name. Throws if there is none, as only callers on the host ask, who know the platform. */
  named(name: string): PowercapDomain {
    return named(this.list, 'powercap domain', name)
  }

  /** Sets UNCAPPED or a supported cap. `agentId` 0 is the platform. */
  setCap(domain: PowercapDomain, cap: number, agentId: number): void {
    if (domain.cap === cap) return
    domain.cap = cap
    domain.onChange?.()
    this.emit('capChanged', domain, agentId)
  }

  /** Sets a supported averaging interval. `agentId` 0 is the platform. */
  setPai(domain: PowercapDomain, us: number, agentId: number): void {
    if (domain.paiUs === us) return
    domain.paiUs = us
    domain.onChange?.()
    this.emit('capChanged', domain, agentId)
  }

  /** Takes the domain's power from `source` from now on, which also makes it monitored. For callers on the host. */
  bindPower(domain: PowercapDomain, source: PowerSource): void {
    domain.source = source
    this.#time.refresh()
    this.emit('sourceChanged', domain)
    if (this.#watched.has(domain)) this.emit('measured', domain, this.measure(domain))
  }

  /** Sets the power that `domain` draws, in its unit. */
  setPower(domain: PowercapDomain, power: number): void {
    this.bindPower(domain, { read: () => power })
  }

  /** The power of a monitored domain, as a whole number of its unit. */
  measure(domain: PowercapDomain): number {
    const power = domain.source?.read(this.#time.nowUs) ?? 0
    return Math.min(Math.max(Math.round(power), 0), U32_MAX)
  }

  /** Adds a watcher: power is measured at the end of each averaging interval. */
  watch(domain: PowercapDomain): void {
    const watched = this.#watched.get(domain)
    if (watched) watched.watchers++
    else this.#watched.set(domain, { watchers: 1, timer: this.#measureLater(domain) })
  }

  unwatch(domain: PowercapDomain): void {
    const watched = this.#watched.get(domain)
    if (!watched || --watched.watchers > 0) return
    watched.timer.cancel()
    this.#watched.delete(domain)
  }

  #measureLater(domain: PowercapDomain): Timer {
    return this.#time.after(Math.max(domain.paiUs, MEASURE_MIN_US), () => {
      const watched = this.#watched.get(domain)
      if (!watched) return
      watched.timer = this.#measureLater(domain)
      this.emit('measured', domain, this.measure(domain))
    })
  }
}

function parentNamed(name: string, byName: Map<string, PowercapDomain>, at: ConfigPath): PowercapDomain {
  const parent = byName.get(name)
  if (!parent) throw new ConfigError(at, `${name} is not a powercap domain; there are ${[...byName.keys()].join(', ')}`)
  // Linux gives up on all domains when it meets one below an abstract one.
  if (parent.unit === 'abstract') throw new ConfigError(at, `${name} has an abstract unit, so it can't be a parent`)
  return parent
}
