/** What data events measure besides what sensors can: sensors themselves, energy, residency, messages. Knows no bytes. */
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import type { Platform } from '../core/platform.js'
import { linked } from '../core/resource.js'
import type { Time } from '../core/time.js'
import { perfDomains } from '../perf-domains/index.js'
import { powerDomains } from '../power-domains/index.js'
import { powercaps } from '../powercaps/index.js'
import { type Load, loadNamed, onDomainPower } from '../powercaps/loads.js'
import { sensors } from '../sensors/index.js'
import { allLoads, QUANTITY_UNITS } from '../sensors/quantities.js'
import { scaled, unscaled } from '../sensors/scaled.js'
import type { Sensor } from '../sensors/sensor.js'
import { createSource, type Source, type SourceConfig, type SourceContext } from '../sensors/sources.js'
import { sensorTypeOf } from '../sensors/types.js'
import type { EventConfig } from './config.js'
import { type EventTypeName, eventTypeOf } from './words.js'

const US_PER_S = 1e6
const UW_US_PER_J = 1e12

/** Which of its messages an agent counts. */
export type MessageCount = 'answered' | 'refused'

/** What an event measures, and how that is described where the platform file does not say. */
export interface Measure {
  /** Undefined: messages, which agents count themselves. */
  source: Source | undefined
  messages: MessageCount | undefined
  unit: number
  type: number
  scale: number
}

/** Values only grow: agents see how much since they started. */
export const ACCUMULATING: readonly number[] = (['idle_residency', 'idle_count', 'accumulating'] as const).map(
  eventTypeOf,
)

/** The measure of an event; `context` is that of a sensor's source. Throws ConfigError within `context.path`. */
export function measureOf(
  config: EventConfig,
  platform: Platform,
  context: Omit<SourceContext, 'scale' | 'type'>,
): Measure {
  const { value } = config
  const described = (unit: string, type: EventTypeName, source: (scale: number) => Source | undefined): Measure => {
    const scale = config.scale ?? 0
    const number = config.unit ?? sensorTypeOf(unit)
    return { source: source(scale), messages: undefined, unit: number, type: config.type ?? eventTypeOf(type), scale }
  }
  const at = (key: string): ConfigPath => [...context.path, key]
  if (typeof value !== 'number') {
    const { sensor, energy_of, residency_of, messages } = value
    if (sensor !== undefined) return ofSensor(config, linked(platform, sensors, sensor, at('sensor')), at('sensor'))
    if (energy_of !== undefined) {
      const load = loadNamed(platform, allLoads(platform), energy_of, at('energy_of'))
      return described('joule', 'accumulating', scale => new Energy(load, platform, scale))
    }
    if (residency_of !== undefined) {
      const { isIn, idle } = stayIn(residency_of, platform, at('residency_of'))
      return described(
        'second',
        idle ? 'idle_residency' : 'accumulating',
        scale => new Residency(isIn, platform, scale),
      )
    }
    if (messages !== undefined) return { ...described('count', 'accumulating', () => undefined), messages }
  }
  const like = value as SourceConfig
  return described(unitOf(like), 'instantaneous', scale => {
    const type = config.unit ?? sensorTypeOf(unitOf(like))
    const source = createSource(like, { ...context, scale, type })
    source.bind?.(platform)
    return source
  })
}

function unitOf(value: SourceConfig): string {
  const [key = ''] = typeof value === 'number' ? [] : Object.keys(value)
  return new Map<string, string>(Object.entries(QUANTITY_UNITS)).get(key) ?? 'unspecified'
}

function ofSensor(config: EventConfig, sensor: Sensor, path: ConfigPath): Measure {
  const [axis] = sensor.axes
  if (sensor.multiAxis || !axis) throw new ConfigError(path, `${sensor.name} has axes; name a sensor with one value`)
  const scale = config.scale ?? axis.scale
  const read =
    scale === axis.scale
      ? (nowUs: number) => axis.read(nowUs)
      : (nowUs: number) => scaled(unscaled(axis.read(nowUs), axis.scale), scale)
  return {
    source: { read },
    messages: undefined,
    unit: config.unit ?? axis.type,
    type: config.type ?? eventTypeOf('instantaneous'),
    scale,
  }
}

/** Adds up something that stays the same between changes. */
abstract class Accumulator implements Source {
  readonly #time: Time
  readonly #scale: number
  #sum = 0
  #rate = 0
  #sinceUs: number

  constructor(platform: Platform, scale: number) {
    this.#time = platform.time
    this.#scale = scale
    this.#sinceUs = platform.time.nowUs
  }

  /** In units of the sum for each microsecond. */
  protected abstract rateNow(): number

  /** The rate may have changed just now. */
  protected readonly changed = (): void => {
    this.#time.refresh()
    this.#addUp(this.#time.nowUs)
  }

  #addUp(nowUs: number): void {
    this.#sum += this.#rate * Math.max(nowUs - this.#sinceUs, 0)
    this.#sinceUs = nowUs
    this.#rate = this.rateNow()
  }

  read(nowUs: number): number {
    this.#addUp(nowUs)
    return scaled(this.#sum, this.#scale)
  }
}

/** Joules that a load drew. */
class Energy extends Accumulator {
  readonly #load: Load

  constructor(load: Load, platform: Platform, scale: number) {
    super(platform, scale)
    this.#load = load
    onDomainPower(platform, this.changed)
    if (platform.has(powercaps)) platform.model(powercaps).on('sourceChanged', this.changed)
    this.changed()
  }

  protected override rateNow(): number {
    return this.#load.microwatts / UW_US_PER_J
  }
}

/** Seconds that a domain spent in a state. */
class Residency extends Accumulator {
  readonly #isIn: () => boolean

  constructor(isIn: () => boolean, platform: Platform, scale: number) {
    super(platform, scale)
    this.#isIn = isIn
    onDomainPower(platform, this.changed)
    this.changed()
  }

  protected override rateNow(): number {
    return this.#isIn() ? 1 / US_PER_S : 0
  }
}

interface Stay {
  isIn: () => boolean
  /** Less than fully powered. */
  idle: boolean
}

function stayIn(
  { domain: name, state, level }: { domain: string; state?: string | undefined; level?: number | undefined },
  platform: Platform,
  path: ConfigPath,
): Stay {
  if ((state === undefined) === (level === undefined)) throw new ConfigError(path, 'give either state or level')
  if (state !== undefined) {
    const domain = linked(platform, powerDomains, name, [...path, 'domain'])
    const number = domain.stateNames.get(state)
    if (number === undefined) {
      const known = [...domain.stateNames.keys()].join(', ')
      throw new ConfigError([...path, 'state'], `${state} is not one of ${known}`)
    }
    return { isIn: () => domain.state === number, idle: state !== 'on' }
  }
  const domain = linked(platform, perfDomains, name, [...path, 'domain'])
  if (!domain.levels.some(other => other.level === level)) {
    const known = domain.levels.map(({ level }) => level).join(', ')
    throw new ConfigError([...path, 'level'], `${level} is not one of ${known}`)
  }
  return { isIn: () => domain.level.level === level, idle: false }
}
