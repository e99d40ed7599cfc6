/** Whether lists and maps lie more than `max` deep in each other, however deep that is: who walks such data calls itself. */
export function isDeeperThan(data: unknown, max: number): boolean {
  let level = [data]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > max) return true
    level = level.flatMap(value => (typeof value === 'object' && value !== null ? Object.values(value) : []))
  }
  return false
}
