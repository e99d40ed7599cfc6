/**
 * Sources of sensor values: constants, waveforms, random walks, and other resources. All but the last depend on time
 * alone: the same file, seed and times of reading give the same values.
 */
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { z } from 'zod'
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import type { Platform } from '../core/platform.js'
import { duration } from '../core/units.js'
import { type Body, QUANTITY_UNITS, type Quantity, type QuantityKey, quantityKeys, quantityOf } from './quantities.js'
import { scaled } from './scaled.js'
import { sensorTypeName } from './types.js'

export interface Source {
  /**
   * The raw value, a whole number within ±2^53. `nowUs` never decreases from call to call. Hot code: does not allocate.
   */
  read(nowUs: number): number
  /** Resolves the resources that it measures; called once all exist. Throws ConfigError. */
  bind?(platform: Platform): void
  /** The body whose temperature it measures, once it is bound. */
  readonly body?: Body | undefined
}

/** What a source is built from. */
export interface SourceContext {
  /** Path of the source in the sensors section, for errors. */
  path: ConfigPath
  /** Power of ten: raw value × 10^scale is the value in the sensor's unit. */
  scale: number
  /** The sensor's unit. */
  type: number
  /** When the platform started. */
  startUs: number
  /** For sources without a seed of their own. */
  seed: number
}

/** A random walk that is read late catches up at most this many steps and skips older ones. */
const CATCH_UP_STEPS = 1000

const period = duration.refine(us => us > 0, { error: 'must be longer than 0' })

const rampSchema = z
  .strictObject({ from: z.number(), to: z.number(), period, shape: z.enum(['saw', 'triangle']).default('saw') })
  .describe('Runs from one value to another in each period; a saw jumps back, a triangle runs back')

const sineSchema = z
  .strictObject({ mean: z.number(), amplitude: z.number(), period, phase: z.number().default(0) })
  .describe('Sine wave around a mean; the phase is in degrees')

const randomWalkSchema = z
  .strictObject({
    start: z.number(),
    step: z.number().positive(),
    min: z.number(),
    max: z.number(),
    interval: period,
    seed: z.int().min(0).max(0xffff_ffff).optional(),
  })
  .describe('Random walk: each interval a step of at most `step` up or down, between min and max')

/** The keys of a value that is not a constant: one of them is given. */
export const sourceKeys = {
  ramp: rampSchema.optional(),
  sine: sineSchema.optional(),
  random_walk: randomWalkSchema.optional(),
  ...quantityKeys,
}

/** A number, which is a constant, or a map with one of these keys. */
export function valueSchema<Keys extends z.ZodRawShape>(keys: Keys) {
  const moving = z.strictObject(keys).refine(given => Object.keys(given).length === 1, {
    error: `give one of ${Object.keys(keys).join(', ')}`,
    // Unknown keys give the better message.
    when: ({ issues }) => issues.length === 0,
  })
  return z.union([z.number(), moving])
}

export const sourceSchema = valueSchema(sourceKeys)
export type SourceConfig = z.infer<typeof sourceSchema>

/** Throws ConfigError for values that can't be sent as raw integers. */
export function createSource(config: SourceConfig, context: SourceContext): Source {
  if (typeof config === 'number') return new Constant(toRaw(config, context))
  if (config.ramp) return new Ramp(config.ramp, within(context, 'ramp'))
  if (config.sine) return new Sine(config.sine, within(context, 'sine'))
  if (config.random_walk) return new RandomWalk(config.random_walk, within(context, 'random_walk'))
  return new Measured(config, context)
}

function within(context: SourceContext, field: string): SourceContext {
  return { ...context, path: [...context.path, field] }
}

/** The raw integer of a value in the sensor's unit. Throws ConfigError at `field` if it exceeds 2^53. */
export function toRaw(value: number, context: Pick<SourceContext, 'path' | 'scale'>, field?: string): number {
  const raw = scaled(value, context.scale)
  if (Math.abs(raw) <= Number.MAX_SAFE_INTEGER) return raw
  const path = field === undefined ? context.path : [...context.path, field]
  throw new ConfigError(path, `${value} × 10^${-context.scale} exceeds 2^53; take a larger scale`)
}

/** Always the same raw value. */
export class Constant implements Source {
  readonly #raw: number

  constructor(raw: number) {
    this.#raw = raw
  }

  read(): number {
    return this.#raw
  }
}

/** A source that depends on time alone. Readings in one batch have the same time, so the value is calculated once. */
abstract class Signal implements Source {
  #raw = 0
  #atUs = Number.NaN

  read(nowUs: number): number {
    if (nowUs !== this.#atUs) {
      this.#raw = this.at(nowUs)
      this.#atUs = nowUs
    }
    return this.#raw
  }

  protected abstract at(nowUs: number): number
}

class Ramp extends Signal {
  readonly #from: number
  readonly #span: number
  readonly #periodUs: number
  readonly #triangle: boolean
  readonly #startUs: number

  constructor(config: z.infer<typeof rampSchema>, context: SourceContext) {
    super()
    this.#from = toRaw(config.from, context, 'from')
    this.#span = toRaw(config.to, context, 'to') - this.#from
    this.#periodUs = config.period
    this.#triangle = config.shape === 'triangle'
    this.#startUs = context.startUs
  }

  protected override at(nowUs: number): number {
    let part = ((nowUs - this.#startUs) % this.#periodUs) / this.#periodUs
    if (this.#triangle) part = part < 0.5 ? part * 2 : 2 - part * 2
    return Math.round(this.#from + this.#span * part)
  }
}

class Sine extends Signal {
  readonly #mean: number
  readonly #amplitude: number
  readonly #periodUs: number
  readonly #phase: number
  readonly #startUs: number

  constructor(config: z.infer<typeof sineSchema>, context: SourceContext) {
    super()
    toRaw(Math.abs(config.mean) + Math.abs(config.amplitude), context, 'amplitude')
    this.#mean = toRaw(config.mean, context)
    this.#amplitude = toRaw(config.amplitude, context)
    this.#periodUs = config.period
    this.#phase = (config.phase / 180) * Math.PI
    this.#startUs = context.startUs
  }

  protected override at(nowUs: number): number {
    const turns = ((nowUs - this.#startUs) % this.#periodUs) / this.#periodUs
    return Math.round(this.#mean + this.#amplitude * Math.sin(turns * 2 * Math.PI + this.#phase))
  }
}

class RandomWalk extends Signal {
  readonly #min: number
  readonly #max: number
  readonly #step: number
  readonly #intervalUs: number
  readonly #startUs: number
  readonly #random: ReturnType<typeof xoroshiro128plus>
  #steps = 0
  /** Not rounded, so that steps smaller than one raw unit add up. */
  #position: number

  constructor(config: z.infer<typeof randomWalkSchema>, context: SourceContext) {
    super()
    this.#min = toRaw(config.min, context, 'min')
    this.#max = toRaw(config.max, context, 'max')
    this.#position = toRaw(config.start, context, 'start')
    if (this.#max < this.#min) throw new ConfigError([...context.path, 'max'], `must be at least min, ${config.min}`)
    if (this.#position < this.#min || this.#position > this.#max) {
      throw new ConfigError([...context.path, 'start'], `must lie between min and max, ${config.min} and ${config.max}`)
    }
    toRaw(config.step, context, 'step')
    this.#step = config.step / 10 ** context.scale
    this.#intervalUs = config.interval
    this.#startUs = context.startUs
    this.#random = xoroshiro128plus(config.seed ?? context.seed)
  }

  protected override at(nowUs: number): number {
    const steps = Math.floor((nowUs - this.#startUs) / this.#intervalUs)
    for (let i = Math.min(steps - this.#steps, CATCH_UP_STEPS); i > 0; i--) this.#walk()
    this.#steps = steps
    return Math.round(this.#position)
  }

  /** A step beyond a bound is reflected there, at most as far as the other bound. */
  #walk(): void {
    let next = this.#position + (uniformFloat64(this.#random) * 2 - 1) * this.#step
    if (next > this.#max) next = Math.max(this.#min, 2 * this.#max - next)
    else if (next < this.#min) next = Math.min(this.#max, 2 * this.#min - next)
    this.#position = next
  }
}

/** A quantity of other resources. */
class Measured implements Source {
  readonly #config: Exclude<SourceConfig, number>
  readonly #context: SourceContext
  readonly #scale: number
  #quantity: Quantity | undefined

  constructor(config: Exclude<SourceConfig, number>, context: SourceContext) {
    this.#config = config
    this.#context = context
    this.#scale = context.scale
    const [key] = Object.keys(config) as [QuantityKey]
    const unit = QUANTITY_UNITS[key]
    if (sensorTypeName(context.type) === unit) return
    const problem = `measures in ${unit}, the sensor in ${sensorTypeName(context.type)}`
    throw new ConfigError([...context.path, key], problem)
  }

  bind(platform: Platform): void {
    this.#quantity = quantityOf(this.#config, platform, this.#context.path)
  }

  get body(): Body | undefined {
    return this.#quantity?.body
  }

  read(nowUs: number): number {
    const raw = this.#quantity?.read(nowUs, this.#scale) ?? 0
    return Math.min(Math.max(raw, -Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER)
  }
}

/** A seed for each sensor and axis (FNV-1a over the text, starting from the platform's seed). */
export function seedFor(platformSeed: number, text: string): number {
  let hash = 0x811c9dc5 ^ platformSeed
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
