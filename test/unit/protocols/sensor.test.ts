/** The Sensor protocol, beyond what byte vectors show: restarts of agents, views, exact numbers, cost. */
import { describe, expect, test } from 'vitest'
import { dispatch } from '../../../src/device/dispatch.js'
import { loadPlatform } from '../../../src/loading/load.js'
import { VirtualTime } from '../../../src/platform/core/time.js'
import { agentsOf } from '../../../src/platform/file/config.js'
import { sensors } from '../../../src/platform/sensors/index.js'
import { sensorTypeName } from '../../../src/platform/sensors/types.js'
import { base } from '../../../src/protocols/base.js'
import { Agent } from '../../../src/protocols/declaration/agent.js'
import { sensor } from '../../../src/protocols/sensor.js'
import { decode, type Values } from '../../../src/wire/fields.js'
import { packHeader } from '../../../src/wire/header.js'
import { MessageWriter, RequestReader } from '../../../src/wire/message.js'
import { createTestAgent, exchangeWith, message, RecordedEvents, type TestAgent } from '../../support/agent.js'
import { leastGrowth } from '../../support/heap.js'

const DESCRIPTION_GET = 0x3
const TRIP_POINT_NOTIFY = 0x4
const TRIP_POINT_CONFIG = 0x5
const READING_GET = 0x6
const AXIS_DESCRIPTION_GET = 0x7
const LIST_UPDATE_INTERVALS = 0x8
const CONFIG_GET = 0x9
const CONFIG_SET = 0xa
const CONTINUOUS_UPDATE_NOTIFY = 0xb
const NAME_GET = 0xc
const AXIS_NAME_GET = 0xd

const SUCCESS = 0
const NOT_SUPPORTED = -1
const DENIED = -3
const NOT_FOUND = -4
const PROTOCOL_ERROR = -10

const PLATFORM = `
vendor: acme
agents: [{ name: all }, { name: some, trusted: false, resources: { sensors: [accel, slow] } }]
devices: [{ name: board, resources: { sensors: [soc] } }]
sensors:
  - { name: soc, type: celsius, scale: -3, value: 40, trip_points: 1, update_intervals: [100 ms] }
  - { name: slow, type: volt, value: 5, async: { latency: 5 ms }, trip_points: 1 }
  - name: accel
    type: metre_per_second_squared
    scale: -3
    axes: [{ name: accel_X, value: 1 }, { name: accel_Y, value: -2 }, { name: accel_Z, value: 9.81 }]
    continuous_updates: true
    update_intervals: [10 ms, 20 ms]
    timestamps: { exponent: -9 }
`
const SOC = 0
const SLOW = 1
const ACCEL = 2

const protocols = [base, sensor]

function create(platform = PLATFORM, version = 0x30001): TestAgent {
  return createTestAgent(platform, { protocols, versions: { sensor: version } })
}

const request = (id: number, ...words: number[]) => message(packHeader(sensor.id, id, 0, 1), ...words)
const words = (bytes: Uint8Array) => [...new Int32Array(bytes.slice(4).buffer)]
const status = (bytes: Uint8Array) => words(bytes)[0]
const payload = (bytes: Uint8Array) => words(bytes).slice(1)

function send({ exchange }: TestAgent, id: number, ...args: number[]): number | undefined {
  return status(exchange(request(id, ...args)))
}

describe('a driver that goes', () => {
  test('takes its subscriptions and pending readings with it', () => {
    const test = create()
    expect(send(test, TRIP_POINT_CONFIG, SOC, 1, 50_000, 0)).toBe(SUCCESS)
    expect(send(test, TRIP_POINT_NOTIFY, SOC, 1)).toBe(SUCCESS)
    expect(send(test, CONTINUOUS_UPDATE_NOTIFY, ACCEL, 1)).toBe(SUCCESS)
    expect(send(test, READING_GET, SLOW, 1)).toBe(SUCCESS)
    test.agent.restart()
    test.platform.model(sensors).named('soc').set(60)
    test.time.advance(1_000_000)
    expect(test.events.take()).toEqual([])
    // It leaves no listeners: after a hundred restarts there are those of one driver.
    for (let i = 0; i < 100; i++) test.agent.restart()
    expect(test.platform.model(sensors).listenerCount('sample')).toBe(1)
    test.agent.release()
    expect(test.platform.model(sensors).listenerCount('sample')).toBe(0)
  })

  test('leaves sensors sampled for other agents', () => {
    const test = create()
    const events = new RecordedEvents()
    const config = agentsOf(test.platform.config)[1]!
    const other = new Agent({ config, platform: test.platform, events, peers: [], protocols })
    send(test, CONTINUOUS_UPDATE_NOTIFY, ACCEL, 1)
    exchangeWith(other)(request(CONTINUOUS_UPDATE_NOTIFY, 0, 1))
    test.agent.restart()
    test.time.advance(20_000)
    expect(test.events.take()).toEqual([])
    // With the other agent's id of the sensor.
    expect(events.take().map(event => words(event)[1])).toEqual([0, 0])
  })
})

describe('an agent with a view of its own', () => {
  test('numbers its sensors from 0, in descriptions, readings and events', () => {
    const { platform, time } = create()
    const events = new RecordedEvents()
    const config = agentsOf(platform.config)[1]!
    const agent = new Agent({ config, platform, events, peers: [], protocols })
    const described = decodeReply(0x20000, DESCRIPTION_GET, exchangeWith(agent)(request(DESCRIPTION_GET, 0)))
    expect(described.descriptors).toMatchObject([
      { sensor_id: 0, sensor_name: 'accel' },
      { sensor_id: 1, sensor_name: 'slow' },
    ])
    expect(payload(exchangeWith(agent)(request(READING_GET, 0, 0)))[0]).toBe(1000)
    expect(status(exchangeWith(agent)(request(READING_GET, 2, 0)))).toBe(NOT_FOUND)
    exchangeWith(agent)(request(READING_GET, 1, 1))
    exchangeWith(agent)(request(TRIP_POINT_CONFIG, 1, 2, 0, 0))
    exchangeWith(agent)(request(TRIP_POINT_NOTIFY, 1, 1))
    platform.model(sensors).named('slow').set(-1)
    time.advance(5000)
    expect(events.take().map(event => words(event))).toEqual([
      [0, 1, 0],
      [0, 1, -1, -1, 0, 0],
    ])
  })

  test('is denied what was taken from it', () => {
    const test = create()
    test.agent.permissions.set(sensor.id, 'soc', false)
    test.agent.permissionsChanged()
    for (const [id, ...args] of [
      [TRIP_POINT_NOTIFY, 1],
      [TRIP_POINT_CONFIG, 0, 0, 0],
      [READING_GET, 0],
      [AXIS_DESCRIPTION_GET, 0],
      [LIST_UPDATE_INTERVALS, 0],
      [CONFIG_GET],
      [CONFIG_SET, 1],
      [CONTINUOUS_UPDATE_NOTIFY, 1],
      [NAME_GET],
      [AXIS_NAME_GET, 0],
    ] as const) {
      expect(send(test, id, SOC, ...args), `message ${id}`).toBe(DENIED)
    }
  })
})

function decodeReply(since: number, id: number, bytes: Uint8Array): Values {
  const command = sensor.commandsOf(since)[id]!
  return decode(command.reply, new DataView(bytes.buffer, bytes.byteOffset + 8, bytes.byteLength - 8))
}

describe('readings', () => {
  test.each([0, 1, -1, 2 ** 31, -(2 ** 31) - 1, 2 ** 32, -(2 ** 32), 2 ** 53 - 1, -(2 ** 53) + 1])(
    'of %d are exact in replies, delayed responses and notifications',
    value => {
      const test = create()
      test.platform.model(sensors).named('slow').set(value)
      const reply = decodeReply(0x20000, READING_GET, test.exchange(request(READING_GET, SLOW, 0)))
      expect(reply.readings).toEqual([{ value: BigInt(value), timestamp: 0n }])
      send(test, READING_GET, SLOW, 1)
      test.time.advance(5000)
      const [delayed] = test.events.take()
      expect(new DataView(delayed!.buffer).getBigInt64(12, true)).toBe(BigInt(value))

      test.platform
        .model(sensors)
        .named('accel')
        .set(value / 1000, 1)
      send(test, CONTINUOUS_UPDATE_NOTIFY, ACCEL, 1)
      test.time.advance(10_000)
      const [update] = test.events.take()
      expect(new DataView(update!.buffer).getBigInt64(28, true)).toBe(BigInt(Math.round((value / 1000) * 1000)))
    },
  )

  test('that are pending end in an error when the sensor is disabled', () => {
    const test = create()
    expect(send(test, READING_GET, SLOW, 1)).toBe(SUCCESS)
    expect(send(test, CONFIG_SET, SLOW, 0)).toBe(SUCCESS)
    expect(send(test, READING_GET, SLOW, 1)).toBe(PROTOCOL_ERROR)
    test.time.advance(5000)
    expect(test.events.take().map(words)).toEqual([[PROTOCOL_ERROR]])
  })

  test('are never asynchronous where the platform file allows none', () => {
    const test = create(`protocols: { sensor: { max_pending_async: 0 } }${PLATFORM}`)
    expect(send(test, READING_GET, SLOW, 1)).toBe(NOT_SUPPORTED)
    const { descriptors } = decodeReply(0x20000, DESCRIPTION_GET, test.exchange(request(DESCRIPTION_GET, 0)))
    for (const descriptor of descriptors as Values[])
      expect(Number(descriptor.sensor_attributes_low) & ASYNC_READ).toBe(0)
  })

  test('have the value at the time of the delayed response, not of the request', () => {
    const test = create(`
vendor: acme
sensors: [{ name: a, type: volt, value: { ramp: { from: 0, to: 1000, period: 1 s } }, timestamps: { exponent: -6 }, async: { latency: 7 ms } }]`)
    send(test, CONFIG_SET, 0, 3)
    send(test, READING_GET, 0, 1)
    test.time.advance(7000)
    expect(test.events.take().map(words)).toEqual([[SUCCESS, 0, 7, 0, 7000, 0]])
  })
})

const ASYNC_READ = 1 << 31

describe('notifications', () => {
  test('are sent once after two subscriptions, and end with one unsubscription', () => {
    const test = create()
    for (let i = 0; i < 3; i++) send(test, CONTINUOUS_UPDATE_NOTIFY, ACCEL, 1)
    test.time.advance(10_000)
    expect(test.events.take()).toHaveLength(1)
    for (let i = 0; i < 2; i++) send(test, CONTINUOUS_UPDATE_NOTIFY, ACCEL, 0)
    test.time.advance(100_000)
    expect(test.events.take()).toEqual([])
  })

  test('of trip points come at once when a value is set, only to subscribers', () => {
    const test = create()
    const soc = test.platform.model(sensors).named('soc')
    send(test, TRIP_POINT_CONFIG, SOC, 3, 50_000, 0)
    soc.set(60)
    expect(test.events.take()).toEqual([])
    send(test, TRIP_POINT_NOTIFY, SOC, 1)
    soc.set(40)
    soc.set(50)
    expect(test.events.take().map(words)).toEqual([
      [0, SOC, 0],
      [0, SOC, 0x10000],
    ])
  })

  test('of trip points below zero', () => {
    const test = create()
    send(test, TRIP_POINT_CONFIG, SOC, 2, -5000, -1)
    send(test, TRIP_POINT_NOTIFY, SOC, 1)
    test.platform.model(sensors).named('soc').set(-4.999)
    expect(test.events.take()).toEqual([])
    test.platform.model(sensors).named('soc').set(-5)
    expect(test.events.take()).toHaveLength(1)
  })
})

describe('what Linux does', () => {
  test('IIO reads a raw value: enable, read, disable; then streams', () => {
    const test = create()
    expect(send(test, CONFIG_SET, ACCEL, 1)).toBe(SUCCESS)
    expect(payload(test.exchange(request(READING_GET, ACCEL, 0)))).toEqual([
      1000, 0, 0, 0, -2000, -1, 0, 0, 9810, 0, 0, 0,
    ])
    expect(send(test, CONFIG_SET, ACCEL, 0)).toBe(SUCCESS)
    expect(send(test, CONTINUOUS_UPDATE_NOTIFY, ACCEL, 1)).toBe(SUCCESS)
    test.time.advance(100_000)
    expect(test.events.take()).toEqual([])
    expect(send(test, CONFIG_SET, ACCEL, 3)).toBe(SUCCESS)
    test.time.advance(20_000)
    expect(test.events.take().map(event => words(event)[4])).toEqual([110_000_000, 120_000_000])
  })

  test('IIO sets a sampling frequency of 50 Hz, which the platform may round', () => {
    const test = create()
    const mantissa = 20
    const milliseconds = -3 & 0x1f
    expect(send(test, CONFIG_SET, ACCEL, (mantissa << 16) | (milliseconds << 11) | (2 << 9) | 1)).toBe(SUCCESS)
    expect(payload(test.exchange(request(CONFIG_GET, ACCEL)))).toEqual([(2 << 16) | ((-2 & 0x1f) << 11) | 1])
  })

  test('no interval is ever 0, because IIO divides by it', () => {
    const test = createTestAgent(PLATFORM, { protocols })
    for (const id of [SOC, SLOW, ACCEL]) {
      const [, ...intervals] = payload(test.exchange(request(LIST_UPDATE_INTERVALS, id, 0)))
      for (const interval of intervals) expect(interval >>> 5).toBeGreaterThan(0)
      expect(payload(test.exchange(request(CONFIG_GET, id)))[0]! >>> 16).toBeGreaterThan(0)
    }
  })

  test('the demo platform has what hwmon and IIO look for', async () => {
    const { platform } = await loadPlatform('demo', { time: new VirtualTime() })
    const { list } = platform.model(sensors)
    const types = list.map(({ type }) => sensorTypeName(type))
    // Thermal zones are enabled by their position among the temperature sensors.
    expect(types.lastIndexOf('celsius')).toBe(types.filter(type => type === 'celsius').length - 1)
    for (const type of ['volt', 'ampere', 'watt', 'joule']) expect(types).toContain(type)
    // hwmon switches on temperatures only; IIO switches its sensors itself.
    expect(list.every(({ enabled, multiAxis }) => enabled || multiAxis)).toBe(true)
    const imu = list.find(({ multiAxis }) => multiAxis)
    expect(imu?.continuousUpdates).toBe(true)
    expect(imu?.axes.map(axis => [axis.name.replace(/.*_/, ''), sensorTypeName(axis.type)])).toEqual(
      ['X', 'Y', 'Z'].map(letter => [letter, 'metre_per_second_squared']),
    )
  })

  test('listing descriptions keeps no state: nested requests do not disturb it', () => {
    const test = create()
    const second = (capacity: number) => test.exchange(request(DESCRIPTION_GET, 1), capacity)
    const before = second(136)
    send(test, AXIS_DESCRIPTION_GET, ACCEL, 0)
    send(test, DESCRIPTION_GET, 0)
    expect(second(136)).toEqual(before)
  })
})

test.each([
  ['1.0', 0x10000],
  ['3.1', 0x30001],
])('readings in version %s allocate nothing', (_, version) => {
  const { agent, time } = create(
    `
vendor: acme
sensors:
  - { name: sine, type: volt, scale: -3, value: { sine: { mean: 1, amplitude: 2, period: 1 s } } }
  - { name: ramp, type: volt, scale: -3, value: { ramp: { from: 1, to: 2, period: 1 s } } }
  - { name: walk, type: volt, scale: -3, value: { random_walk: { start: 1, step: 1, min: 0, max: 9, interval: 1 ms } } }
  - { name: constant, type: volt, scale: -3, value: 1 }`,
    version,
  )
  const view = new DataView(new ArrayBuffer(256))
  const reader = new RequestReader(view)
  const reply = new MessageWriter(view)
  view.setUint32(0, packHeader(sensor.id, READING_GET, 0, 1), true)
  view.setUint32(8, 0, true)
  const read = (count: number): void => {
    for (let i = 0; i < count; i++) {
      time.nowUs += 10
      view.setUint32(4, i & 3, true)
      reader.open(0, 12)
      reply.open(64, 136)
      dispatch(agent, reader, 12, reply, 136)
    }
  }
  read(300_000)
  expect(view.getInt32(68, true)).toBe(SUCCESS)
  // So few that garbage of 16 bytes per reading would still be in the young generation.
  expect(leastGrowth(() => read(500_000))).toBeLessThan(500_000)
})
