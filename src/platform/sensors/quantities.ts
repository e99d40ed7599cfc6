/** What sensors can measure of other resources: power, rate, voltage, and the temperature that power leads to. */
import { z } from 'zod'
import type { Clock } from '../clocks/clock.js'
import { clocks } from '../clocks/index.js'
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import type { Platform } from '../core/platform.js'
import { linked } from '../core/resource.js'
import type { Time } from '../core/time.js'
import type { PowercapDomain } from '../powercaps/domain.js'
import { powercaps } from '../powercaps/index.js'
import { domainLoads, type Load, loadNamed, onDomainPower } from '../powercaps/loads.js'
import type { Powercaps } from '../powercaps/model.js'
import { voltages } from '../voltages/index.js'
import { OFF, type VoltageDomain } from '../voltages/model.js'
import { scaled } from './scaled.js'

const thermalSchema = z
  .strictObject({
    of: z.array(z.string()).min(1).describe('Names of the performance, power and powercap domains that heat the body'),
    resistance: z.number().positive().describe('Kelvin per watt'),
    capacitance: z
      .number()
      .positive()
      .describe('Joules per kelvin; capacitance times resistance is the time constant in seconds'),
    ambient: z.number().default(25).describe('Temperature at start and without power, in degrees Celsius'),
  })
  .describe('Temperature of a body that dissipates power, with one thermal resistance and one capacitance')

/** The keys of a sensor's value that bind it to other resources. */
export const quantityKeys = {
  power_of: z.string().optional().describe('Name of a performance, power or powercap domain; watts'),
  rate_of: z.string().optional().describe('Name of a clock; hertz, 0 while it is off'),
  voltage_of: z.string().optional().describe('Name of a voltage domain; volts, 0 while it is off'),
  thermal: thermalSchema.optional(),
}

const quantitySchema = z.object(quantityKeys)
export type QuantityConfig = z.infer<typeof quantitySchema>
type ThermalConfig = z.infer<typeof thermalSchema>

/** The unit of each, as named by sensor types. */
export const QUANTITY_UNITS = { power_of: 'watt', rate_of: 'hertz', voltage_of: 'volt', thermal: 'celsius' } as const
export type QuantityKey = keyof typeof QUANTITY_UNITS

const MICRO = 1e6

/** A value that can be measured at any time. */
export interface Quantity {
  /**
   * The value in its unit, × 10^-scale, as a whole number. `nowUs` never decreases from call to call. Hot code: whole
   * numbers, because fractions would allocate.
   */
  read(nowUs: number, scale: number): number
  /** The body, if this is a temperature. */
  readonly body?: Body
}

/** A body that gets warm; temperatures are in degrees Celsius. */
export interface Body {
  readonly ambient: number
  temperature(nowUs: number): number
  /** Sets the temperature at once; from there it moves towards what ambient and power lead to. */
  setTemperature(degrees: number): void
  setAmbient(degrees: number): void
}

/** The quantity that `config` names, if any. Throws ConfigError within `path` for unknown names. */
export function quantityOf(config: QuantityConfig, platform: Platform, path: ConfigPath): Quantity | undefined {
  const { power_of, rate_of, voltage_of, thermal } = config
  if (power_of !== undefined) {
    return new Power(loadNamed(platform, allLoads(platform), power_of, [...path, 'power_of']))
  }
  if (rate_of !== undefined) return new Rate(linked(platform, clocks, rate_of, [...path, 'rate_of']))
  if (voltage_of !== undefined) return new Voltage(linked(platform, voltages, voltage_of, [...path, 'voltage_of']))
  return thermal && new Thermal(thermal, platform, [...path, 'thermal'])
}

/** Everything whose power can be measured. */
export function allLoads(platform: Platform): Load[] {
  const loads = domainLoads(platform)
  if (!platform.has(powercaps)) return loads
  const model = platform.model(powercaps)
  const measured = model.list.filter(({ source, unit }) => source && unit !== 'abstract')
  return [...loads, ...measured.map(domain => new PowercapLoad(model, domain))]
}

class PowercapLoad implements Load {
  readonly name: string
  readonly #model: Powercaps
  readonly #domain: PowercapDomain

  constructor(model: Powercaps, domain: PowercapDomain) {
    this.name = domain.name
    this.#model = model
    this.#domain = domain
  }

  get microwatts(): number {
    return this.#model.measure(this.#domain) * this.#domain.unitMicrowatts
  }
}

class Power implements Quantity {
  readonly #load: Load

  constructor(load: Load) {
    this.#load = load
  }

  read(_nowUs: number, scale: number): number {
    return scaled(this.#load.microwatts / MICRO, scale)
  }
}

class Rate implements Quantity {
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  read(_nowUs: number, scale: number): number {
    return this.#clock.enabled ? scaled(this.#clock.rateHz, scale) : 0
  }
}

class Voltage implements Quantity {
  readonly #domain: VoltageDomain

  constructor(domain: VoltageDomain) {
    this.#domain = domain
  }

  read(_nowUs: number, scale: number): number {
    return this.#domain.mode === OFF ? 0 : scaled(this.#domain.level / MICRO, scale)
  }
}

/**
 * A body with one thermal resistance R to its surroundings and one capacitance C. While the power P is constant it
 * approaches ambient + R·P as exp(-t / RC). The closed form is exact at any time, so nothing is integrated. A change of
 * power begins a new segment at the temperature reached.
 */
class Thermal implements Quantity, Body {
  readonly body = this
  ambient: number
  readonly #loads: readonly Load[]
  readonly #time: Time
  readonly #resistance: number
  readonly #timeConstantUs: number
  /** The last change of power: its time, the temperature then, and the temperature it leads to. */
  #sinceUs: number
  #start: number
  #end: number

  constructor(config: ThermalConfig, platform: Platform, path: ConfigPath) {
    const known = allLoads(platform)
    this.#loads = config.of.map((name, i) => {
      if (config.of.indexOf(name) !== i) throw new ConfigError([...path, 'of', i], `${name} is listed twice`)
      return loadNamed(platform, known, name, [...path, 'of', i])
    })
    this.ambient = config.ambient
    this.#time = platform.time
    this.#resistance = config.resistance
    this.#timeConstantUs = config.resistance * config.capacitance * MICRO
    this.#sinceUs = platform.time.nowUs
    this.#start = config.ambient
    this.#end = this.#settled()
    onDomainPower(platform, this.#changed)
    if (platform.has(powercaps)) platform.model(powercaps).on('sourceChanged', this.#changed)
  }

  readonly #changed = (): void => {
    if (this.#settled() !== this.#end) this.#begin()
  }

  /** Begins a new segment at `start`, or at the temperature reached. */
  #begin(start?: number): void {
    // The host may change something long after the last batch or timer.
    this.#time.refresh()
    const { nowUs } = this.#time
    this.#start = start ?? this.temperature(nowUs)
    this.#sinceUs = nowUs
    this.#end = this.#settled()
  }

  setTemperature(degrees: number): void {
    this.#begin(degrees)
  }

  setAmbient(degrees: number): void {
    this.ambient = degrees
    this.#changed()
  }

  /** The temperature that the present power leads to. */
  #settled(): number {
    const microwatts = this.#loads.reduce((sum, load) => sum + load.microwatts, 0)
    return this.ambient + (this.#resistance * microwatts) / MICRO
  }

  read(nowUs: number, scale: number): number {
    return scaled(this.temperature(nowUs), scale)
  }

  temperature(nowUs: number): number {
    return this.#end + (this.#start - this.#end) * Math.exp((this.#sinceUs - nowUs) / this.#timeConstantUs)
  }
}
