/** The update intervals of a sensor: a list, or a range with steps (SCMI v3.2 §4.7.2.10). */
import { z } from 'zod'
import type { Rounding } from '../clocks/rates.js'
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import { LIMITS } from '../core/count-limits.js'
import { duration } from '../core/units.js'
import { type Decimal, fitDecimal } from './decimal.js'

/** Mantissas have 16 bits. */
const MANTISSA_MAX = 0xffff
const DAY_US = 24 * 3600e6

/** Never 0: Linux' IIO driver divides by it. */
const interval = duration.refine(us => us > 0 && us <= DAY_US, { error: 'must be longer than 0 and at most 24 h' })

const segmentSchema = z.strictObject({ min: interval, max: interval, step: interval })

export const updateIntervalsSchema = z.union([z.array(interval).min(1).max(LIMITS.updateIntervals), segmentSchema])
export type UpdateIntervalsConfig = z.infer<typeof updateIntervalsSchema>

/** An interval in microseconds, and in seconds as encoded on the wire. */
export interface Interval extends Decimal {
  us: number
}

function toInterval(us: number): Interval {
  return { us, ...fitDecimal({ mantissa: us, exponent: -6 }, MANTISSA_MAX) }
}

/** An interval of the file; it must be encodable without rounding. */
function exactInterval(us: number, path: ConfigPath): Interval {
  const found = toInterval(us)
  if (found.mantissa * 10 ** (found.exponent + 6) === us) return found
  throw new ConfigError(path, `${us} us has too many digits; it must be at most ${MANTISSA_MAX} times a power of ten`)
}

export class UpdateIntervals {
  /** Ascending; if segmented: the lowest, the highest, the step. */
  readonly entries: readonly Interval[]
  readonly segmented: boolean
  /** The interval at start. */
  readonly initial: Interval

  /** `initialUs` undefined: the first of the file. `path` is the sensor's. Throws ConfigError. */
  constructor(config: UpdateIntervalsConfig, initialUs: number | undefined, path: ConfigPath) {
    const at = [...path, 'update_intervals']
    this.segmented = !Array.isArray(config)
    if (Array.isArray(config)) {
      this.entries = config.map((us, i) => exactInterval(us, [...at, i])).sort((a, b) => a.us - b.us)
    } else {
      this.entries = (['min', 'max', 'step'] as const).map(field => exactInterval(config[field], [...at, field]))
      if (config.max < config.min) throw new ConfigError([...at, 'max'], 'must be at least min')
    }
    const firstUs = Array.isArray(config) ? config[0]! : config.min
    const initial = this.choose(initialUs ?? firstUs, 'nearest')
    if (initial === undefined || initial.us !== (initialUs ?? firstUs)) {
      throw new ConfigError([...path, 'update_interval'], `${initialUs} us is not one of update_intervals`)
    }
    this.initial = initial
  }

  /** The interval to use for `wantedUs`; undefined if there is none in the direction of rounding. */
  choose(wantedUs: number, rounding: Rounding): Interval | undefined {
    const below = this.#below(wantedUs)
    const above = below?.us === wantedUs ? below : this.#above(wantedUs)
    if (rounding === 'down') return below
    if (rounding === 'up') return above
    if (!below || !above) return below ?? above
    return wantedUs - below.us <= above.us - wantedUs ? below : above
  }

  /** The longest interval of at most `us`. */
  #below(us: number): Interval | undefined {
    if (!this.segmented) return this.entries.findLast(entry => entry.us <= us)
    const [min, max, step] = this.entries as [Interval, Interval, Interval]
    if (us < min.us) return undefined
    return toInterval(min.us + Math.floor((Math.min(us, max.us) - min.us) / step.us) * step.us)
  }

  /** The shortest interval of at least `us`. */
  #above(us: number): Interval | undefined {
    if (!this.segmented) return this.entries.find(entry => entry.us >= us)
    const [min, max, step] = this.entries as [Interval, Interval, Interval]
    const above = min.us + Math.max(0, Math.ceil((us - min.us) / step.us)) * step.us
    return above <= max.us ? toInterval(above) : undefined
  }
}
