/** What a part of the torture comes to: counts, the seconds they took, the seeds to repeat them. */

export interface Result {
  part: string
  what: string
  count: number
  seconds: number
  /** What repeats it; undefined: nothing about it is random. */
  seed?: number | undefined
  /** More numbers, for people. */
  detail?: string
  /** What went wrong; a part with none has passed. */
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
