/** The rates that a clock can have: a list, a range in steps, or what dividers make of its parent's rate. */
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import type { ClockConfig } from './config.js'

export interface Rates {
  /** Ascending rates in Hz; undefined if the clock has a range. */
  rates: readonly number[] | undefined
  /** In Hz. A list of rates has its lowest and highest rate here, and step 0. */
  range: { min: number; max: number; step: number }
}

/** The configured rates; with dividers, a placeholder until the parent's rate is known. */
export function ownRates(config: ClockConfig, at: ConfigPath): Rates {
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

export function listed(rates: readonly number[]): Rates {
  return { rates, range: { min: rates[0]!, max: rates[rates.length - 1]!, step: 0 } }
}

/** Ascending. */
export function dividersOf({ divider, rates, range, parents }: ClockConfig, at: ConfigPath): number[] | undefined {
  if (divider === undefined) return undefined
  const path = [...at, 'divider']
  if (rates || range) throw new ConfigError(path, 'a clock has either a divider or rates of its own, not both')
  if (!parents) throw new ConfigError(path, 'divides the rate of a parent; name the clock it is fed from in parents')
  const dividers = [divider].flat().sort((a, b) => a - b)
  if (new Set(dividers).size !== dividers.length) throw new ConfigError(path, 'a divider is listed twice')
  return dividers
}

export function divided(rateHz: number, divider: number): number {
  return Math.round(rateHz / divider)
}
