/**
 * By how many bytes `work` makes the heap grow, garbage included: the least of five rounds, as the compiler may be at work
 * in some of them. Garbage is only seen if a round's fits into the young generation.
 */
export function leastGrowth(work: () => void): number {
  const { gc } = globalThis
  if (!gc) throw new Error('run with --expose-gc')
  const rounds = Array.from({ length: 5 }, () => {
    gc()
    const before = process.memoryUsage().heapUsed
    work()
    return process.memoryUsage().heapUsed - before
  })
  return Math.min(...rounds)
}
