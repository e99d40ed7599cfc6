/** Differences between two samples of the agents' statistics, which count from the start. */
import { percentileNs } from '../../../protocols/declaration/counts.js'
import type { AgentStats } from '../../operations/shapes.js'

const NS_PER_US = 1000

/** Null: nothing was answered. */
export interface Latencies {
  p50: number | null
  p99: number | null
}

export interface Interval {
  /** Commands per second by protocol; events per second as `notifications`. */
  rates: Record<string, number>
  latenciesUs: Latencies
  /** By name. */
  agents: Map<string, AgentInterval>
}

export interface AgentInterval {
  rate: number
  eventRate: number
  latenciesUs: Latencies
}

/** Number of commands by upper bound of their latency in nanoseconds. */
type Buckets = Map<number, number>

/** `seconds` is the time between the two samples. */
export function intervalOf(before: readonly AgentStats[], after: readonly AgentStats[], seconds: number): Interval {
  const rates: Record<string, number> = {}
  let events = 0
  const all: Buckets = new Map()
  const agents = new Map<string, AgentInterval>()
  for (const now of after) {
    const own: Buckets = new Map()
    const then = before.find(({ agent }) => agent === now.agent)
    const eventRate = (now.notifications_sent - (then?.notifications_sent ?? 0)) / seconds
    events += eventRate
    for (const [stats, sign] of [
      [then, -1],
      [now, 1],
    ] as const) {
      for (const { name, succeeded, failed, messages } of stats?.protocols ?? []) {
        rates[name] = (rates[name] ?? 0) + (sign * (succeeded + failed)) / seconds
        for (const { latency } of messages)
          for (const part of latency.buckets) for (const sum of [own, all]) add(sum, part, sign)
      }
    }
    agents.set(now.agent, {
      rate: (now.messages - (then?.messages ?? 0)) / seconds,
      eventRate,
      latenciesUs: summary(own),
    })
  }
  rates.notifications = events
  return { rates, latenciesUs: summary(all), agents }
}

function add(buckets: Buckets, { up_to_ns, count }: { up_to_ns: number; count: number }, sign: number): void {
  buckets.set(up_to_ns, (buckets.get(up_to_ns) ?? 0) + sign * count)
}

function summary(buckets: Buckets): Latencies {
  const filled = [...buckets].filter(([, count]) => count > 0).sort(([a], [b]) => a - b)
  const count = filled.reduce((sum, [, count]) => sum + count, 0)
  if (count === 0) return { p50: null, p99: null }
  const latency = { buckets: filled.map(([upToNs, count]) => ({ upToNs, count })), count, sumNs: 0 }
  return { p50: percentileNs(latency, 50) / NS_PER_US, p99: percentileNs(latency, 99) / NS_PER_US }
}
