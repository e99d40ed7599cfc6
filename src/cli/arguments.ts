/** Parsers for option arguments that several commands share. */
import { InvalidArgumentError } from 'commander'
import { printable } from '../support/printable.js'

/** A whole number within bounds. */
export function wholeNumber(min = 0, max = 999_999_999) {
  return (text: string): number => {
    const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
    if (number >= min && number <= max) return number
    throw new InvalidArgumentError(
      max < 999_999_999 ? `Write a whole number from ${min} to ${max}.` : 'Write a whole number.',
    )
  }
}

/** The same for a list with commas. */
export const wholeNumbers = (min: number, max: number) => (text: string) => text.split(',').map(wholeNumber(min, max))

/** A comma-separated list of allowed values. */
export function listOf<T>(allowed: Record<string, T>) {
  return (text: string): T[] =>
    text.split(',').map(word => {
      if (!Object.hasOwn(allowed, word)) {
        throw new InvalidArgumentError(`Write one or more of ${Object.keys(allowed).join(', ')}, with commas.`)
      }
      return allowed[word] as T
    })
}

/** The same, for values that are their own names. */
export const named = <T extends string>(names: readonly T[]) =>
  listOf(Object.fromEntries(names.map(name => [name, name])) as Record<string, T>)

/** A file mode in octal, as for chmod(1). */
export function fileMode(text: string): number {
  if (/^0?[0-7]{3}$/.test(text)) return Number.parseInt(text, 8)
  throw new InvalidArgumentError('Write three octal digits, such as 0600 or 0660.')
}

/** Collects the values of an option that may be repeated. */
export function repeated(value: string, others: string[] = []): string[] {
  return [...others, value]
}

/** A guest-physical address where a page begins. */
export function pageAddress(text: string): number {
  const number = /^(0x[0-9a-f]{1,13}|\d{1,15})$/i.test(text) ? Number(text) : Number.NaN
  if (number % 0x1000 === 0) return number
  throw new InvalidArgumentError('Write a multiple of 0x1000, such as 0x4f000000.')
}

/** How long a device polls its ring after work. */
export function pollUs(text: string): number | 'auto' {
  if (text === 'auto') return text
  const number = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN
  if (number <= 1_000_000) return number
  throw new InvalidArgumentError('Write auto, or a whole number of microseconds up to 1000000.')
}

/** Commander's errors on one line: it puts suggestions on a second one. */
export const oneLine = (text: string): string =>
  printable(
    text
      .replace(/^error: /, '')
      .trim()
      .replaceAll(/\s*\n\s*/g, ' '),
  )
