/** The rates that a clock can have: a list, a range in steps, or what dividers make of its parent's rate. */
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import { ascendingOf, listOfValues, rangeOfValues } from '../core/oddities.js'
import type { ClockConfig } from './config.js'

export type Rounding = 'down' | 'up' | 'nearest'

/** In Hz. */
export interface Rates {
  /** Ascending; undefined if the clock has a range. */
  readonly list: readonly number[] | undefined
  /** The list as CLOCK_DESCRIBE_RATES tells it; undefined: it tells the range. */
  readonly told: readonly number[] | undefined
  /** A list of rates has its lowest and highest rate here, and step 0. In a range, step 0 allows every rate. */
  readonly range: { readonly min: number; readonly max: number; readonly step: number }
}

export function divided(rateHz: number, divider: number): number {
  return Math.round(rateHz / divider)
}

/** The rates that these dividers make of the parent's. Several can make the same one. */
export function dividedRates(parentHz: number, dividers: readonly number[]): Rates {
  return listed(ascendingOf(dividers.map(divider => divided(parentHz, divider))))
}

/** The configured rates; with dividers, a placeholder until the parent's rate is known. Throws ConfigError. */
export function ratesOf(config: ClockConfig, at: ConfigPath): Rates {
  const rates = tellingRates(config, ownRates(config, at), at)
  if (config.triplet && rates.told) {
    throw new ConfigError([...at, 'triplet'], 'has no effect: the clock tells a list of rates, not a range')
  }
  return rates
}

function ownRates(config: ClockConfig, at: ConfigPath): Rates {
  const { rates, range, rate } = config
  if (rates && range) throw new ConfigError([...at, 'range'], 'give either rates or range, not both')
  if (rates) {
    const { ascending, told } = listOfValues(config, 'rate', rates, [...at, 'rates'])
    return listed(ascending, told)
  }
  if (range) {
    return { list: undefined, told: undefined, range: rangeOfValues(config, range, 'Hz', [...at, 'range']) }
  }
  if (config.divider !== undefined) return listed([0])
  if (rate === undefined) throw new ConfigError(at, 'a clock needs one of rate (fixed), rates, range or divider')
  return listed([rate])
}

/** A fixed rate is told as a list of one, or with `lone_triplet` as a range. */
function tellingRates(config: ClockConfig, rates: Rates, at: ConfigPath): Rates {
  if (!config.oddities.includes('lone_triplet')) return rates
  if (rates.list?.length === 1 && config.divider === undefined) return { ...rates, told: undefined }
  throw new ConfigError([...at, 'oddities'], 'lone_triplet is for clocks with a fixed rate')
}

function listed(list: readonly number[], told: readonly number[] = list): Rates {
  return { list, told, range: { min: list[0]!, max: list[list.length - 1]!, step: 0 } }
}

/** Ascending; undefined: the clock's rates do not depend on its parent. Throws ConfigError. */
export function dividersOf({ divider, rates, range, parents }: ClockConfig, at: ConfigPath): number[] | undefined {
  if (divider === undefined) return undefined
  const path = [...at, 'divider']
  if (rates || range) throw new ConfigError(path, 'a clock has either a divider or rates of its own, not both')
  if (!parents) throw new ConfigError(path, 'divides the rate of a parent; name the clock it is fed from in parents')
  const dividers = [divider].flat().sort((a, b) => a - b)
  if (new Set(dividers).size !== dividers.length) throw new ConfigError(path, 'a divider is listed twice')
  return dividers
}

/** The rate that a request for `rateHz` results in; undefined if it is out of range. */
export function supportedRate({ list, range }: Rates, rateHz: number, rounding: Rounding): number | undefined {
  const { min, max, step } = range
  if (rateHz < min || rateHz > max) return undefined
  let below = rateHz
  let above = rateHz
  if (list) {
    let i = list.length - 1
    while (list[i]! > rateHz) i--
    below = list[i]!
    above = below === rateHz ? below : list[i + 1]!
  } else if (step > 0) {
    below = min + Math.floor((rateHz - min) / step) * step
    above = below === rateHz ? below : below + step
  }
  if (rounding === 'down') return below
  if (rounding === 'up') return above
  return rateHz - below <= above - rateHz ? below : above
}
