/** Message rates between two samples of the statistics, and times for people. */
import type { LatencyEntry, StatsEntry } from '../../access/operations/shapes.js'
import { percentileNs } from '../../protocols/declaration/counts.js'

type Buckets = LatencyEntry['buckets']

/** Rate of one message of one agent, per second. */
export interface MessageRate {
  agent: string
  name: string
  perSecond: number
  failedPerSecond: number
  buckets: Buckets
}

/** Rates between two samples, `seconds` apart, highest first. */
export function messageRates(before: StatsEntry, now: StatsEntry, seconds: number): MessageRate[] {
  const earlier = new Map(messagesOf(before).map(entry => [entry.key, entry.message]))
  const rates = messagesOf(now).map(({ key, agent, name, message }) => {
    const old = earlier.get(key)
    const succeeded = message.succeeded - (old?.succeeded ?? 0)
    const failed = message.failed - (old?.failed ?? 0)
    return {
      agent,
      name,
      perSecond: (succeeded + failed) / seconds,
      failedPerSecond: failed / seconds,
      buckets: bucketsSince(old?.latency.buckets ?? [], message.latency.buckets),
    }
  })
  return rates.filter(({ perSecond }) => perSecond > 0).sort((a, b) => b.perSecond - a.perSecond)
}

function messagesOf({ agents }: StatsEntry) {
  return agents.flatMap(({ agent, protocols }) =>
    protocols.flatMap(protocol =>
      protocol.messages.map(message => {
        const name = `${protocol.name} ${message.name}`
        return { key: `${agent} ${name}`, agent, name, message }
      }),
    ),
  )
}

function bucketsSince(before: Buckets, now: Buckets): Buckets {
  const earlier = new Map(before.map(({ up_to_ns, count }) => [up_to_ns, count]))
  return now
    .map(({ up_to_ns, count }) => ({ up_to_ns, count: count - (earlier.get(up_to_ns) ?? 0) }))
    .filter(({ count }) => count > 0)
}

/** Sum of all rates. */
export function merged(rates: readonly MessageRate[]): Buckets {
  const counts = new Map<number, number>()
  for (const { up_to_ns, count } of rates.flatMap(({ buckets }) => buckets)) {
    counts.set(up_to_ns, (counts.get(up_to_ns) ?? 0) + count)
  }
  return [...counts].map(([up_to_ns, count]) => ({ up_to_ns, count })).sort((a, b) => a.up_to_ns - b.up_to_ns)
}

/** A latency percentile; `-` if no message was timed. */
export function percentileText(buckets: Buckets, percent: number): string {
  const count = buckets.reduce((sum, bucket) => sum + bucket.count, 0)
  const times = buckets.map(({ up_to_ns, count }) => ({ upToNs: up_to_ns, count }))
  return count === 0 ? '-' : timeText(percentileNs({ buckets: times, count }, percent))
}

/** `12 us` */
export function timeText(ns: number): string {
  if (ns < 1e3) return `${Math.round(ns)} ns`
  return ns < 1e6 ? `${Math.round(ns / 1e3)} us` : `${Number((ns / 1e6).toPrecision(3))} ms`
}
