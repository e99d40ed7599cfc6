/** Sensor values as agents read them: integers with a power of ten as scale. */

/** `value` × 10^-scale, rounded; adding 0 turns -0 into 0. Hot code. */
export function scaled(value: number, scale: number): number {
  return Math.round(scale <= 0 ? value * 10 ** -scale : value / 10 ** scale) + 0
}

/** The value of a raw integer. */
export function unscaled(raw: number, scale: number): number {
  return scale <= 0 ? raw / 10 ** -scale : raw * 10 ** scale
}
