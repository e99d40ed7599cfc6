/** The thermal loop: level, power, temperature, trip point, throttling; all numbers follow from the constants here. */
import { describe, expect, test } from 'vitest'
import { perfDomains } from '../../../src/platform/perf-domains/index.js'
import { powerDomains } from '../../../src/platform/power-domains/index.js'
import { powercaps } from '../../../src/platform/powercaps/index.js'
import { sensors } from '../../../src/platform/sensors/index.js'
import { packHeader } from '../../../src/wire/header.js'
import { createTestAgent, message } from '../../support/agent.js'

const SECOND_US = 1e6
/** K/W, J/K, °C, and the product of the first two in seconds. */
const RESISTANCE = 10
const CAPACITANCE = 0.5
const AMBIENT = 25
const TIME_CONSTANT_S = RESISTANCE * CAPACITANCE
/** Watts by level. */
const POWER = { 600: 1, 1200: 3, 1800: 8 } as const
/** °C. */
const TRIP = 60
const THROTTLE = 85
const HYSTERESIS = 35
const LOOK_US = 100_000

const PLATFORM = `
vendor: acme
power_domains: [{ name: soc, state: on, power: 500 mW }, { name: cluster, state: on }]
perf_domains:
  - name: cpu
    levels:
${Object.entries(POWER)
  .map(([level, watts]) => `      - { level: ${level}, power: ${watts * 1000} }`)
  .join('\n')}
    sustained_frequency: 1800 MHz
    level: 600
    power_domain: cluster
sensors:
  - name: cpu_temp
    type: celsius
    scale: -3
    value: { thermal: { of: [cpu], resistance: ${RESISTANCE}, capacitance: ${CAPACITANCE}, ambient: ${AMBIENT} } }
    trip_points: 1
    update_intervals: [10 ms]
    throttle: [{ above: ${THROTTLE}, hysteresis: ${HYSTERESIS}, perf: cpu, to: 1200, interval: ${LOOK_US} us }]
  - { name: all_temp, type: celsius, scale: -3, value: { thermal: { of: [cpu, soc], resistance: 2, capacitance: 3 } } }
  - { name: cpu_power, type: watt, scale: -6, value: { power_of: cpu } }
  - { name: soc_power, type: watt, scale: -6, value: { power_of: soc } }
`

const PERF = 0x13
const SENSOR = 0x15
const LEVEL_SET = 0x7
const RISING = 1

/** The temperature at which a constant power settles, in °C. */
const settled = (watts: number): number => AMBIENT + RESISTANCE * watts
/** The step response, from a temperature and a power that begins there. */
const stepResponse = (seconds: number, from: number, watts: number): number =>
  settled(watts) + (from - settled(watts)) * Math.exp(-seconds / TIME_CONSTANT_S)
/** Seconds until the step response reaches a temperature: the same, solved for the time. */
const timeTo = (to: number, from: number, watts: number): number =>
  TIME_CONSTANT_S * Math.log((settled(watts) - from) / (settled(watts) - to))

function setUp(text = PLATFORM) {
  const { platform, time, events, exchange } = createTestAgent(text)
  const model = platform.model(sensors)
  const celsius = (name = 'cpu_temp'): number => model.named(name).read(0) / 1000
  const send = (protocol: number, id: number, ...words: number[]): number | undefined =>
    new Int32Array(exchange(message(packHeader(protocol, id, 0, 1), ...words)).buffer)[1]
  /** Events since the last call: protocol, id, then words. */
  const notified = (): number[][] =>
    events.take().map(event => {
      const [header = 0, ...words] = new Uint32Array(event.buffer)
      return [(header >>> 10) & 0xff, header & 0xff, ...words]
    })
  const advance = (seconds: number): void => time.advance(Math.round(seconds * SECOND_US))
  const cpu = () => platform.model(perfDomains).named('cpu')
  return { platform, model, cpu, celsius, send, notified, advance }
}

test('a level heats the sensor past its trip point, is throttled, and the temperature settles', () => {
  const { cpu, celsius, send, notified, advance } = setUp()
  expect(send(SENSOR, 0x5, 0, RISING, TRIP * 1000, 0)).toBe(0)
  expect(send(SENSOR, 0x4, 0, 1)).toBe(0)
  expect(send(PERF, 0x9, 0, 1)).toBe(0)
  expect(send(PERF, 0xa, 0, 1)).toBe(0)

  advance(10 * TIME_CONSTANT_S)
  expect(celsius()).toBeCloseTo(settled(POWER[600]), 2)

  const start = celsius()
  expect(send(PERF, LEVEL_SET, 0, 1800)).toBe(0)
  expect(notified()).toEqual([[PERF, 1, 1, 0, 1800]])
  expect(celsius()).toBe(start)

  const tripAt = timeTo(TRIP, start, POWER[1800])
  const throttleAt = timeTo(THROTTLE, start, POWER[1800])
  // Both times must be well within the step response, or this would show nothing.
  expect([tripAt, throttleAt].every(s => s > 0.5 && s < 3 * TIME_CONSTANT_S)).toBe(true)
  const quarter = tripAt / 4
  for (let i = 1; i < 4; i++) {
    advance(quarter)
    expect(celsius() / stepResponse(i * quarter, start, POWER[1800])).toBeCloseTo(1, 4)
  }
  expect(notified()).toEqual([])
  advance(quarter + 0.02)
  expect(notified()).toEqual([[SENSOR, 0, 0, 0, 1 << 16]])

  advance(throttleAt - tripAt - 0.03)
  expect(cpu().level.level).toBe(1800)
  expect(celsius() / stepResponse(throttleAt - 0.01, start, POWER[1800])).toBeCloseTo(1, 4)
  advance(LOOK_US / SECOND_US + 0.02)
  expect(notified()).toEqual([
    [PERF, 0, 0, 0, 1200, 600],
    [PERF, 1, 0, 0, 1200],
  ])
  expect(send(PERF, LEVEL_SET, 0, 1800)).toBe(-5)

  const peak = celsius()
  expect(peak).toBeGreaterThan(settled(POWER[1200]))
  advance(TIME_CONSTANT_S)
  // It was throttled at one of the polls, at most 100 ms before `peak` was read.
  const [latest, earliest] = [
    stepResponse(TIME_CONSTANT_S, peak, POWER[1200]),
    stepResponse(TIME_CONSTANT_S + 0.12, peak, POWER[1200]),
  ]
  expect(celsius()).toBeGreaterThanOrEqual(earliest * 0.99)
  expect(celsius()).toBeLessThanOrEqual(latest * 1.01)
  advance(20 * TIME_CONSTANT_S)
  expect(celsius()).toBeCloseTo(settled(POWER[1200]), 3)
  // Not below the hysteresis: the limit stays.
  expect(settled(POWER[1200])).toBeGreaterThan(THROTTLE - HYSTERESIS)
  expect(notified()).toEqual([])

  expect(send(PERF, LEVEL_SET, 0, 600)).toBe(0)
  advance(timeTo(THROTTLE - HYSTERESIS - 1, settled(POWER[1200]), POWER[600]) + LOOK_US / SECOND_US)
  expect(notified()).toEqual([
    [PERF, 1, 1, 0, 600],
    [PERF, 0, 0, 0, 1800, 600],
  ])
  expect(send(PERF, LEVEL_SET, 0, 1800)).toBe(0)
})

describe('a thermal source', () => {
  test('gives the same values, however often it is read in between', () => {
    const once = setUp()
    const often = setUp()
    for (const { send } of [once, often]) send(PERF, LEVEL_SET, 0, 1200)
    for (let i = 0; i < 1000; i++) {
      often.advance(0.007)
      often.celsius()
    }
    once.advance(7)
    expect(often.celsius()).toBe(once.celsius())
    expect(once.celsius()).toBeCloseTo(stepResponse(7, AMBIENT, POWER[1200]), 3)
  })

  test('starts again at each change of power', () => {
    const { celsius, send, advance } = setUp()
    advance(3)
    let expected = stepResponse(3, AMBIENT, POWER[600])
    for (const [level, seconds] of [
      [1200, 2],
      [600, 4],
      [1200, 0.5],
    ] as const) {
      send(PERF, LEVEL_SET, 0, level)
      advance(seconds)
      expected = stepResponse(seconds, expected, POWER[level])
    }
    expect(celsius()).toBeCloseTo(expected, 3)
  })

  test('adds up the powers of its domains, and cools to ambient without power', () => {
    const { platform, celsius, advance } = setUp()
    advance(100)
    expect(celsius('all_temp')).toBe(25 + 2 * (POWER[600] + 0.5))
    const domains = platform.model(powerDomains)
    const OFF = 0x4000_0000
    for (const name of ['soc', 'cluster']) domains.setState(domains.named(name), OFF, 0)
    advance(6)
    expect(celsius('all_temp')).toBeCloseTo(25 + 2 * (POWER[600] + 0.5) * Math.exp(-6 / (2 * 3)), 3)
    advance(100)
    expect([celsius('all_temp'), celsius()]).toEqual([25, AMBIENT])
  })

  test('follows a powercap domain whose power the host sets', () => {
    const { platform, celsius, advance } = setUp(`
vendor: acme
powercaps: [{ name: modem, cap: 5 W, power: 1 W }]
sensors: [{ name: cpu_temp, type: celsius, scale: -3, value: { thermal: { of: [modem], resistance: 4, capacitance: 1 } } }]
`)
    const model = platform.model(powercaps)
    advance(100)
    model.setPower(model.named('modem'), 2_000_000)
    advance(4)
    expect(celsius()).toBeCloseTo(25 + 4 * (2 - Math.exp(-1)), 3)
  })
})

test('a power sensor shows what a domain draws: 0 while its power domain is off', () => {
  const { platform, model, send } = setUp()
  const watts = () => ['cpu_power', 'soc_power'].map(name => model.named(name).read(0) / 1e6)
  expect(watts()).toEqual([POWER[600], 0.5])
  send(PERF, LEVEL_SET, 0, 1800)
  expect(watts()).toEqual([POWER[1800], 0.5])
  const domains = platform.model(powerDomains)
  for (const name of ['soc', 'cluster']) domains.setState(domains.named(name), 0x4000_0000, 0)
  expect(watts()).toEqual([0, 0])
})

test('a closed platform stops its timer', () => {
  const { platform, cpu, send, advance } = setUp()
  platform.close()
  send(PERF, LEVEL_SET, 0, 1800)
  advance(100)
  expect(cpu().level.level).toBe(1800)
})
