/** Decimal numbers as SCMI encodes intervals and resolutions: an integer mantissa times a power of ten. Cold code. */

/** mantissa × 10^exponent */
export interface Decimal {
  mantissa: number
  exponent: number
}

/** Exponents have five bits, in two's complement. */
export const EXPONENT_MIN = -16
export const EXPONENT_MAX = 15

/**
 * The same number with a mantissa of at most `max` and no trailing zeros after the point; whole numbers keep exponent
 * 0. Rounds if the mantissa has too many digits.
 */
export function fitDecimal({ mantissa, exponent }: Decimal, max: number): Decimal {
  const fitted = { mantissa, exponent }
  while (fitted.mantissa > max || (fitted.exponent < 0 && fitted.mantissa % 10 === 0)) {
    fitted.mantissa = Math.round(fitted.mantissa / 10)
    fitted.exponent++
  }
  return fitted
}

/** A number of seconds in microseconds; exact whenever it is a whole number of them. */
export function microsecondsOf({ mantissa, exponent }: Decimal): number {
  const power = exponent + 6
  return power < 0 ? mantissa / 10 ** -power : mantissa * 10 ** power
}

/** `value` (0 or more) with a mantissa of at most `max`; undefined if it has too many digits or is out of range. */
export function toDecimal(value: number, max: number): Decimal | undefined {
  const [digits, power] = value.toExponential().split('e') as [string, string]
  const decimals = digits.split('.')[1]?.length ?? 0
  const exact = { mantissa: Number(digits.replace('.', '')), exponent: Number(power) - decimals }
  const fitted = fitDecimal(exact, max)
  if (fitted.exponent < EXPONENT_MIN || fitted.exponent > EXPONENT_MAX) return undefined
  return fitted.mantissa * 10 ** (fitted.exponent - exact.exponent) === exact.mantissa ? fitted : undefined
}
