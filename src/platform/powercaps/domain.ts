/** One powercap domain: its limits, and the source of its power. Knows no bytes. */
import { z } from 'zod'
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import { U32_MAX } from '../core/count-limits.js'
import { Entry } from '../core/entry.js'
import type { FastChannelConfig } from '../core/fast-channels.js'
import { type Kept, mustFit, readSaved, type Saved } from '../core/kept.js'
import type { Amount, ChannelOf, PowercapConfig, Unit } from './config.js'
import { DEFAULT_INTERVAL_US, includes, PowerCap, type Range, rangeOf, UNCAPPED } from './limit.js'

export { UNCAPPED } from './limit.js'

const MICROWATTS_PER_MILLIWATT = 1000

/** The source of a domain's power. */
export interface PowerSource {
  /** Power in the domain's unit, averaged up to now. Hot code. */
  read(nowUs: number): number
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

const savedCap = z.tuple([z.int().describe('cap'), z.int().describe('averaging interval')])
/** The second part only if the file has keys of version 3.0. */
const savedDomain = z.union([
  savedCap,
  z.tuple([savedCap, z.int().describe('measurement averaging interval'), z.array(savedCap)]),
])

export class PowercapDomain extends Entry implements Kept {
  onChange: (() => void) | undefined
  readonly unit: Unit
  /** Its limits: at least one, and most often only that. In the domain's unit, like all powers here. */
  readonly caps: readonly [PowerCap, ...PowerCap[]]
  /** Intervals over which measurements are averaged, in microseconds; undefined: that of the first limit. */
  readonly maiRange: Range | undefined
  #maiUs: number | undefined
  readonly sustainablePower: number
  /** In thousandths of a percent. */
  readonly accuracy: number
  readonly permissions: { cap: boolean; pai: boolean }
  /** Time of an asynchronous change of the cap; undefined: not supported. */
  readonly latencyUs: number | undefined
  readonly notifies: boolean
  /** Undefined: agents send messages. */
  readonly fastChannels: FastChannelConfig<ChannelOf> | undefined
  parent: PowercapDomain | undefined
  /** Source of its power; undefined: power is not monitored. */
  source: PowerSource | undefined
  /** A change of the cap is pending: others must wait. */
  changing = false

  constructor(config: PowercapConfig, at: ConfigPath) {
    super(config)
    this.unit = config.unit
    const power = (value: Amount, ...field: string[]) => inUnit(value, config.unit, [...at, ...field])
    const first = this.#capOf(config, config.enabled, config.cap_name ?? config.name, at)
    const { pai: interval, pai_range: intervalRange } = config
    this.caps = [
      new PowerCap(0, { ...first, interval, intervalRange }, 'pai', at),
      ...config.limits.map((limit, i) => {
        const place = [...at, 'limits', i]
        const { cai: interval, cai_range: intervalRange } = limit
        const given = { ...this.#capOf(limit, limit.enabled, limit.name, place), interval, intervalRange }
        return new PowerCap(i + 1, given, 'cai', place)
      }),
    ]
    if (config.mai !== undefined || config.mai_range) {
      const fixed = config.mai ?? DEFAULT_INTERVAL_US
      this.maiRange = rangeOf(config.mai_range, fixed, [...at, 'mai_range'], [...at, 'mai'])
      this.#maiUs = config.mai ?? this.maiRange.min
      if (!includes(this.maiRange, this.#maiUs))
        throw new ConfigError([...at, 'mai'], `${this.#maiUs} us is not within mai_range`)
    }
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
    this.fastChannels = config.fast_channels
  }

  /** The cap of a limit, in the domain's unit. */
  #capOf(
    { cap, cap_range }: Pick<PowercapConfig, 'cap' | 'cap_range'>,
    enabled: boolean,
    name: string,
    at: ConfigPath,
  ) {
    const power = (value: Amount, ...field: string[]) => inUnit(value, this.unit, [...at, ...field])
    if (!cap_range && cap === undefined)
      throw new ConfigError(at, 'a powercap domain needs one of cap (fixed) or cap_range')
    const capRange = cap_range && {
      min: power(cap_range.min, 'cap_range', 'min'),
      max: power(cap_range.max, 'cap_range', 'max'),
      step: power(cap_range.step, 'cap_range', 'step'),
    }
    return { name, enabled, capRange, cap: cap === undefined ? undefined : power(cap, 'cap') }
  }

  /** The unit in microwatts; meaningless for an abstract one. */
  get unitMicrowatts(): number {
    return this.unit === 'milliwatt' ? MICROWATTS_PER_MILLIWATT : 1
  }

  /** The first limit: the only one in versions before 3.0. */
  get cap(): number {
    return this.caps[0].cap
  }

  /** The averaging interval of versions before 3.0. */
  get paiUs(): number {
    return this.caps[0].intervalUs
  }

  /** The interval over which measurements are averaged. */
  get maiUs(): number {
    return this.#maiUs ?? this.paiUs
  }

  set maiUs(us: number) {
    this.#maiUs = us
  }

  get hasMeasurementIntervals(): boolean {
    return this.maiRange !== undefined && this.maiRange.min !== this.maiRange.max
  }

  supportsMai(us: number): boolean {
    return this.maiRange !== undefined && includes(this.maiRange, us)
  }

  save(): Saved {
    const [first, ...more] = this.caps.map(({ cap, intervalUs }) => [cap, intervalUs])
    return more.length === 0 && !this.maiRange ? first! : [first!, this.maiUs, more]
  }

  restore(saved: Saved): void {
    const read = readSaved(savedDomain, saved)
    const [first, maiUs, more] = read.length === 2 ? [read, undefined, []] : read
    mustFit(more.length === this.caps.length - 1, `it has ${this.caps.length} limits`)
    for (const [i, [cap, us]] of [first, ...more].entries()) {
      const limit = this.caps[i]!
      mustFit(cap === UNCAPPED || limit.supportsCap(cap), `it can't have a cap of ${cap}`)
      mustFit(limit.supportsInterval(us), `it can't have an averaging interval of ${us} us`)
    }
    mustFit(maiUs === undefined || !this.maiRange || this.supportsMai(maiUs), `it can't average over ${maiUs} us`)
    for (const [i, [cap, us]] of [first, ...more].entries()) {
      this.caps[i]!.cap = cap
      this.caps[i]!.intervalUs = us
    }
    if (maiUs !== undefined && this.maiRange) this.#maiUs = maiUs
  }
}
