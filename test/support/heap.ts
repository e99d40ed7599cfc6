/**
 * By how many bytes `work` makes the heap grow, garbage included: the minimum of five rounds, since the compiler may run in
 * some of them. Garbage is only counted if that of a round fits into the young generation.
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
