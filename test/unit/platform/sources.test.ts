import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../../src/platform/core/config-error.js'
import { scaled } from '../../../src/platform/sensors/scaled.js'
import {
  createSource,
  type Source,
  type SourceConfig,
  seedFor,
  sourceSchema,
} from '../../../src/platform/sensors/sources.js'

const S = 1_000_000

function source(config: unknown, { scale = 0, startUs = 0, seed = 1 } = {}): Source {
  return createSource(sourceSchema.parse(config) as SourceConfig, { path: [0, 'value'], scale, type: 0, startUs, seed })
}

/** Readings at the given seconds. */
function readings(from: Source, seconds: number[]): number[] {
  return seconds.map(s => from.read(s * S))
}

describe('raw values', () => {
  test.each([
    [48.5, -3, 48500],
    [1.005, -3, 1005],
    [-9.81, -3, -9810],
    [0.85, -3, 850],
    [5000, 3, 5],
    [5400, 3, 5],
    [-0.0001, -3, 0],
    [9.007199254740991e15, 0, Number.MAX_SAFE_INTEGER],
  ])('%d with scale %d is %d', (value, scale, raw) => {
    expect(scaled(value, scale)).toBe(raw)
    expect(source(value, { scale }).read(0)).toBe(raw)
  })

  test.each([
    [1e16, 0, '[0].value: 10000000000000000 × 10^0 exceeds 2^53; take a larger scale'],
    [{ ramp: { from: 0, to: 1e10, period: 1 } }, -9, '[0].value.ramp.to: 10000000000 × 10^9 exceeds'],
    [
      { sine: { mean: 5e15, amplitude: 5e15, period: 1 } },
      0,
      '[0].value.sine.amplitude: 10000000000000000 × 10^0 exceeds',
    ],
    [
      { random_walk: { start: 1, step: 1, min: -1e16, max: 1, interval: 1 } },
      0,
      '[0].value.random_walk.min: -10000000000000000',
    ],
    [
      { random_walk: { start: 1, step: 1, min: 2, max: 3, interval: 1 } },
      0,
      '[0].value.random_walk.start: must lie between',
    ],
    [
      { random_walk: { start: 1, step: 1, min: 2, max: 1, interval: 1 } },
      0,
      '[0].value.random_walk.max: must be at least min',
    ],
  ])('%j with scale %d is refused', (config, scale, message) => {
    expect(() => source(config, { scale })).toThrow(ConfigError)
    expect(() => source(config, { scale })).toThrow(message)
  })
})

describe('ramp', () => {
  test('a saw starts over', () => {
    const ramp = source({ ramp: { from: 10, to: 20, period: '10 s' } })
    expect(readings(ramp, [0, 1, 5, 9.99, 10, 13, 25])).toEqual([10, 11, 15, 20, 10, 13, 15])
  })

  test('a triangle goes back as slowly', () => {
    const ramp = source({ ramp: { from: 10, to: 20, period: '10 s', shape: 'triangle' } })
    expect(readings(ramp, [0, 1, 5, 6, 9, 10, 12.5])).toEqual([10, 12, 20, 18, 12, 10, 15])
  })

  test('a ramp may fall, and begins when the platform starts', () => {
    const ramp = source({ ramp: { from: 8.4, to: 7.2, period: '1 h' } }, { scale: -3, startUs: 5 * S })
    expect(readings(ramp, [5, 5 + 1800])).toEqual([8400, 7800])
  })
})

test('sine: mean, amplitude, phase in degrees', () => {
  const sine = { mean: 50, amplitude: 10, period: '4 s' }
  expect(readings(source({ sine }), [0, 1, 2, 3, 4, 4001])).toEqual([50, 60, 50, 40, 50, 60])
  expect(readings(source({ sine: { ...sine, phase: 90 } }), [0, 1, 2])).toEqual([60, 50, 40])
})

describe('random walk', () => {
  const walk = { random_walk: { start: 45, step: 0.25, min: 40, max: 50, interval: '1 s' } }
  const seconds = Array.from({ length: 5000 }, (_, i) => i)

  test('the same seed gives the same values, another seed others', () => {
    const first = readings(source(walk, { scale: -3, seed: 7 }), seconds)
    expect(readings(source(walk, { scale: -3, seed: 7 }), seconds)).toEqual(first)
    expect(readings(source(walk, { scale: -3, seed: 8 }), seconds)).not.toEqual(first)
    const own = { random_walk: { ...walk.random_walk, seed: 7 } }
    expect(readings(source(own, { scale: -3, seed: 99 }), seconds)).toEqual(first)
  })

  test('begins at start, steps by at most the step, stays within its bounds and uses them', () => {
    const values = readings(source(walk, { scale: -3 }), seconds)
    expect(values[0]).toBe(45_000)
    for (let i = 1; i < values.length; i++) expect(Math.abs(values[i]! - values[i - 1]!)).toBeLessThanOrEqual(251)
    expect(Math.min(...values)).toBeGreaterThanOrEqual(40_000)
    expect(Math.max(...values)).toBeLessThanOrEqual(50_000)
    expect(Math.max(...values) - Math.min(...values)).toBeGreaterThan(8000)
  })

  test('the value does not change between steps', () => {
    const from = source(walk, { scale: -3 })
    expect(from.read(3.2 * S)).toBe(from.read(3.9 * S))
  })

  test('the values do not depend on how often it is read, up to a thousand steps', () => {
    const often = source(walk, { scale: -3 })
    for (let us = 0; us < 1000 * S; us += 100_000) often.read(us)
    expect(source(walk, { scale: -3 }).read(1000 * S)).toBe(often.read(1000 * S))
  })

  // Walking each of the 10^10 steps would exceed the test's time limit.
  test('after four months without a reading the steps are not computed one by one', () => {
    const from = source({ random_walk: { start: 45, step: 1, min: 40, max: 50, interval: '1 ms' } })
    const value = from.read(120 * 86400 * S)
    expect(value).toBeGreaterThanOrEqual(40)
  })

  test('steps larger than the range stay within it', () => {
    const from = source({ random_walk: { start: 1, step: 100, min: 0, max: 2, interval: 1 } })
    for (let us = 0; us < 1000; us++) expect([0, 1, 2]).toContain(from.read(us) + 0)
  })

  test('every name has a seed of its own', () => {
    const seeds = ['a/x', 'a/y', 'b/x', ''].flatMap(name => [seedFor(0, name), seedFor(1, name)])
    expect(new Set(seeds).size).toBe(seeds.length)
  })
})
