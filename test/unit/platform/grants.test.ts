/** What is granted instead of what was set: what the file may say, and what outlives a restart. */
import { expect, test } from 'vitest'
import { clocks } from '../../../src/platform/clocks/index.js'
import { voltages } from '../../../src/platform/voltages/index.js'
import { createTestAgent } from '../../support/agent.js'

const load = (text: string) => createTestAgent(`vendor: acme\n${text}`).platform
const LEVELS = 'levels: [{ level: 1, power: 1 }, { level: 2, power: 2 }], sustained_frequency: 2 kHz'

test.each([
  [
    'clocks: [{ name: a, rates: [1, 2], grants: { 3: 1 } }]',
    'clocks[0].grants: 3 has no effect: it is not among the values that can be set',
  ],
  [
    'clocks: [{ name: a, rates: [1, 2], grants: { fast: 1 } }]',
    'test.yaml:2:52: clocks[0].grants.fast: fast is not a frequency; write a number of Hz or e.g. "24 MHz"',
  ],
  ['clocks: [{ name: a, rates: [1, 2], grants: { 1: -1 } }]', 'clocks[0].grants.1: -1 is too small; at least 0'],
  ['clocks: [{ name: a, rates: [1, 2], rounds: { to: 0 } }]', 'clocks[0].rounds.to: 0 is too small; at least 1'],
  [
    'clocks: [{ name: a, rates: [1, 2], rounds: { to: 2, direction: off } }]',
    'clocks[0].rounds.direction: off is not one of down, up, nearest',
  ],
  [
    'clocks: [{ name: p, rate: 8 }, { name: a, parents: [p], divider: [1, 2], grants: { 8: 4 } }]',
    "clocks[1].grants: has no effect: the clock divides its parent's rate",
  ],
  [
    'voltages: [{ name: a, levels: [1, 2], grants: { 3: 1 } }]',
    'voltages[0].grants: 3 has no effect: it is not among the values that can be set',
  ],
  [
    `perf_domains: [{ name: a, ${LEVELS}, grants: { 2: 3 } }]`,
    'perf_domains[0].grants: 3 is not one of the levels 1, 2',
  ],
  [
    `perf_domains: [{ name: a, ${LEVELS}, grants: { 3: 2 } }]`,
    'perf_domains[0].grants: 3 has no effect: it is not among the values that can be set',
  ],
])('%s', (text, message) => {
  expect(() => load(text)).toThrow(expect.objectContaining({ message: expect.stringContaining(message) }))
})

test('a granted value is restored, one that nothing leads to is not', () => {
  const text = `
clocks: [{ name: a, rates: [10, 20], grants: { 20: 15 } }, { name: b, range: { min: 1, max: 99, step: 1 }, rounds: { to: 7 } }]
voltages: [{ name: v, levels: [1, 2], grants: { 2: 3 } }]`
  const platform = load(text)
  const [a, b] = platform.model(clocks).list
  const [v] = platform.model(voltages).list
  platform.model(clocks).setRate(a!, a!.granted(20), 1)
  platform.model(voltages).setLevel(v!, v!.granted(2), 1)
  const next = load(text)
  const [nextA, nextB] = next.model(clocks).list
  nextA!.restore(a!.save())
  nextB!.restore([98, 1, null, [], []])
  next.model(voltages).list[0]!.restore(v!.save())
  expect([nextA!.rateHz, nextB!.rateHz, next.model(voltages).list[0]!.level]).toEqual([15, 98, 3])
  expect(() => nextA!.restore([16, 1, null, [], []])).toThrow("it can't have 16 Hz")
  expect(() => nextB!.restore([106, 1, null, [], []])).toThrow("it can't have 106 Hz")
  // A multiple, but no rate of the range is rounded to it.
  expect(() => nextB!.restore([105, 1, null, [], []])).toThrow("it can't have 105 Hz")
  expect(b!.granted(50)).toBe(49)
})

test('the host sets what hardware has: exactly what it says', () => {
  const platform = load('clocks: [{ name: a, rates: [10, 20], grants: { 20: 15 } }]')
  const model = platform.model(clocks)
  model.setRate(model.named('a'), 20, 0)
  expect(model.named('a').rateHz).toBe(20)
})
