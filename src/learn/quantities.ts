/** Quantities as the platform file has them: with a unit where that is exact, or else as plain numbers. */

import { formatQuantity, HERTZ, SECONDS, type Unit, VOLTS } from '../platform/core/unit-text.js'
import { duration, frequency, voltage } from '../platform/core/units.js'

function quantity(value: number, one: number, unit: Unit, schema: { safeParse(text: string): { data?: number } }) {
  const text = formatQuantity(value / one, unit)
  return schema.safeParse(text).data === value ? text : value
}

export const hertz = (value: number): string | number => quantity(value, 1, HERTZ, frequency)
export const microvolts = (value: number): string | number => quantity(value, 1e6, VOLTS, voltage)
export const microseconds = (value: number): string | number => quantity(value, 1e6, SECONDS, duration)

/** A rate limit or delay that delayed responses showed: the median, in microseconds. */
export function medianUs(times: readonly number[]): number | undefined {
  const sorted = [...times].sort((a, b) => a - b)
  const middle = sorted[sorted.length >> 1]
  return middle === undefined ? undefined : Math.round(middle / 1000)
}

const isAscending = (values: readonly number[]): boolean =>
  values.every((value, i) => i === 0 || values[i - 1]! <= value)

/** The oddities of a list of rates or levels. */
export function listOddities(values: readonly number[], kind: 'rate' | 'level'): string[] {
  return [
    ...(new Set(values).size === values.length ? [] : [`repeated_${kind}s`]),
    ...(isAscending(values) ? [] : [`unordered_${kind}s`]),
  ]
}
