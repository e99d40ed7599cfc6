/**
 * Whether lists and maps are nested more than `max` deep. Safe at any depth, unlike code that recurses over such data.
 */
export function isDeeperThan(data: unknown, max: number): boolean {
  let level = [data]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > max) return true
    level = level.flatMap(value => (typeof value === 'object' && value !== null ? Object.values(value) : []))
  }
  return false
}
