/** The result of a part: count, seconds, and the seed that repeats it. */

export interface Result {
  part: string
  what: string
  count: number
  seconds: number
  /** The seed that repeats it; undefined: nothing is random. */
  seed?: number | undefined
  /** More numbers, for people. */
  detail?: string
  /** Failures; none: passed. */
  failures: string[]
}

/** Times `work`, whose failures become those of the result. */
export async function timed(
  part: string,
  what: string,
  work: () => Promise<Pick<Result, 'count' | 'failures'> & Partial<Result>>,
): Promise<Result> {
  const began = performance.now()
  const result = await work()
  return { part, what, seconds: (performance.now() - began) / 1000, ...result }
}
