/** Resources of different kinds that depend on each other: levels, clocks, voltages, power, caps, sensors. */
import { describe, expect, test } from 'vitest'
import { clocks } from '../../../src/platform/clocks/index.js'
import { perfDomains } from '../../../src/platform/perf-domains/index.js'
import { powerDomains } from '../../../src/platform/power-domains/index.js'
import { UNCAPPED } from '../../../src/platform/powercaps/domain.js'
import { powercaps } from '../../../src/platform/powercaps/index.js'
import { sensors } from '../../../src/platform/sensors/index.js'
import { voltages } from '../../../src/platform/voltages/index.js'
import { packHeader } from '../../../src/wire/header.js'
import { createTestAgent, message } from '../../support/agent.js'
import { leastGrowth } from '../../support/heap.js'

const OFF = 0x4000_0000
/** The default averaging interval. */
const PAI_US = 100_000

const SUPPLIES = `
clocks:
  - { name: cpu, rates: [600 MHz, 900 MHz, 1.2 GHz] }
  - { name: cpu_bus, parents: [cpu], divider: 3, enabled: true }
voltages: [{ name: vdd_cpu, range: { min: 800 mV, max: 1.1 V, step: 50 mV }, mode: on }]
`
const LEVELS = [600, 900, 1200]
/** A performance domain, for files with one thing wrong. */
const domain = (more: string, volts = ['800 mV', '900 mV', '1.05 V']) =>
  `  - { ${more}, levels: [${LEVELS.map((level, i) => `{ level: ${level}, power: ${level}, frequency: ${level} MHz${volts[i] ? `, voltage: ${volts[i]}` : ''} }`).join(', ')}] }\n`

const load = (sections: string) => createTestAgent(`vendor: acme\n${sections}`)

describe('a level', () => {
  const text = `${SUPPLIES}perf_domains:\n${domain('name: cpu, clock: cpu, voltage: vdd_cpu, level: 900')}`

  function setUp() {
    const { platform, exchange, events } = load(text)
    const [clock, voltage] = [platform.model(clocks), platform.model(voltages)]
    const log: string[] = []
    clock.on('rateChanged', ({ name, rateHz }, agentId) => log.push(`${name} ${rateHz / 1e6} by ${agentId}`))
    voltage.on('levelChanged', ({ name, level }, agentId) => log.push(`${name} ${level / 1000} by ${agentId}`))
    const send = (protocol: number, id: number, ...words: number[]) =>
      new Int32Array(exchange(message(packHeader(protocol, id, 0, 1), ...words)).buffer)[1]
    return { platform, log, send, events }
  }

  test('sets its clock and voltage at start', () => {
    const { platform } = setUp()
    expect(platform.model(clocks).list.map(({ rateHz }) => rateHz)).toEqual([900e6, 300e6])
    expect(platform.model(voltages).named('vdd_cpu').level).toBe(900_000)
  })

  test('raises the voltage before the clock, and lowers it after; both as the platform', () => {
    const { send, log } = setUp()
    expect(send(0x13, 0x7, 0, 1200)).toBe(0)
    expect(log.splice(0)).toEqual(['vdd_cpu 1050 by 0', 'cpu 1200 by 0', 'cpu_bus 400 by 0'])
    expect(send(0x13, 0x7, 0, 600)).toBe(0)
    expect(log).toEqual(['cpu 600 by 0', 'cpu_bus 200 by 0', 'vdd_cpu 800 by 0'])
  })

  test('notifies subscribers of the rate', () => {
    const { send, events } = setUp()
    expect(send(0x14, 0x9, 0, 1)).toBe(0)
    send(0x13, 0x7, 0, 1200)
    expect(events.take().map(event => [...new Uint32Array(event.buffer)])).toEqual([
      [packHeader(0x14, 0, 3, 0), 0, 0, 1200e6, 0],
    ])
  })
})

test('sensors show the rate, voltage or power of their source', () => {
  const { platform } = load(`${SUPPLIES}
powercaps: [{ name: pkg, cap: 5 W, power: 1500 mW }]
sensors:
  - { name: f, type: hertz, value: { rate_of: cpu_bus } }
  - { name: u, type: volt, scale: -3, value: { voltage_of: vdd_cpu } }
  - { name: p, type: watt, scale: -3, value: { power_of: pkg } }
`)
  const read = () => platform.model(sensors).list.map(sensor => sensor.read(0))
  expect(read()).toEqual([200e6, 800, 1500])
  const [clock, voltage, powercap] = [platform.model(clocks), platform.model(voltages), platform.model(powercaps)]
  clock.setRate(clock.named('cpu'), 1200e6, 0)
  voltage.setLevel(voltage.named('vdd_cpu'), 1_000_000, 0)
  powercap.setPower(powercap.named('pkg'), 250_000)
  expect(read()).toEqual([400e6, 1000, 250])
  clock.named('cpu_bus').vote(1, false)
  voltage.setMode(voltage.named('vdd_cpu'), 0, 1)
  expect(read()).toEqual([0, 0, 250])
})

describe('a powercap domain', () => {
  /** Watts by level: 1, 2, 4, and for the gpu twice that. */
  const levels = (factor: number) =>
    `levels: [${[1, 2, 4].map(level => `{ level: ${level}, power: ${level * factor * 1000} }`).join(', ')}]`
  const CAPS = `
power_domains: [{ name: always, state: on, power: 500 mW }, { name: cluster, state: on }]
perf_domains:
  - { name: cpu, ${levels(1)}, sustained_frequency: 400 MHz, level: 1, power_domain: cluster }
  - { name: gpu, ${levels(2)}, sustained_frequency: 400 MHz, level: 1 }
powercaps:
  - { name: soc, unit: milliwatt, cap_range: { min: 1 W, max: 20 W, step: 500 mW }, domains: [always] }
  - { name: cap_cpu, parent: soc, cap_range: { min: 500 mW, max: 10 W, step: 500 mW }, domains: [cpu] }
  - { name: cap_gpu, parent: soc, unit: milliwatt, cap: 10 W, domains: [gpu] }
`

  function setUp() {
    const { platform, time, exchange, events } = load(CAPS)
    const [perf, caps] = [platform.model(perfDomains), platform.model(powercaps)]
    const level = (name: string, value: number) => {
      const domain = perf.named(name)
      const allowed = domain.allowedLevel(value)
      if (allowed) perf.setLevel(domain, allowed, 1)
    }
    const cap = (name: string, value: number) => caps.setCap(caps.named(name), value, 1)
    const send = (protocol: number, id: number, ...words: number[]) =>
      new Int32Array(exchange(message(packHeader(protocol, id, 0, 1), ...words)).buffer)[1]
    return {
      platform,
      level,
      cap,
      send,
      events,
      advance: () => time.advance(PAI_US),
      measured: () => caps.list.map(domain => caps.measure(domain)),
      state: () => perf.list.map(({ level, max }) => [level.level, max.level]),
    }
  }

  test('measures its domains and its children, each in its unit', () => {
    const { platform, measured, level } = setUp()
    expect(measured()).toEqual([500 + 1000 + 2000, 1_000_000, 2000])
    level('cpu', 4)
    expect(measured()).toEqual([500 + 4000 + 2000, 4_000_000, 2000])
    const domains = platform.model(powerDomains)
    domains.setState(domains.named('cluster'), OFF, 0)
    expect(measured()).toEqual([500 + 2000, 0, 2000])
  })

  test('limits the level to the highest that fits, one averaging interval after the cap was exceeded', () => {
    const { level, cap, state, advance } = setUp()
    cap('cap_cpu', 3_000_000)
    level('cpu', 4)
    expect(state()[0]).toEqual([4, 4])
    advance()
    expect(state()[0]).toEqual([2, 2])
  })

  test('lifts the limit when the cap rises or is disabled, and leaves the level as it is', () => {
    const { level, cap, state, advance } = setUp()
    level('cpu', 4)
    for (const [value, expected] of [
      [1_500_000, [1, 1]],
      [2_000_000, [1, 2]],
      [3_500_000, [1, 2]],
      [4_000_000, [1, 4]],
    ] as const) {
      cap('cap_cpu', value)
      advance()
      expect(state()[0]).toEqual(expected)
    }
    level('cpu', 4)
    cap('cap_cpu', 1_000_000)
    advance()
    expect(state()[0]).toEqual([1, 1])
    cap('cap_cpu', UNCAPPED)
    advance()
    expect(state()[0]).toEqual([1, 4])
  })

  test('does not limit what stays below the cap', () => {
    const { level, cap, state, advance } = setUp()
    cap('cap_cpu', 2_000_000)
    level('cpu', 2)
    advance()
    expect(state()[0]).toEqual([2, 4])
  })

  test('limits the domain that draws most, to what the others leave', () => {
    const { level, cap, state, advance } = setUp()
    level('cpu', 2)
    level('gpu', 4)
    // 500 + 2000 + 8000 mW; 7 W leave 4.5 W to the gpu.
    cap('soc', 7000)
    advance()
    expect(state()).toEqual([
      [2, 4],
      [2, 2],
    ])
    level('cpu', 1)
    advance()
    expect(state()).toEqual([
      [1, 4],
      [2, 2],
    ])
    // 500 mW alone are too much: all domains are at their lowest level.
    cap('soc', 1000)
    advance()
    advance()
    expect(state()).toEqual([
      [1, 1],
      [1, 1],
    ])
  })

  test('counts the power that the host sets for a child; does not limit if the host sets its own power', () => {
    const { platform, level, cap, state, advance } = setUp()
    const caps = platform.model(powercaps)
    level('cpu', 4)
    level('gpu', 2)
    // 500 + 4000 mW, and what the host sets for the gpu: 1.5 W are left to the cpu.
    cap('soc', 8000)
    caps.setPower(caps.named('cap_gpu'), 6000)
    advance()
    expect(state()[0]).toEqual([1, 1])
    caps.setPower(caps.named('soc'), 20_000)
    advance()
    expect(state()[0]).toEqual([1, 4])
  })

  test('notifies agents of limits and levels, in the name of the platform', () => {
    const { level, send, events, advance } = setUp()
    expect(send(0x13, 0x9, 0, 1)).toBe(0)
    expect(send(0x13, 0xa, 0, 1)).toBe(0)
    expect(send(0x18, 0xa, 1, 1)).toBe(0)
    level('cpu', 4)
    expect(send(0x18, 0x5, 1, 0, 1_000_000)).toBe(0)
    advance()
    const words = events.take().map(event => [...new Uint32Array(event.buffer)])
    const notification = (protocol: number, id: number) => packHeader(protocol, id, 3, 0)
    expect(words).toEqual([
      [notification(0x13, 1), 1, 0, 4],
      [notification(0x18, 0), 1, 1, 1_000_000, PAI_US],
      [notification(0x13, 0), 0, 0, 1, 1],
      [notification(0x13, 1), 0, 0, 1],
    ])
    expect(send(0x13, 0x7, 0, 2)).toBe(-5)
  })
})

const PERF = `perf_domains: [{ name: cpu, levels: [{ level: 1, power: 1, frequency: 1 MHz }] }]\n`
const ABSTRACT = PERF.replace('name: cpu', 'name: cpu, power_unit: abstract')
const sensor = (value: string, type = 'celsius') => `sensors: [{ name: s, type: ${type}, ${value} }]\n`
const thermal = (of: string) => sensor(`value: { thermal: { of: [${of}], resistance: 1, capacitance: 1 } }`)
const cap = (more: string) => `powercaps: [{ name: c, cap: 5, ${more} }]\n`

test.each([
  [
    'an unknown clock',
    domain('name: a, clock: gpu', []),
    'perf_domains[0].clock: gpu is not in clocks; there are cpu, cpu_bus',
  ],
  [
    'a clock that follows another',
    domain('name: a, clock: cpu_bus', []),
    "perf_domains[0].clock: cpu_bus divides its parent's rate",
  ],
  [
    'a clock with two masters',
    domain('name: a, clock: cpu', []) + domain('name: b, clock: cpu', []),
    'perf_domains[1].clock: cpu is set by a already',
  ],
  [
    'an unknown voltage',
    domain('name: a, voltage: vdd'),
    'perf_domains[0].voltage: vdd is not in voltages; there are vdd_cpu',
  ],
  [
    'a level without voltage',
    domain('name: a, voltage: vdd_cpu', ['1 V', '1 V']),
    'perf_domains[0].levels[2]: level 1200 needs a voltage',
  ],
  [
    'a voltage that the supply has not',
    domain('name: a, voltage: vdd_cpu', ['1 V', '1.01 V', '1 V']),
    'perf_domains[0].levels[1].voltage: 1010000 uV is not a level of vdd_cpu',
  ],
  ['a voltage without supply', domain('name: a', ['1 V']), 'perf_domains[0].levels[0].voltage: has no effect'],
  [
    'an unknown power domain',
    domain('name: a, power_domain: x', []),
    'perf_domains[0].power_domain: x is not in power_domains; there are none',
  ],
])('a performance domain refuses %s', (_, domains, problem) => {
  expect(() => load(`${SUPPLIES}perf_domains:\n${domains}`)).toThrow(problem)
})

test('a performance domain refuses a frequency that its clock has not', () => {
  const slow = SUPPLIES.replace('900 MHz, ', '')
  expect(() => load(`${slow}perf_domains:\n${domain('name: a, clock: cpu', [])}`)).toThrow(
    'perf_domains[0].levels[1].frequency: 900000000 Hz, of level 900, is not a rate of cpu',
  )
})

test.each([
  [
    'an unknown domain',
    PERF + cap('domains: [gpu]'),
    'powercaps[0].domains[0]: gpu is not a domain that draws power; there are cpu',
  ],
  ['abstract powers', ABSTRACT + cap('domains: [cpu]'), 'powercaps[0].domains[0]: cpu has an abstract power_unit'],
  [
    'an abstract unit',
    PERF + cap('unit: abstract, domains: [cpu]'),
    'powercaps[0].domains: a powercap domain with an abstract unit',
  ],
  ['a domain twice', PERF + cap('domains: [cpu, cpu]'), 'powercaps[0].domains[1]: cpu is in c already'],
  ['a power besides', PERF + cap('power: 1, domains: [cpu]'), 'powercaps[0].power: give either power or domains'],
])('a powercap domain refuses %s', (_, text, problem) => {
  expect(() => load(text)).toThrow(problem)
})

test.each([
  [
    'an unknown name',
    PERF + sensor('value: { power_of: gpu }', 'watt'),
    'sensors[0].value.power_of: gpu is not a domain that',
  ],
  [
    'another unit',
    PERF + sensor('value: { power_of: cpu }'),
    'sensors[0].value.power_of: measures in watt, the sensor in',
  ],
  [
    'an ambiguous name',
    PERF + cap('power: 1').replace('name: c', 'name: cpu') + thermal('cpu'),
    'cpu is the name of a powercap domain and of another domain',
  ],
  ['a clock as power', PERF + SUPPLIES + sensor('value: { power_of: vdd_cpu }', 'watt'), 'there are cpu'],
  [
    'an unknown clock',
    SUPPLIES + sensor('value: { rate_of: gpu }', 'hertz'),
    'sensors[0].value.rate_of: gpu is not in clocks',
  ],
  [
    'an unknown voltage',
    sensor('value: { voltage_of: x }', 'volt'),
    'sensors[0].value.voltage_of: x is not in voltages; there are none',
  ],
  ['heat from a domain twice', PERF + thermal('cpu, cpu'), 'sensors[0].value.thermal.of[1]: cpu is listed twice'],
  ['abstract heat', ABSTRACT + thermal('cpu'), 'sensors[0].value.thermal.of[0]: cpu has an abstract power_unit'],
  [
    'two sources',
    sensor('value: { power_of: a, rate_of: b }'),
    'give one of ramp, sine, random_walk, power_of, rate_of',
  ],
  ['an unknown source', sensor('value: { powr_of: a }'), 'did you mean power_of?'],
  [
    'a throttle of nothing',
    PERF + sensor('value: 1, throttle: [{ above: 1, perf: gpu, to: 1 }]'),
    'sensors[0].throttle[0].perf: gpu is not in perf_domains; there are cpu',
  ],
  [
    'a throttle to no level',
    PERF + sensor('value: 1, throttle: [{ above: 1, perf: cpu, to: 2 }]'),
    'sensors[0].throttle[0].to: 2 is not one of the levels 1',
  ],
  [
    'a throttle by axes',
    PERF + sensor('axes: [{ name: x, value: 1 }], throttle: [{ above: 1, perf: cpu, to: 1 }]'),
    'sensors[0].throttle: works with',
  ],
])('a sensor refuses %s', (_, text, problem) => {
  expect(() => load(text)).toThrow(problem)
})

test('a sensor may measure a powercap domain that measures others', () => {
  const { platform } = load(`${PERF.replace('power: 1', 'power: 2000')}${cap('domains: [cpu]')}${thermal('c')}`)
  // It warms from the start, although no power has changed.
  const soc = platform.model(sensors).named('s').axes[0]!
  expect([soc.read(0), soc.read(100e6)]).toEqual([25, 27])
})

test('reading sensors of other resources allocates nothing', () => {
  const { platform, time } = load(`${SUPPLIES}${PERF.replace('power: 1', 'power: 2000')}${cap('domains: [cpu]')}
sensors:
  - { name: t, type: celsius, scale: -3, value: { thermal: { of: [c], resistance: 3, capacitance: 10 } } }
  - { name: p, type: watt, scale: -6, value: { power_of: c } }
  - { name: f, type: hertz, value: { rate_of: cpu_bus } }
  - { name: u, type: volt, scale: -3, value: { voltage_of: vdd_cpu } }
`)
  const { list } = platform.model(sensors)
  const last = new Int32Array(4)
  const read = (count: number): void => {
    for (let i = 0; i < count; i++) {
      time.nowUs += 10
      last[i & 3] = list[i & 3]!.read(0)
    }
  }
  read(300_000)
  expect(last.every(value => value > 0)).toBe(true)
  expect(leastGrowth(() => read(500_000))).toBeLessThan(500_000)
})
