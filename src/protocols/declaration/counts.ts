/**
 * Counts of one protocol for one agent: answers by message and status, and latencies. Counting is hot code: two additions
 * per message and some per batch, in arrays that never grow.
 */
import { IDS } from '../../wire/header.js'

/** Statuses are counted in the column of their negation; the last column is for statuses without a name. */
const STATUSES = 16
const OTHER = STATUSES - 1

/** Hot code. */
function columnOf(status: number): number {
  // Not -status: that is -0 for SUCCESS, which makes the index a float.
  return status <= 0 && status > -OTHER ? 0 - status : OTHER
}

export interface StatusCount {
  /** Undefined: one without a name. */
  status: number | undefined
  count: number
}

function rowOf(counts: Float64Array, messageId: number): StatusCount[] {
  const row = counts.subarray(messageId * STATUSES, (messageId + 1) * STATUSES)
  const all = Array.from(row, (count, column) => ({ status: column === OTHER ? undefined : 0 - column, count }))
  return all.filter(({ count }) => count > 0)
}

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
  /** All answers with SUCCESS, and all others. */
  readonly #totals = new Float64Array(2)
  readonly #byChannel: Float64Array
  readonly #took: Float64Array
  readonly #sumNs: Float64Array

  /** Latencies and fast channels are counted for message ids up to `lastId`. */
  constructor(lastId: number) {
    this.#byChannel = new Float64Array((lastId + 1) * STATUSES)
    this.#took = new Float64Array((lastId + 1) * BUCKETS)
    this.#sumNs = new Float64Array(lastId + 1)
  }

  /** Hot code. */
  answered(messageId: number, status: number): void {
    const column = columnOf(status)
    this.#answered[messageId * STATUSES + column]!++
    this.#totals[column === 0 ? 0 : 1]!++
  }

  /** The agent wrote what the message would set to a fast channel. Hot code. */
  byChannel(messageId: number, status: number): void {
    this.#byChannel[messageId * STATUSES + columnOf(status)]!++
  }

  /** Hot code. */
  took(messageId: number, ns: number): void {
    if (messageId >= this.#sumNs.length) return
    this.#took[messageId * BUCKETS + bucketOf(ns)]!++
    this.#sumNs[messageId]! += ns
  }

  /** Answers, and how many of them are not SUCCESS. */
  get total(): { answered: number; refused: number } {
    const [succeeded = 0, refused = 0] = this.#totals
    return { answered: succeeded + refused, refused }
  }

  /** Message ids that were answered, or used by fast channel, at least once, ascending. */
  get messageIds(): number[] {
    const isUsed = (id: number) => this.statuses(id).length > 0 || this.channelStatuses(id).length > 0
    return Array.from({ length: IDS }, (_, id) => id).filter(isUsed)
  }

  /** Number of answers by status; `undefined` stands for statuses without a name. */
  statuses(messageId: number): StatusCount[] {
    return rowOf(this.#answered, messageId)
  }

  /** The same for writes to fast channels. */
  channelStatuses(messageId: number): StatusCount[] {
    return rowOf(this.#byChannel, messageId)
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
