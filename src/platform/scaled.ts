/** Values as agents read them: whole numbers, to be multiplied by a power of ten. */

/** `value` × 10^-scale, rounded; the sum turns -0 into 0. Hot code. */
export function scaled(value: number, scale: number): number {
  return Math.round(scale <= 0 ? value * 10 ** -scale : value / 10 ** scale) + 0
}
