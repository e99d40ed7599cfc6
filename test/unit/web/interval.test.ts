import { expect, test } from 'vitest'
import type { AgentStats, MessageStatsEntry } from '../../../src/access/operations/shapes.js'
import { intervalOf } from '../../../src/access/web/page/interval.js'

/** Counts of an agent: commands of one protocol by how long they took. */
function stats(agent: string, tookNs: Record<number, number>, notifications = 0): AgentStats {
  const buckets = Object.entries(tookNs).map(([up_to_ns, count]) => ({ up_to_ns: Number(up_to_ns), count }))
  const count = buckets.reduce((sum, bucket) => sum + bucket.count, 0)
  const latency = { buckets, count, sum_ns: 0 }
  const message: MessageStatsEntry = {
    id: 6,
    name: 'CLOCK_RATE_GET',
    succeeded: count,
    failed: 0,
    statuses: {},
    channel: {},
    latency,
  }
  return {
    agent,
    messages: count,
    protocols: [{ id: 0x14, name: 'clock', succeeded: count, failed: 0, messages: [message] }],
    unknown_protocol: 0,
    unanswerable: 0,
    connections: 0,
    driver_starts: 0,
    driver_resets: 0,
    internal_errors: 0,
    ring_faults: 0,
    refused_requests: 0,
    fault_hits: 0,
    latency_ns: { p50: 0, p99: 0, p999: 0, max: 0 },
    notifications_sent: notifications,
    notifications_dropped: 0,
    notifications_waiting: 0,
  }
}

test('rates and percentiles are those of the interval only', () => {
  const before = [stats('a', { 1000: 1000, 9000: 5 }, 7), stats('b', { 1000: 10 })]
  const after = [stats('a', { 1000: 1000, 4000: 60, 9000: 45 }, 11), stats('b', { 1000: 10 })]
  const { rates, latenciesUs, agents } = intervalOf(before, after, 2)
  expect(rates).toEqual({ clock: 50, notifications: 2 })
  expect(latenciesUs).toEqual({ p50: 4, p99: 9 })
  expect(agents.get('a')).toEqual({ rate: 50, eventRate: 2, latenciesUs: { p50: 4, p99: 9 } })
  expect(agents.get('b')).toEqual({ rate: 0, eventRate: 0, latenciesUs: { p50: null, p99: null } })
})

test('an agent that is new counts from zero', () => {
  expect(intervalOf([], [stats('a', { 1000: 3 })], 1).rates).toEqual({ clock: 3, notifications: 0 })
})
