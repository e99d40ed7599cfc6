/**
 * What one protocol has answered for one agent: by message and status, and how long that took. Counting is hot code: one
 * addition per message, and some per batch, in arrays that never grow.
 */

/** Message ids are 8 bits wide (SCMI v3.2 §4.1.2). */
const IDS = 256

/** Status codes are counted by their negation; this one stands for all that have no name. */
const STATUSES = 16
const OTHER = STATUSES - 1

/** Times are counted in buckets, of which each doubling has four. */
const STEP_BITS = 2
const STEPS = 1 << STEP_BITS
const BUCKETS = 32 * STEPS
/** Longer ones, of more than 4 s, are counted as this. */
const NS_MAX = 0xffff_ffff

/** The bucket of a time in nanoseconds. Hot code. */
function bucketOf(ns: number): number {
  const whole = Math.max(STEPS, Math.min(ns, NS_MAX))
  const octave = 31 - Math.clz32(whole)
  return octave * STEPS + ((whole >>> (octave - STEP_BITS)) & (STEPS - 1))
}

/** Times of a bucket are below this many nanoseconds. */
function bucketEnd(bucket: number): number {
  const octave = Math.floor(bucket / STEPS)
  return 2 ** (octave - STEP_BITS) * (STEPS + (bucket % STEPS) + 1)
}

/** How long messages took. */
export interface Latency {
  /** Those that took up to so many nanoseconds, and longer than the entry before says; none is empty. */
  buckets: { upToNs: number; count: number }[]
  count: number
  sumNs: number
}

export class MessageCounts {
  readonly #answered = new Float64Array(IDS * STATUSES)
  readonly #took: Float64Array
  readonly #sumNs: Float64Array

  /** Times are kept of messages with ids up to `lastId`. */
  constructor(lastId: number) {
    this.#took = new Float64Array((lastId + 1) * BUCKETS)
    this.#sumNs = new Float64Array(lastId + 1)
  }

  /** Hot code. */
  answered(messageId: number, status: number): void {
    // Not -status, which is -0 for SUCCESS, and that is worked out as a float.
    const column = status <= 0 && status > -OTHER ? 0 - status : OTHER
    this.#answered[messageId * STATUSES + column]!++
  }

  /** Hot code. */
  took(messageId: number, ns: number): void {
    if (messageId >= this.#sumNs.length) return
    this.#took[messageId * BUCKETS + bucketOf(ns)]!++
    this.#sumNs[messageId]! += ns
  }

  /** Message ids that were answered at least once, ascending. */
  get messageIds(): number[] {
    return Array.from({ length: IDS }, (_, id) => id).filter(id => this.statuses(id).length > 0)
  }

  /** How often a message was answered with each status; one without a name is `undefined`. */
  statuses(messageId: number): { status: number | undefined; count: number }[] {
    const row = this.#answered.subarray(messageId * STATUSES, (messageId + 1) * STATUSES)
    return Array.from(row, (count, column) => ({ status: column === OTHER ? undefined : 0 - column, count })).filter(
      ({ count }) => count > 0,
    )
  }

  latency(messageId: number): Latency {
    const row = this.#took.subarray(messageId * BUCKETS, (messageId + 1) * BUCKETS)
    const buckets = Array.from(row, (count, bucket) => ({ upToNs: bucketEnd(bucket), count }))
    const filled = buckets.filter(({ count }) => count > 0)
    return {
      buckets: filled,
      count: filled.reduce((sum, { count }) => sum + count, 0),
      sumNs: this.#sumNs[messageId] ?? 0,
    }
  }
}

/** The time that `percent` of the messages did not exceed, as far as buckets tell; 0 if there were none. */
export function percentileNs({ buckets, count }: Pick<Latency, 'buckets' | 'count'>, percent: number): number {
  let seen = 0
  for (const { upToNs, count: inBucket } of buckets) {
    seen += inBucket
    if (seen * 100 >= count * percent) return upToNs
  }
  return 0
}
