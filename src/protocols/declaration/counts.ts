/**
 * Counts of one protocol for one agent: answers by message and status, and latencies. Counting is hot code: one addition
 * per message and some per batch, in arrays that never grow.
 */
import { IDS } from '../../wire/header.js'

/** Statuses are counted in the column of their negation; the last column is for statuses without a name. */
const STATUSES = 16
const OTHER = STATUSES - 1

/** Latencies are counted in buckets: four for each doubling. */
const STEP_BITS = 2
const STEPS = 1 << STEP_BITS
const BUCKETS = 32 * STEPS
/** Latencies above it, some 4 s, are counted as this. */
const NS_MAX = 0xffff_ffff

/** The bucket of a time in nanoseconds. Hot code. */
function bucketOf(ns: number): number {
  const whole = Math.max(STEPS, Math.min(ns, NS_MAX))
  const octave = 31 - Math.clz32(whole)
  return octave * STEPS + ((whole >>> (octave - STEP_BITS)) & (STEPS - 1))
}

/** Upper bound of a bucket in nanoseconds, exclusive. */
function bucketEnd(bucket: number): number {
  const octave = Math.floor(bucket / STEPS)
  return 2 ** (octave - STEP_BITS) * (STEPS + (bucket % STEPS) + 1)
}

/** Latencies of a message. */
export interface Latency {
  /** Messages that took longer than the previous bucket's bound, up to this one; empty buckets are omitted. */
  buckets: { upToNs: number; count: number }[]
  count: number
  sumNs: number
}

export class MessageCounts {
  readonly #answered = new Float64Array(IDS * STATUSES)
  readonly #took: Float64Array
  readonly #sumNs: Float64Array

  /** Latencies are counted for message ids up to `lastId`. */
  constructor(lastId: number) {
    this.#took = new Float64Array((lastId + 1) * BUCKETS)
    this.#sumNs = new Float64Array(lastId + 1)
  }

  /** Hot code. */
  answered(messageId: number, status: number): void {
    // Not -status: that is -0 for SUCCESS, which makes the index a float.
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

  /** Number of answers by status; `undefined` stands for statuses without a name. */
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

/** The percentile of the latencies, rounded up to its bucket's bound; 0 without messages. */
export function percentileNs({ buckets, count }: Pick<Latency, 'buckets' | 'count'>, percent: number): number {
  let seen = 0
  for (const { upToNs, count: inBucket } of buckets) {
    seen += inBucket
    if (seen * 100 >= count * percent) return upToNs
  }
  return 0
}
