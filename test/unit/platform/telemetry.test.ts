/** The telemetry section: what data events measure, how that is described, what is refused. */
import { describe, expect, test } from 'vitest'
import { clocks } from '../../../src/platform/clocks/index.js'
import { perfDomains } from '../../../src/platform/perf-domains/index.js'
import { powerDomains } from '../../../src/platform/power-domains/index.js'
import { OFF, ON } from '../../../src/platform/power-domains/model.js'
import { powercaps } from '../../../src/platform/powercaps/index.js'
import { sensors } from '../../../src/platform/sensors/index.js'
import { telemetry } from '../../../src/platform/telemetry/index.js'
import { createTestAgent } from '../../support/agent.js'

const BOARD = `
vendor: acme
clocks: [{ name: clk, rates: [1 MHz, 2 MHz], enabled: true }]
power_domains: [{ name: gpu, power: 2 W, states: [{ name: sleep, id: 1 }] }]
perf_domains:
  - name: cpu
    power_unit: milliwatt
    levels: [{ level: 1, power: 500, frequency: 1 GHz }, { level: 2, power: 1500, frequency: 2 GHz }]
powercaps: [{ name: package, unit: milliwatt, cap_range: { min: 1 W, max: 9 W, step: 1 W }, power: 3 W }]
sensors:
  - { name: soc, type: celsius, scale: -3, value: 45 }
  - { name: gyro, type: radian_per_second, axes: [{ name: x, value: 1 }] }
`

function setUp(events: string, rest = '') {
  const test = createTestAgent(`${BOARD}telemetry:\n  ${rest}\n  events: [${events}]`)
  const model = test.platform.model(telemetry)
  return { ...test, model, read: (name: string) => model.named(name).read(test.time.nowUs) }
}

describe('values', () => {
  test('of a sensor, in its unit and scale, or in one of the event’s own', () => {
    const { platform, model, read } = setUp(
      '{ name: a, value: { sensor: soc } }, { name: b, value: { sensor: soc }, scale: -1 }',
    )
    expect([read('a'), read('b')]).toEqual([45_000, 450])
    platform.model(sensors).named('soc').set(-3.25)
    expect([read('a'), read('b')]).toEqual([-3250, -32])
    expect(model.list.map(({ unit, scale, type }) => [unit, scale, type])).toEqual([
      [2, -3, 5],
      [2, -1, 5],
    ])
  })

  test('of power, rate and signals follow what they are bound to', () => {
    const { platform, time, read } = setUp(
      '{ name: p, value: { power_of: cpu }, scale: -3 }, { name: r, value: { rate_of: clk } }, ' +
        '{ name: s, value: { ramp: { from: 0, to: 100, period: 1 s } } }',
    )
    expect([read('p'), read('r'), read('s')]).toEqual([1500, 1_000_000, 0])
    const perf = platform.model(perfDomains)
    perf.setLevel(perf.named('cpu'), perf.named('cpu').levels[0]!, 0)
    const model = platform.model(clocks)
    model.setRate(model.named('clk'), 2_000_000, 0)
    time.advance(500_000)
    expect([read('p'), read('r'), read('s')]).toEqual([500, 2_000_000, 50])
  })

  test('energy is power added up between changes, whoever changes it and whenever it is read', () => {
    const { platform, time, read } = setUp(
      '{ name: cpu_e, value: { energy_of: cpu }, scale: -6 }, { name: pkg, value: { energy_of: package }, scale: -3 }',
    )
    const perf = platform.model(perfDomains)
    time.advance(1_000_000)
    perf.setLevel(perf.named('cpu'), perf.named('cpu').levels[0]!, 0)
    time.advance(2_000_000)
    expect(read('cpu_e')).toBe(1_500_000 + 2 * 500_000)
    expect(read('pkg')).toBe(9000)
    const caps = platform.model(powercaps)
    caps.setPower(caps.named('package'), 1000)
    time.advance(500_000)
    expect(read('pkg')).toBe(9500)
    expect(read('pkg')).toBe(9500)
  })

  test('residency is the time in a state or at a level', () => {
    const { platform, time, model, read } = setUp(
      '{ name: idle, value: { residency_of: { domain: gpu, state: "off" } }, scale: -3 }, ' +
        '{ name: sleep, value: { residency_of: { domain: gpu, state: sleep } }, scale: -3 }, ' +
        '{ name: low, value: { residency_of: { domain: cpu, level: 1 } }, scale: -3 }',
    )
    const power = platform.model(powerDomains)
    const perf = platform.model(perfDomains)
    time.advance(10_000)
    power.setState(power.named('gpu'), ON, 1)
    time.advance(20_000)
    perf.setLevel(perf.named('cpu'), perf.named('cpu').levels[0]!, 0)
    power.setState(power.named('gpu'), 1, 1)
    time.advance(5000)
    power.setState(power.named('gpu'), OFF, 1)
    time.advance(1000)
    expect([read('idle'), read('sleep'), read('low')]).toEqual([11, 5, 6])
    expect(model.list.map(({ type }) => type)).toEqual([1, 1, 3])
  })

  test('timestamps are ticks since the platform started', () => {
    const { time, model } = setUp('{ name: a, value: 1 }', 'timestamp_rate: 32 kHz')
    time.advance(1_000_000)
    expect([model.timestampAt(time.nowUs), model.timestampKhz]).toEqual([32_000, 32])
  })
})

test.each([
  ['{ name: a, value: { sensor: gone } }', /events\[0\]\.value\.sensor: gone is not in sensors; there are soc, gyro$/],
  ['{ name: a, value: { sensor: gyro } }', /value\.sensor: gyro has axes; name a sensor with one value$/],
  ['{ name: a, value: { energy_of: soc } }', /value\.energy_of: soc is not a domain that draws power/],
  ['{ name: a, value: { residency_of: { domain: gpu } } }', /residency_of: give either state or level$/],
  ['{ name: a, value: { residency_of: { domain: gpu, state: half } } }', /state: half is not one of on, sleep, off$/],
  ['{ name: a, value: { residency_of: { domain: cpu, level: 9 } } }', /level: 9 is not one of 1, 2$/],
  ['{ name: a, value: { power_of: cpu }, unit: celsius }', /power_of: measures in watt, the sensor in celsius$/],
  [
    '{ name: a, value: {} }',
    /value: give one of ramp, sine, random_walk, power_of, .*energy_of, residency_of, messages$/,
  ],
  ['{ name: a, value: 1 }, { name: a, value: 1 }', /events\[1\]\.name: two data events are named a$/],
  ['{ name: a, id: 5, value: 1 }, { name: b, id: 5, value: 1 }', /events\[1\]\.id: 5 is the id of a/],
  ['{ name: a_name_of_16_chr, value: 1 }', /is not a name; write 1 to 15 printable ASCII characters$/],
  [
    '{ name: a, value: 1, type: fast }',
    /type: fast is not a type of data event; write a number up to 255 or one of unsp/,
  ],
  ['{ name: a, value: 1, component: nose }', /component: nose is not a component/],
  ['{ name: a, value: 1, group: g }', /group: g is not in groups; there are none$/],
  ['{ name: a, value: 1, timestamp: block, via: message }', /timestamp: block timestamps are in memory areas only/],
  ['{ name: a, value: 1, enabled: timestamp }', /enabled: the event has no timestamp; write true$/],
])('%s is refused', (events, problem) => {
  expect(() => setUp(events)).toThrow(problem)
})

test.each([
  ['groups: [{ name: g }]', /telemetry\.groups\[0\]: no event is in this group$/],
  ['groups: [{ name: g }, { name: g }]', /groups\[1\]\.name: two groups are named g$/],
  ['groups: [{ name: g, update_interval: 1 s }]', /update_interval: needs update_intervals of its own$/],
  ['revision: abc', /revision: "abc" is not a UUID; write e\.g\. 12345678-/],
  ['timestamp_rate: 1500', /timestamp_rate: must be a whole number of kHz, at least 1$/],
  ['update_interval: 3 ms', /update_interval: 3000 us is not one of update_intervals$/],
  ['enabled: true', /telemetry\.enabled: no event is enabled at start; enable one, or leave this out$/],
  ['single_read: { latency: soon }', /latency/],
])('%s is refused', (rest, problem) => {
  expect(() => setUp('{ name: e, value: 1 }', rest)).toThrow(problem)
})

test('a group whose events are read in two ways is refused', () => {
  const events = '{ name: a, value: 1, group: g }, { name: b, value: 1, group: g, via: message }'
  expect(() => setUp(events, 'groups: [{ name: g }]')).toThrow(
    /events\[1\]\.via: the events of group g are read via shmti; a group has one way$/,
  )
})

test('more events that are enabled at start than may be are refused', () => {
  const events = '{ name: a, value: 1, enabled: true }, { name: b, value: 1, enabled: true }'
  expect(() => setUp(events, 'max_enabled: 1')).toThrow(/max_enabled: 2 events are enabled at start$/)
})
