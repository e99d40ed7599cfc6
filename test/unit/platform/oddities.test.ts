/** What firmware tells against the rules: refused with the key that allows it, and told with the key. */
import { describe, expect, test } from 'vitest'
import { clocks } from '../../../src/platform/clocks/index.js'
import { perfDomains } from '../../../src/platform/perf-domains/index.js'
import { voltages } from '../../../src/platform/voltages/index.js'
import { createTestAgent } from '../../support/agent.js'

const load = (text: string) => createTestAgent(`vendor: acme\n${text}`)
const clock = (rest: string) => `clocks: [{ name: a, ${rest} }]`
const voltage = (rest: string) => `voltages: [{ name: a, ${rest} }]`
const perf = (rest: string, levels = '{ level: 1000, power: 1 }') =>
  `perf_domains: [{ name: a, sustained_frequency: 1 GHz, levels: [${levels}], ${rest} }]`

/** A file without the key, where it is refused and why, and the key that allows it. */
const REFUSED: [what: string, text: (oddities: string) => string, at: string, problem: string, key: string][] = [
  [
    'a rate twice',
    odd => clock(`rates: [1000, 1 kHz]${odd}`),
    'clocks[0].rates',
    'a rate is listed twice',
    'repeated_rates',
  ],
  [
    'rates out of order',
    odd => clock(`rates: [2000, 1000]${odd}`),
    'clocks[0].rates',
    'the rates are not in ascending order: sort them',
    'unordered_rates',
  ],
  [
    'a range with step 0',
    odd => clock(`range: { min: 1000, max: 2000, step: 0 }${odd}`),
    'clocks[0].range.step',
    'the step must be at least 1 Hz',
    'flat_range',
  ],
  [
    'a range of one rate',
    odd => clock(`range: { min: 24 MHz, max: 24 MHz, step: 1 }${odd}`),
    'clocks[0].range.max',
    'the range has only 24000000 Hz',
    'flat_range',
  ],
  [
    'a range whose step leads beyond it',
    odd => clock(`range: { min: 1 MHz, max: 2 MHz, step: 3 MHz }${odd}`),
    'clocks[0].range.max',
    'the range has only 1000000 Hz',
    'flat_range',
  ],
  [
    'a voltage twice',
    odd => voltage(`levels: [1 V, 1000 mV]${odd}`),
    'voltages[0].levels',
    'a level is listed twice',
    'repeated_levels',
  ],
  [
    'voltages out of order',
    odd => voltage(`levels: [1 V, 900 mV]${odd}`),
    'voltages[0].levels',
    'the levels are not in ascending order: sort them',
    'unordered_levels',
  ],
  [
    'a range of voltages with step 0',
    odd => voltage(`range: { min: 1 V, max: 2 V, step: 0 }${odd}`),
    'voltages[0].range.step',
    'the step must be at least 1 uV',
    'flat_range',
  ],
  [
    'a performance level twice',
    odd => perf(odd.slice(2), '{ level: 1000, power: 1 }, { level: 1000, power: 2 }'),
    'perf_domains[0].levels',
    'a level is listed twice',
    'repeated_levels',
  ],
  [
    'performance levels out of order',
    odd => perf(odd.slice(2), '{ level: 1000, power: 2 }, { level: 500, power: 1 }'),
    'perf_domains[0].levels',
    'the levels are not in ascending order: sort them',
    'unordered_levels',
  ],
  [
    'a level without power',
    odd => perf(odd.slice(2), '{ level: 1000, power: 0 }'),
    'perf_domains[0].levels[0].power',
    'the power is 0',
    'zero_power',
  ],
  [
    'a sustained level of 0',
    odd => perf(`sustained_level: 0${odd}`),
    'perf_domains[0].sustained_level',
    'the sustained level is 0',
    'zero_sustained',
  ],
  [
    'a sustained frequency of 0',
    odd => `perf_domains: [{ name: a, sustained_frequency: 0, levels: [{ level: 1000, power: 1 }]${odd} }]`,
    'perf_domains[0].sustained_frequency',
    'the sustained frequency is 0',
    'zero_sustained',
  ],
  [
    'a sustained frequency that its level does not divide',
    odd => `perf_domains: [{ name: a, sustained_frequency: 1 GHz, levels: [{ level: 3, power: 1 }]${odd} }]`,
    'perf_domains[0].sustained_frequency',
    '1000000000 Hz is not a multiple of level 3',
    'fractional_sustained',
  ],
]

describe.each(REFUSED)('%s', (_, text, at, problem, key) => {
  test('is refused with a message that names the key', () => {
    const message = `${at}: ${problem}; for firmware that does so, add oddities: [${key}]`
    expect(() => load(text(''))).toThrow(expect.objectContaining({ message: expect.stringContaining(message) }))
  })

  test('is taken with it, and with no other', () => {
    expect(() => load(text(`, oddities: [${key}]`))).not.toThrow()
    const other = key === 'flat_range' ? '' : ', oddities: []'
    expect(() => load(text(other))).toThrow()
  })
})

const NAMES: [what: string, text: string, message: string][] = [
  [
    'two clocks of one name',
    'clocks: [{ name: a, rate: 1 }, { name: a, rate: 1 }]',
    'clocks[1].name: two clocks are named a; name one otherwise, with wire_name: a if firmware does so',
  ],
  [
    'two sensors of one name',
    'sensors: [{ name: a, type: celsius, value: 1 }, { name: a, type: celsius, value: 1 }]',
    'sensors[1].name: two sensors are named a; name one otherwise, with wire_name: a if firmware does so',
  ],
  [
    'two pins of one name',
    'pinctrl: { pins: [{ name: a }, { name: a }] }',
    'pinctrl.pins[1].name: two pins are named a; name one otherwise, with wire_name: a if firmware does so',
  ],
  [
    'a power domain and a performance domain of one name',
    'power_domains: [{ name: gpu }]\nperf_domains: [{ name: gpu, levels: [{ level: 1, power: 1, frequency: 1 kHz }] }]',
    'perf_domains[0].name: a power domain is named gpu already; name one otherwise, with wire_name: gpu if firmware does so',
  ],
  [
    'an empty name',
    'clocks: [{ name: "", rate: 1 }]',
    'clocks[0].name: empty text is not a name; write 1 to 63 printable ASCII characters, and wire_name: "" if firmware has none',
  ],
  [
    'a name that does not fit',
    `clocks: [{ name: a, wire_name: ${'x'.repeat(64)}, rate: 1 }]`,
    `clocks[0].wire_name: ${'x'.repeat(40)}… is not a name; write at most 63 printable ASCII characters`,
  ],
]

test.each(NAMES)('%s: the message names the key', (_, text, message) => {
  expect(() => load(text)).toThrow(expect.objectContaining({ message: expect.stringContaining(message) }))
})

test('an oddity that the kind does not have', () => {
  const message =
    'clocks[0].oddities[0]: zero_power is not one of repeated_rates, unordered_rates, flat_range, lone_triplet'
  expect(() => load(clock('rate: 1, oddities: [zero_power]'))).toThrow(message)
})

test.each([
  [clock('rates: [1, 2], triplet: { returned: 1 }'), 'clocks[0].triplet: has no effect: the clock tells a list'],
  [
    clock('rates: [1, 2], oddities: [lone_triplet]'),
    'clocks[0].oddities: lone_triplet is for clocks with a fixed rate',
  ],
  [voltage('levels: [1, 2], triplet: { returned: 1 }'), 'voltages[0].triplet: has no effect: the domain tells a list'],
  [
    clock('rate: 1, oddities: [lone_triplet], triplet: { values: 4 }'),
    'clocks[0].triplet.values: 4 is too large; at most 3',
  ],
])('%s', (text, message) => {
  expect(() => load(text)).toThrow(message)
})

test('with step 0 every value of the range is allowed', () => {
  const { platform } = load(
    `${clock('range: { min: 1000, max: 2000, step: 0 }, rate: 1234, oddities: [flat_range]')}\n${voltage(
      'range: { min: 1 V, max: 2 V, step: 0 }, level: 1234567, oddities: [flat_range]',
    )}`,
  )
  const [first] = platform.model(clocks).list
  expect([999, 1000, 1777, 2000, 2001].map(rate => first!.supportedRate(rate, 'down'))).toEqual([
    undefined,
    1000,
    1777,
    2000,
    undefined,
  ])
  const [domain] = platform.model(voltages).list
  expect([999_999, 1_000_001, 2_000_000].map(level => domain!.supportsLevel(level))).toEqual([false, true, true])
})

test('rates out of order are told so, and looked up all the same', () => {
  const odd = 'oddities: [unordered_rates, repeated_rates]'
  const [first] = load(clock(`rates: [3000, 1000, 2000, 1000], ${odd}`)).platform.model(clocks).list
  expect(first!.toldRates).toEqual([3000, 1000, 2000, 1000])
  expect([first!.rateHz, first!.supportedRate(2999, 'down'), first!.range]).toEqual([
    1000,
    2000,
    { min: 1000, max: 3000, step: 0 },
  ])
})

test('without a sustained level or frequency, levels are kHz', () => {
  const text = 'sustained_level: 0, sustained_frequency: 0, oddities: [zero_sustained]'
  const [domain] = load(
    `perf_domains: [{ name: a, levels: [{ level: 500000, power: 1 }, { level: 900000, power: 2 }], ${text} }]`,
  ).platform.model(perfDomains).list
  expect([domain!.sustainedLevel, domain!.sustainedKhz, domain!.level.level]).toEqual([0, 0, 900_000])
  expect(domain!.levels.map(({ frequencyKhz }) => frequencyKhz)).toEqual([500_000, 900_000])
})

test('a divided clock lists no rate twice', () => {
  const { platform } = load('clocks: [{ name: p, rate: 0 }, { name: a, parents: [p], divider: [1, 2] }]')
  expect(platform.model(clocks).named('a').rates).toEqual([0])
  const small = load(
    'clocks: [{ name: p, rates: [3, 9] }, { name: a, parents: [p], divider: [2, 3, 7, 100] }]',
  ).platform
  expect(small.model(clocks).named('a').rates).toEqual([0, 1, 2])
  small.model(clocks).setRate(small.model(clocks).named('p'), 9, 0)
  expect(small.model(clocks).named('a').rates).toEqual([0, 1, 3, 5])
})
