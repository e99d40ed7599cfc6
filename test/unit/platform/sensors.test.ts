import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../../src/platform/core/config-error.js'
import { Platform, type ResourceKind } from '../../../src/platform/core/platform.js'
import { VirtualTime } from '../../../src/platform/core/time.js'
import { parsePlatformConfig } from '../../../src/platform/file/config.js'
import { toDecimal } from '../../../src/platform/sensors/decimal.js'
import { sensors } from '../../../src/platform/sensors/index.js'
import type { Sensors } from '../../../src/platform/sensors/model.js'
import { TRIP_FALLING, TRIP_RISING } from '../../../src/platform/sensors/sensor.js'
import { sensorType, sensorTypeName } from '../../../src/platform/sensors/types.js'
import { UpdateIntervals } from '../../../src/platform/sensors/update-intervals.js'

const kinds = [sensors as ResourceKind]

function create(section: string): { model: Sensors; time: VirtualTime; log: unknown[] } {
  const time = new VirtualTime()
  const text = `vendor: acme\nsensors:\n${section}`
  const platform = parsePlatformConfig(text, 'a.yaml', [], kinds, config => new Platform(config, kinds, time))
  const model = platform.model(sensors)
  const log: unknown[] = []
  model.on('tripPoint', (sensor, id, rising) => log.push([time.nowUs, sensor.name, id, rising ? 'rising' : 'falling']))
  model.on('sample', sensor => log.push([time.nowUs, sensor.name, sensor.read(0)]))
  return { model, time, log }
}

const one = (fields: string) => `  - { name: soc, type: celsius, scale: -3, ${fields} }`

describe('a sensor', () => {
  test('has defaults with which Linux can read it', () => {
    const { model } = create(one('value: 48.5'))
    expect(model.named('soc')).toMatchObject({
      enabled: true,
      timestampsEnabled: false,
      multiAxis: false,
      continuousUpdates: false,
      extended: false,
      type: 2,
      scale: -3,
      interval: { us: 1_000_000, mantissa: 1, exponent: 0 },
    })
    expect(model.named('soc').read(0)).toBe(48_500)
    expect(() => model.named('cpu')).toThrow('no sensor is named cpu; there are soc')
  })

  test('reads the set value until the source is restored', () => {
    const { model } = create(one('value: 48.5'))
    const soc = model.named('soc')
    soc.set(-3.25)
    expect(soc.read(0)).toBe(-3250)
    soc.set(undefined)
    expect(soc.read(0)).toBe(48_500)
    expect(() => soc.set(1e20)).toThrow(RangeError)
    expect(soc.read(0)).toBe(48_500)
  })

  test("has axes with the sensor's type and scale, or their own", () => {
    const { model } = create(one('axes: [{ name: X, value: 1 }, { name: Y, type: volt, scale: 0, value: 2 }]'))
    const soc = model.named('soc')
    expect(soc.axes.map(({ name, type, scale }) => [name, type, scale])).toEqual([
      ['X', 2, -3],
      ['Y', 5, 0],
    ])
    soc.set(7, 1)
    expect([soc.read(0), soc.read(1)]).toEqual([1000, 7])
  })

  test.each([
    [-6, 1_234_567],
    [-9, 1_234_567_000],
    [-3, 1234],
    [0, 1],
  ])('counts time in units of 10^%i s', (exponent, ticks) => {
    const { model, time } = create(one(`value: 1, timestamps: { exponent: ${exponent} }`))
    const soc = model.named('soc')
    time.advance(1_234_567)
    expect(soc.timestamp()).toBe(0)
    soc.configure(true, true, soc.interval)
    expect(soc.timestamp()).toBe(ticks)
  })

  test('timestamps are exact for whole seconds', () => {
    const { model, time } = create(one('value: 1, timestamps: { exponent: 0 }'))
    const soc = model.named('soc')
    soc.configure(true, true, soc.interval)
    for (let s = 1; s <= 1000; s++) {
      time.advance(1_000_000)
      expect(soc.timestamp()).toBe(s)
    }
  })
})

describe('trip points', () => {
  const section = one('value: 40, trip_points: 2, update_intervals: [100 ms]')

  test.each([
    [TRIP_RISING, [50], ['rising']],
    [TRIP_RISING, [51], ['rising']],
    [TRIP_RISING, [49.999, 50, 51, 50, 60], ['rising']],
    [TRIP_RISING, [60, 40, 60], ['rising', 'rising']],
    [TRIP_FALLING, [60, 50, 40], ['falling']],
    [TRIP_FALLING, [50, 40], []],
    [TRIP_RISING | TRIP_FALLING, [60, 40], ['rising', 'falling']],
    [0, [60, 40], []],
  ])('mode %i, values %j: %j', (mode, values, crossings) => {
    const { model, log } = create(section)
    const soc = model.named('soc')
    Object.assign(soc.tripPoints[1]!, { mode, value: 50_000 })
    for (const value of values) soc.set(value)
    expect(log).toEqual(crossings.map(crossing => [0, 'soc', 1, crossing]))
  })

  test('a disabled sensor reports none', () => {
    const { model, log } = create(section)
    const soc = model.named('soc')
    Object.assign(soc.tripPoints[0]!, { mode: TRIP_RISING, value: 50_000 })
    soc.configure(false, false, soc.interval)
    soc.set(60)
    expect(log).toEqual([])
  })

  test('a source crosses them between samples, while the sensor is watched', () => {
    const { model, time, log } = create(
      one('value: { ramp: { from: 0, to: 10, period: 1 s } }, trip_points: 1, update_intervals: [300 ms]'),
    )
    const soc = model.named('soc')
    Object.assign(soc.tripPoints[0]!, { mode: TRIP_RISING, value: 5000 })
    time.advance(2_000_000)
    expect(log).toEqual([])
    soc.watch()
    time.advance(700_000)
    expect(log).toEqual([
      [2_300_000, 'soc', 3000],
      [2_600_000, 'soc', 0, 'rising'],
      [2_600_000, 'soc', 6000],
    ])
    soc.unwatch()
    time.advance(10_000_000)
    expect(log).toHaveLength(3)
  })
})

describe('samples', () => {
  const section = one('value: 1, update_intervals: [100 ms, 250 ms]')

  test('come every interval while there is a watcher', () => {
    const { model, time, log } = create(section)
    const soc = model.named('soc')
    soc.watch()
    time.advance(50_000)
    soc.watch()
    time.advance(200_000)
    soc.unwatch()
    time.advance(100_000)
    soc.unwatch()
    time.advance(1_000_000)
    expect(log).toEqual([
      [100_000, 'soc', 1000],
      [200_000, 'soc', 1000],
      [300_000, 'soc', 1000],
    ])
  })

  test('start again when the interval changes, stop while the sensor is disabled', () => {
    const { model, time, log } = create(section)
    const soc = model.named('soc')
    soc.watch()
    time.advance(50_000)
    soc.configure(true, false, soc.intervals.choose(250_000, 'nearest')!)
    time.advance(250_000)
    soc.configure(false, false, soc.interval)
    time.advance(1_000_000)
    soc.configure(true, true, soc.interval)
    time.advance(250_000)
    // Reading timestamps does not shift the interval.
    time.advance(100_000)
    soc.configure(true, false, soc.interval)
    time.advance(150_000)
    expect(log.map(entry => (entry as [number])[0])).toEqual([300_000, 1_550_000, 1_800_000])
  })

  test('that are missed are not made up for, and the next ones keep the interval', () => {
    const { model, time, log } = create(section)
    model.named('soc').watch()
    // As if the process had not run for a second: one sample at once, then one every interval.
    time.nowUs = 1_000_000
    time.advance(250_000)
    expect(log.map(entry => (entry as [number])[0])).toEqual([1_000_000, 1_000_000, 1_100_000, 1_200_000])
  })
})

describe('update intervals', () => {
  const list = new UpdateIntervals([1_000_000, 100_000, 10_000_000], undefined, [0])
  const segment = new UpdateIntervals({ min: 10_000, max: 1_000_000, step: 10_000 }, 50_000, [0])

  test('a list is sent in the order of the file; the first is in force', () => {
    expect(list.entries.map(({ mantissa, exponent }) => [mantissa, exponent])).toEqual([
      [1, -1],
      [1, 0],
      [10, 0],
    ])
    expect(list.initial.us).toBe(1_000_000)
    expect(segment.initial.us).toBe(50_000)
  })

  test.each([
    ['down', 2e6, 1e6],
    ['up', 2e6, 10e6],
    ['nearest', 2e6, 1e6],
    ['nearest', 6e6, 10e6],
    ['down', 1e6, 1e6],
    ['up', 1e6, 1e6],
    ['down', 1, undefined],
    ['up', 11e6, undefined],
    ['nearest', 1, 1e5],
    ['nearest', 1e9, 10e6],
  ] as const)('list, %s from %d: %d', (rounding, wanted, us) => {
    expect(list.choose(wanted, rounding)?.us).toBe(us)
  })

  test.each([
    ['down', 25_000, 20_000],
    ['up', 25_000, 30_000],
    ['nearest', 26_000, 30_000],
    ['down', 1e9, 1e6],
    ['down', 1, undefined],
    ['up', 1, 10_000],
    ['up', 1e9, undefined],
    ['nearest', 1e9, 1e6],
  ] as const)('segment, %s from %d: %d', (rounding, wanted, us) => {
    expect(segment.choose(wanted, rounding)?.us).toBe(us)
  })

  test('an interval of a segment that has too many digits is sent rounded', () => {
    const fine = new UpdateIntervals({ min: 1000, max: 100_000_000, step: 1000 }, undefined, [0])
    expect(fine.choose(65_537_000, 'nearest')).toEqual({ us: 65_537_000, mantissa: 6554, exponent: -2 })
  })
})

describe('errors in a file', () => {
  test.each([
    ['enabled: true', 'a.yaml:3:5: sensors[0]: give either value or axes'],
    ['value: 1, axes: [{ name: x, value: 1 }]', 'sensors[0]: give either value or axes'],
    ['value: { sine: {} }', 'sensors[0].value.sine: mean is missing; write a number'],
    [
      'value: { sin: {} }',
      'sensors[0].value.sin: is not a known key; did you mean sine? Known keys: ramp, sine, random_walk',
    ],
    ['value: {}', 'sensors[0].value: give one of ramp, sine, random_walk'],
    ['value: 1e30', 'sensors[0].value: 1e+30 × 10^3 exceeds 2^53; take a larger scale'],
    ['value: 1, extended: { power: 3 }', 'sensors[0].extended: needs resolution, min and max'],
    [
      'value: 1, extended: { resolution: 0.987654321, min: 0, max: 1 }',
      'sensors[0].extended.resolution: 0.987654321 has too many digits; at most 8 fit',
    ],
    [
      'axes: [{ name: x, value: 1 }], extended: { min: 3 }',
      'sensors[0].extended.min: belongs to the axes of a sensor that has axes',
    ],
    [
      'axes: [{ name: x, value: 1 }], trip_points: 1',
      'sensors[0].trip_points: a sensor with axes has no trip points; leave them out',
    ],
    [
      `axes: [${'{ name: x, value: 1 }, '.repeat(8)}], async: { latency: 1 }`,
      'sensors[0].async: works with at most 7 axes: more do not fit in a message',
    ],
    ['value: 1, update_intervals: [0]', 'sensors[0].update_intervals[0]: must be longer than 0 and at most 24 h'],
    [
      'value: 1, update_intervals: [1234567]',
      'sensors[0].update_intervals[0]: 1234567 us has too many digits; it must be at most 65535 times a power of ten',
    ],
    [
      'value: 1, update_intervals: { min: 2, max: 1, step: 1 }',
      'sensors[0].update_intervals.max: must be at least min',
    ],
    ['value: 1, update_interval: 2 s', 'sensors[0].update_interval: 2000000 us is not one of update_intervals'],
  ])('%s', (fields, message) => {
    expect(() => create(one(fields))).toThrow(ConfigError)
    expect(() => create(one(fields))).toThrow(message)
  })

  test('two sensors of one name', () => {
    expect(() => create(`${one('value: 1')}\n${one('value: 2')}`)).toThrow('sensors[1].name: two sensors are named soc')
  })
})

test.each([
  ['none', 0x00],
  ['celsius', 0x02],
  ['kilopascal', 0x0f],
  ['psi', 0x10],
  ['metre', 0x1f],
  ['cubic_centimetre', 0x20],
  ['radian', 0x24],
  ['siemens', 0x32],
  ['qword', 0x40],
  ['percent', 0x41],
  ['corrected_error', 0x50],
  ['radian_per_second', 0x57],
  ['metre_per_second_squared', 0x59],
  ['radian_per_second_squared', 0x5d],
  ['oem', 0xff],
])('%s is type %i', (name, type) => {
  expect(sensorType.parse(name)).toBe(type)
  expect(sensorType.parse(type)).toBe(type)
  expect(sensorTypeName(type)).toBe(name)
})

test.each([
  [0.0625, { mantissa: 625, exponent: -4 }],
  [0.001, { mantissa: 1, exponent: -3 }],
  [0, { mantissa: 0, exponent: 0 }],
  [100, { mantissa: 1, exponent: 2 }],
  [12.5, { mantissa: 125, exponent: -1 }],
  [1.98765432, undefined],
  [1e-17, undefined],
  [1e16, undefined],
])('%d as a mantissa of 27 bits and an exponent of five', (value, decimal) => {
  expect(toDecimal(value, 2 ** 27 - 1)).toEqual(decimal)
})
