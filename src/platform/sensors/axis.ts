/** The axes of a sensor: where their values come from, and the range that they are described with. */
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import type { Platform } from '../core/platform.js'
import type { Time } from '../core/time.js'
import type { AxisConfig, AxisExtendedConfig, SensorConfig } from './config.js'
import { type Decimal, toDecimal } from './decimal.js'
import type { Body } from './quantities.js'
import { scaled } from './scaled.js'
import { Constant, createSource, type Source, type SourceContext, seedFor, toRaw } from './sources.js'

/** Resolutions have a mantissa of 27 bits. */
const RESOLUTION_MAX = 2 ** 27 - 1

/** What axes need of the platform. */
export interface AxisContext {
  time: Time
  /** The platform's seed. */
  seed: number
}

export interface Extended {
  /** In the sensor's unit. */
  resolution: Decimal
  /** Raw. */
  min: number
  max: number
}

/** One axis. A sensor without axes has one that stands for the sensor. */
export class Axis {
  readonly name: string
  readonly type: number
  /** Power of ten: raw value × 10^scale is the value in the unit. */
  readonly scale: number
  readonly extended: Extended | undefined
  readonly #source: Source
  /** The source of its values: the configured one, or a constant that the host set. */
  #current: Source

  constructor(name: string, extended: AxisExtendedConfig | undefined, at: SourceContext, source: Source) {
    this.name = name
    this.type = at.type
    this.scale = at.scale
    this.extended = extended && toExtended(extended, { ...at, path: [...at.path, 'extended'] })
    this.#source = source
    this.#current = source
  }

  /** Resolves the resources that its source measures. Throws ConfigError. */
  bind(platform: Platform): void {
    this.#source.bind?.(platform)
  }

  /** The body whose temperature it shows, if it shows that of a thermal model. */
  get body(): Body | undefined {
    return this.#source.body
  }

  /** Raw value, a whole number within ±2^53. Hot code. */
  read(nowUs: number): number {
    return this.#current.read(nowUs)
  }

  /** Sets a fixed `value` in the axis' unit; undefined returns to the source. Throws RangeError. */
  set(value: number | undefined): void {
    if (value === undefined) {
      this.#current = this.#source
      return
    }
    const raw = scaled(value, this.scale)
    if (!Number.isSafeInteger(raw)) throw new RangeError(`${value} does not fit ${this.name}`)
    this.#current = new Constant(raw)
  }
}

function toExtended(config: AxisExtendedConfig, at: SourceContext): Extended {
  const resolution = toDecimal(config.resolution, RESOLUTION_MAX)
  if (!resolution) {
    throw new ConfigError([...at.path, 'resolution'], `${config.resolution} has too many digits; at most 8 fit`)
  }
  return { resolution, min: toRaw(config.min, at, 'min'), max: toRaw(config.max, at, 'max') }
}

/** The axes of a sensor; without `axes`, one that stands for the sensor. Throws ConfigError. */
export function createAxes(path: ConfigPath, config: SensorConfig, context: AxisContext): Axis[] {
  const { axes, value, extended } = config
  if ((axes === undefined) === (value === undefined)) throw new ConfigError(path, 'give either value or axes')
  if (axes) {
    const stray = (['resolution', 'min', 'max'] as const).find(field => extended?.[field] !== undefined)
    if (stray) throw new ConfigError([...path, 'extended', stray], 'belongs to the axes of a sensor that has axes')
    return axes.map((axis, i) => createAxis([...path, 'axes', i], { ...axis, value: axis.value }, config, context))
  }
  const self = {
    name: config.name,
    type: undefined,
    scale: undefined,
    value: value!,
    extended: complete(path, extended),
  }
  return [createAxis(path, self, config, context)]
}

function createAxis(path: ConfigPath, axis: AxisConfig, sensor: SensorConfig, context: AxisContext): Axis {
  const at: SourceContext = {
    path,
    scale: axis.scale ?? sensor.scale,
    type: axis.type ?? sensor.type,
    startUs: context.time.nowUs,
    seed: seedFor(context.seed, `${sensor.name}/${axis.name}`),
  }
  const source = createSource(axis.value, { ...at, path: [...path, 'value'] })
  return new Axis(axis.name, axis.extended, at, source)
}

/** A sensor without axes describes its range itself, with all fields or none. */
function complete(path: ConfigPath, extended: SensorConfig['extended']): AxisExtendedConfig | undefined {
  if (!extended) return undefined
  const { resolution, min, max } = extended
  if (resolution === undefined || min === undefined || max === undefined) {
    throw new ConfigError([...path, 'extended'], 'needs resolution, min and max')
  }
  return { resolution, min, max }
}
