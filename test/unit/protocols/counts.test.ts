/** Statistics of replies: by message and status, with latencies in buckets no wider than a quarter of their value. */
import { expect, test } from 'vitest'
import { MessageCounts, percentileNs } from '../../../src/protocols/declaration/counts.js'

const LAST_ID = 4

test('counts each message by status; those without a name are one', () => {
  const counts = new MessageCounts(LAST_ID)
  for (const status of [0, 0, -4, -11, -128, 5]) counts.answered(0xff, status)
  counts.answered(3, 0)
  expect(counts.messageIds).toEqual([3, 0xff])
  expect(counts.statuses(0xff)).toEqual([
    { status: 0, count: 2 },
    { status: -4, count: 1 },
    { status: -11, count: 1 },
    { status: undefined, count: 2 },
  ])
  expect(counts.statuses(4)).toEqual([])
})

test.each([0, 1, 2, 3, 4, 5, 7, 8, 1000, 65_535, 65_536, 1_234_567, 4_000_000_000, 2 ** 32 - 1])(
  '%i ns are in a bucket that begins at most a quarter below',
  ns => {
    const counts = new MessageCounts(LAST_ID)
    counts.took(2, ns)
    const { buckets, count, sumNs } = counts.latency(2)
    expect([buckets.length, buckets[0]?.count, count, sumNs]).toEqual([1, 1, 1, ns])
    expect(buckets[0]!.upToNs).toBeGreaterThanOrEqual(ns)
    expect(buckets[0]!.upToNs).toBeLessThanOrEqual(Math.max(5, ns * 1.25 + 1))
  },
)

test('times above four seconds share a bucket; messages without a name are not timed', () => {
  const counts = new MessageCounts(LAST_ID)
  counts.took(LAST_ID, 1e12)
  counts.took(LAST_ID + 1, 1000)
  expect(counts.latency(LAST_ID).buckets).toEqual([{ upToNs: 2 ** 32, count: 1 }])
  expect(counts.latency(LAST_ID + 1)).toEqual({ buckets: [], count: 0, sumNs: 0 })
})

test('percentiles are upper bounds of buckets', () => {
  const counts = new MessageCounts(LAST_ID)
  expect(percentileNs(counts.latency(0), 50)).toBe(0)
  for (let i = 0; i < 99; i++) counts.took(0, 1000)
  counts.took(0, 1_000_000)
  const latency = counts.latency(0)
  expect(percentileNs(latency, 50)).toBe(1024)
  expect(percentileNs(latency, 99)).toBe(1024)
  expect(percentileNs(latency, 100)).toBe(2 ** 20)
})
