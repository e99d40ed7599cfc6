/** Values as agents read them: whole numbers, to be multiplied by a power of ten. */

/** `value` × 10^-scale, rounded; the sum turns -0 into 0. Hot code. */
export function scaled(value: number, scale: number): number {
  return Math.round(scale <= 0 ? value * 10 ** -scale : value / 10 ** scale) + 0
}

/** The value that a whole number stands for. */
export function unscaled(raw: number, scale: number): number {
  return scale <= 0 ? raw / 10 ** -scale : raw * 10 ** scale
}
