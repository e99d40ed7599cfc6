/**
 * What some firmware tells although the specification, or Linux, does not expect it. A platform file with such a thing is
 * refused, unless the resource names it in its `oddities`: most often it is a mistake of the file.
 */
import { z } from 'zod'
import { ConfigError, type ConfigPath } from './config-error.js'

const ODDITIES = {
  repeated_rates: 'a rate is listed twice',
  repeated_levels: 'a level is listed twice; Linux skips the second one of performance levels',
  unordered_rates: 'rates are listed in the order of the file, which is not ascending',
  unordered_levels: 'levels are listed in the order of the file, which is not ascending',
  flat_range: 'a range has step 0, so that everything in it is allowed, or a minimum that is its maximum',
  lone_triplet: 'a fixed rate is told as a range from the rate to itself, with step 0',
  zero_power: 'a level has power 0, with which Linux builds no energy model',
  zero_sustained:
    'the sustained level or frequency is 0; Linux takes levels for kHz then, and with frequency 0 all of them for turbo levels',
  fractional_sustained: 'the sustained frequency is no multiple of its level; Linux rounds the quotient',
} as const

export type Oddity = keyof typeof ODDITIES

/** The `oddities` of an entry of the platform file. */
export const odditiesOf = (...names: readonly [Oddity, ...Oddity[]]) =>
  z
    .array(z.enum(names))
    .default([])
    .describe(`What firmware tells against the rules. ${names.map(name => `${name}: ${ODDITIES[name]}`).join('. ')}`)

/** Throws ConfigError for `problem`, unless the entry names the oddity. */
export function mustName(
  { oddities }: { oddities: readonly Oddity[] },
  oddity: Oddity,
  at: ConfigPath,
  problem: string,
): void {
  if (oddities.includes(oddity)) return
  throw new ConfigError(at, `${problem}; for firmware that does so, add oddities: [${oddity}]`)
}

const isAscending = (values: readonly number[]): boolean =>
  values.every((value, i) => i === 0 || values[i - 1]! <= value)

/** A list of rates or levels as it is told, and ascending without repetitions. */
export interface Listed {
  told: readonly number[]
  ascending: readonly number[]
}

/** Checks a list of rates or levels. Throws ConfigError. */
export function listOfValues(
  config: { oddities: readonly Oddity[] },
  kind: 'rate' | 'level',
  told: readonly number[],
  at: ConfigPath,
): Listed {
  if (new Set(told).size !== told.length) mustName(config, `repeated_${kind}s`, at, `a ${kind} is listed twice`)
  if (!isAscending(told))
    mustName(config, `unordered_${kind}s`, at, `the ${kind}s are not in ascending order: sort them`)
  return { told, ascending: ascendingOf(told) }
}

/** Ascending, without repetitions. */
export const ascendingOf = (values: readonly number[]): number[] => [...new Set(values)].sort((a, b) => a - b)

/** A range whose step or width may be 0 with `flat_range`. The maximum is one that the steps reach. Throws ConfigError. */
export function rangeOfValues(
  config: { oddities: readonly Oddity[] },
  { min, max, step }: { min: number; max: number; step: number },
  unit: string,
  at: ConfigPath,
): { min: number; max: number; step: number } {
  if (max < min) throw new ConfigError([...at, 'max'], `max is below min; write at least ${min}`)
  if (step < 0) throw new ConfigError([...at, 'step'], `the step must be at least 1 ${unit}`)
  if (step === 0) mustName(config, 'flat_range', [...at, 'step'], `the step must be at least 1 ${unit}`)
  const last = step === 0 ? max : min + Math.floor((max - min) / step) * step
  if (last === min) mustName(config, 'flat_range', [...at, 'max'], `the range has only ${min} ${unit}`)
  return { min, max: last, step }
}
