/** Data events in shared memory: where agents are told that they are, and what a reader finds there. */
import { describe, expect, test } from 'vitest'
import { TdcfReader } from '../../../qemu/runner/tdcf-reader.js'
import { sensors } from '../../../src/platform/sensors/index.js'
import { createTestAgent, senderTo, takeWords } from '../../support/agent.js'

const LIST_SHMTI = 0x3
const DE_DESCRIPTION = 0x4
const DE_CONFIGURE = 0x6
const CONFIG_SET = 0x8
const RESET = 0xa
const NOT_SUPPORTED = -1
const OUT_OF_RANGE = -5

const ON = 1
const WITH_TIMESTAMP = 2
const GROUP_ON = 9
const ALL_OFF = 4
const ALL_ON = 0x41
const NOTIFY_ALL = 0x43
const READ_ALL = 0x45
const MS_10 = 0x15d
const NOBODY = 0xffff_ffff

const ADDRESS = 0x1_4f00_0000
const PLATFORM = `
vendor: acme
shared_memory: { address: ${ADDRESS} }
sensors: [{ name: soc, type: celsius, scale: -3, value: 45 }]
clocks: [{ name: cpu, rate: 1 GHz, enabled: true }]
telemetry:
  update_intervals: [10 ms, 100 ms]
  timestamp_rate: 1 MHz
  groups: [{ name: g }, { name: h }]
  events:
    - { id: 0x100, name: plain, value: { sensor: soc } }
    - { id: 0x101, name: lined, value: -1, timestamp: line }
    - { id: 0x102, name: b1, value: { sensor: soc }, timestamp: block }
    - { id: 0x103, name: b2, value: 7, timestamp: block }
    - { id: 0x200, name: g1, value: 11, group: g }
    - { id: 0x201, name: g2, value: 12, group: g, timestamp: line }
    - { id: 0x300, name: fast, value: { rate_of: cpu }, via: fast_channel, timestamp: line }
    - { id: 0x400, name: msg, value: 5, via: message, group: h }
`

function setUp(text = PLATFORM) {
  const test = createTestAgent(text)
  const shared = test.agent.shared!
  const send = senderTo(test.exchange, 0x1b)
  const reader = (area: { address: number; length: number }) =>
    new TdcfReader(shared.words, area.address - ADDRESS, area.length)
  /** The areas, as the driver asks for them. */
  const areas = () => {
    const [status, counts = 0, ...words] = send(LIST_SHMTI, 0)
    expect([status, counts >>> 16]).toEqual([0, 0])
    return Array.from({ length: counts }, (_, i) => {
      const [id, low, high, length, flags] = words.slice(5 * i, 5 * i + 5)
      return { id, address: (low! >>> 0) + high! * 2 ** 32, length: length!, flags }
    })
  }
  const setSensor = (value: number) => test.platform.model(sensors).named('soc').set(value)
  return { ...test, shared, send, reader, areas, setSensor, sent: () => takeWords(test.events) }
}

describe('areas', () => {
  test('are whole pages, one for events outside groups and one for each group that has any, and empty at first', () => {
    const { areas, reader, send } = setUp()
    const listed = areas()
    expect(listed).toMatchObject([
      { id: 0, length: 4096, flags: 0 },
      { id: 1, length: 4096, flags: 0 },
    ])
    for (const area of listed) {
      expect(area.address % 4096).toBe(0)
      expect(reader(area).scan()).toMatchObject({ sequence: 2 })
    }
    // Nothing is enabled: all is holes, except for the block timestamp.
    expect(
      reader(listed[0]!)
        .scan()
        .lines.map(({ metadata }) => metadata),
    ).toEqual([0x10])
    expect(reader(listed[1]!).scan().lines).toEqual([])
    expect(send(LIST_SHMTI, 2)).toEqual([OUT_OF_RANGE])
    // Two areas, fast channels, RESET, both kinds of events.
    expect(send(0x1)[7]! >>> 0).toBe(0xc003_0002)
  })

  test('are not written before the driver is told of one', () => {
    const { shared, send, areas } = setUp()
    send(DE_CONFIGURE, 0x100, ON)
    expect(shared.words.every(word => word === 0)).toBe(true)
    areas()
    expect(shared.words.some(word => word !== 0)).toBe(true)
  })

  test('leave enough free before the epilogue for a driver that wants 24 bytes after every offset', () => {
    const events = (count: number) => `[{ repeat: ${count}, name: "e{i}", value: 1 }]`
    for (const [count, length] of [
      [253, 4096],
      [254, 4096],
      [255, 8192],
    ] as const) {
      const text = `vendor: a\nshared_memory: { address: ${ADDRESS} }\ntelemetry: { events: ${events(count)} }`
      const { areas, send } = setUp(text)
      const [area] = areas()
      expect(area!.length).toBe(length)
      const [, , offset] = send(DE_CONFIGURE, count - 1, ON)
      expect(offset! + 24).toBeLessThan(length)
    }
  })
})

describe('an event that is enabled', () => {
  test('has a valid line where the answer says, with its present value', () => {
    const { areas, reader, send } = setUp()
    const [area] = areas()
    expect(send(DE_CONFIGURE, 0x100, ON)).toEqual([0, 0, 16, 0])
    expect(reader(area!).scan().lines[0]).toMatchObject({ offset: 16, id: 0x100, value: 45_000n, metadata: 0 })
    expect(send(DE_CONFIGURE, 0x101, WITH_TIMESTAMP)).toEqual([0, 0, 32, 0])
    expect(reader(area!).scan().lines[1]).toMatchObject({ id: 0x101, value: -1n, metadata: 0x6, timestamp: 0n })
    // Without its timestamp the line stays where it is.
    expect(send(DE_CONFIGURE, 0x101, ON)).toEqual([0, 0, 32, 0])
    expect(reader(area!).scan().lines[1]).toMatchObject({ metadata: 0x4, timestamp: undefined })
  })

  test('uses the block timestamp of its area if it has one of that kind', () => {
    const { areas, reader, send, time } = setUp()
    const [area] = areas()
    time.advance(3000)
    expect(send(DE_CONFIGURE, 0x102, WITH_TIMESTAMP)).toEqual([0, 0, 72, 56])
    expect(send(DE_CONFIGURE, 0x103, ON)).toEqual([0, 0, 88, 0])
    expect(reader(area!).scan().lines).toMatchObject([
      { offset: 56, metadata: 0x10, id: 1000, value: 3000n },
      { offset: 72, metadata: 0xa, id: 0x102, value: 45_000n, timestamp: 3000n },
      { offset: 88, metadata: 0x0, id: 0x103, value: 7n, timestamp: undefined },
    ])
  })

  test('of a group is read from the first line of the group', () => {
    const { areas, reader, send } = setUp()
    const [, area] = areas()
    expect(send(DE_CONFIGURE, 0, GROUP_ON)).toEqual([0, 1, 16, 0])
    expect(
      reader(area!)
        .scan()
        .lines.map(({ id, value }) => [id, value]),
    ).toEqual([
      [0x200, 11n],
      [0x201, 12n],
    ])
  })

  test('becomes a hole when it is disabled, and the answer names no area', () => {
    const { areas, reader, send } = setUp()
    const [area] = areas()
    send(DE_CONFIGURE, 0x100, ON)
    const before = reader(area!).scan().sequence
    expect(send(DE_CONFIGURE, 0x100, 0)).toEqual([0, -1, 0, 0])
    expect(reader(area!).scan()).toMatchObject({ sequence: before + 2, lines: [{ metadata: 0x10 }] })
    send(DE_CONFIGURE, 0x100, ON)
    expect(send(DE_CONFIGURE, 0, ALL_OFF)).toEqual([0, -1, 0, 0])
    expect(reader(area!).scan().lines).toHaveLength(1)
  })
})

describe('values', () => {
  test('change at the interval, all of an area at once, and only while telemetry is on', () => {
    const { areas, reader, send, time, setSensor } = setUp()
    const [area] = areas()
    send(DE_CONFIGURE, 0x100, ON)
    send(DE_CONFIGURE, 0x102, WITH_TIMESTAMP)
    const valuesNow = () =>
      reader(area!)
        .scan()
        .lines.map(({ value }) => value)
    setSensor(50)
    time.advance(100_000)
    expect(valuesNow()).toEqual([45_000n, 0n, 45_000n])
    send(CONFIG_SET, NOBODY, ALL_ON, MS_10)
    time.advance(9999)
    expect(valuesNow()).toEqual([45_000n, 0n, 45_000n])
    const { sequence } = reader(area!).scan()
    time.advance(1)
    expect(valuesNow()).toEqual([50_000n, 110_000n, 50_000n])
    expect(reader(area!).scan().sequence).toBe(sequence + 2)
    send(CONFIG_SET, NOBODY, 0x40, MS_10)
    setSensor(60)
    time.advance(100_000)
    expect(valuesNow()).toEqual([50_000n, 110_000n, 50_000n])
  })

  test('are new in memory before a single reading is answered; the response has those that come by message', () => {
    const { areas, reader, send, time, setSensor, sent } = setUp()
    const [area] = areas()
    send(DE_CONFIGURE, 0x100, ON)
    send(DE_CONFIGURE, 0x400, ON)
    setSensor(1)
    send(CONFIG_SET, NOBODY, READ_ALL, 0)
    time.advance(0)
    expect(sent()).toEqual([[CONFIG_SET, 0, 4, 0, 0x400, 5, 0]])
    expect(reader(area!).scan().lines[0]).toMatchObject({ value: 1000n })
  })

  test('are new when the notification says so, which is empty if all are in memory', () => {
    const { areas, send, time, sent } = setUp()
    areas()
    send(DE_CONFIGURE, 0x100, ON)
    send(CONFIG_SET, NOBODY, NOTIFY_ALL, MS_10)
    time.advance(10_000)
    expect(sent()).toEqual([[0, 0, 0, 0]])
  })

  test('of a fast channel are where the description says, with the timestamp', () => {
    const { shared, send, time } = setUp()
    const described = send(DE_DESCRIPTION, 6)
    // 0x300: line timestamp, fast channel, name.
    const [, counts, id, , , attributes, , , rate, low = 0, high = 0, size] = described
    expect([counts! & 0xffff, id, attributes! >>> 30, rate, size]).toEqual([2, 0x300, 3, 1000, 16])
    const at = ((low >>> 0) + high * 2 ** 32 - ADDRESS) / 4
    expect(send(DE_CONFIGURE, 0x300, WITH_TIMESTAMP)).toEqual([0, -1, 0, 0])
    send(CONFIG_SET, NOBODY, ALL_ON, MS_10)
    time.advance(10_000)
    expect([...shared.words.subarray(at, at + 4)]).toEqual([1e9, 0, 10_000, 0])
    send(DE_CONFIGURE, 0x300, 0)
    expect([...shared.words.subarray(at, at + 4)]).toEqual([0, 0, 0, 0])
  })
})

test('accumulated values are 0 in memory once RESET is answered, with another sequence', () => {
  const counting = (id: number, via: string) =>
    `{ id: ${id}, name: e${id}, value: { energy_of: cpu }, scale: -6, enabled: true, via: ${via} }`
  const { shared, areas, reader, send, time } = setUp(`
vendor: acme
shared_memory: { address: ${ADDRESS} }
perf_domains: [{ name: cpu, levels: [{ level: 1, power: 400, frequency: 1 GHz }], power_unit: milliwatt }]
telemetry: { enabled: true, events: [${counting(1, 'shmti')}, ${counting(2, 'fast_channel')}] }
`)
  const [area] = areas()
  const channel = send(DE_DESCRIPTION, 1)[8]! - (ADDRESS % 2 ** 32)
  const values = () => [reader(area!).scan().lines[0]!.value, shared.view!.getBigUint64(channel, true)]
  time.advance(1_000_000)
  expect(values()).toEqual([400_000n, 400_000n])
  const { sequence } = reader(area!).scan()
  expect(send(RESET, 0)).toEqual([0])
  expect(values()).toEqual([0n, 0n])
  expect(reader(area!).scan().sequence).not.toBe(sequence)
})

describe('the region', () => {
  test('that the guest does not have: everything goes by message', () => {
    const { shared, send, time, sent } = setUp()
    shared.map(undefined)
    expect(send(0x1)[7]! >>> 0).toBe(0xc002_0000)
    expect(send(LIST_SHMTI, 0)).toEqual([NOT_SUPPORTED])
    // Neither a block timestamp nor a fast channel is described.
    expect([send(DE_DESCRIPTION, 2)[5]! & 3, send(DE_DESCRIPTION, 6)[5]! >>> 30]).toEqual([1, 2])
    for (const id of [0x100, 0x102, 0x300]) {
      expect(send(DE_CONFIGURE, id, WITH_TIMESTAMP - (id === 0x100 ? 1 : 0))).toEqual([0, -1, 0, 0])
    }
    send(CONFIG_SET, NOBODY, READ_ALL, 0)
    time.advance(0)
    const line = (id: number, value: number) => [6, id, value, 0, 0, 0]
    expect(sent()).toEqual([[CONFIG_SET, 0, 16, 0, 0x100, 45_000, 0, ...line(0x102, 45_000), ...line(0x300, 1e9)]])
  })

  test('that moves has the values at its new place, and the sequence goes on', () => {
    const { shared, areas, reader, send } = setUp()
    const [area] = areas()
    send(DE_CONFIGURE, 0x100, ON)
    const { sequence, lines } = reader(area!).scan()
    shared.map(new DataView(new ArrayBuffer(shared.size)))
    const moved = reader(area!).scan()
    expect(moved.lines).toEqual(lines)
    expect(moved.sequence).toBe(sequence + 2)
  })

  test('of a new driver is not written before that asks, and starts with holes', () => {
    const { agent, shared, areas, reader, send, time } = setUp()
    areas()
    send(DE_CONFIGURE, 0x100, ON)
    send(CONFIG_SET, NOBODY, ALL_ON, MS_10)
    agent.restart()
    const before = shared.words.slice()
    time.advance(1_000_000)
    expect(shared.words).toEqual(before)
    expect(reader(areas()[0]!).scan().lines).toHaveLength(1)
  })

  test('goes on with a back end that is started again: other sequences, the same lines', () => {
    const first = setUp()
    const [area] = first.areas()
    first.send(DE_CONFIGURE, 0x100, ON)
    const { sequence, lines } = first.reader(area!).scan()
    const second = setUp()
    second.shared.map(new DataView(first.shared.words.buffer))
    second.agent.protocols[0x1b]!.restore(first.agent.protocols[0x1b]!.save())
    const found = second.reader(area!).scan()
    expect(found.lines).toEqual(lines)
    expect(found.sequence).toBeGreaterThan(sequence)
  })

  test('whose guest writes anything into it is mended by the next update', () => {
    const { shared, areas, reader, send, time } = setUp()
    const [area] = areas()
    send(DE_CONFIGURE, 0x100, ON)
    send(CONFIG_SET, NOBODY, ALL_ON, MS_10)
    const at = (area!.address - ADDRESS) / 4
    shared.words.fill(-1, at + 4, at + 8)
    shared.words[at + 1] = 3
    time.advance(10_000)
    expect(reader(area!).scan().lines[0]).toMatchObject({ id: 0x100, value: 45_000n })
  })
})

test.each([
  ['shmti', 'shared_memory'],
  ['fast_channel', 'shared_memory'],
])('via: %s needs shared memory', via => {
  const text = `vendor: a\ntelemetry: { events: [{ name: e, value: 1, via: ${via} }] }`
  expect(() => createTestAgent(text)).toThrow(/telemetry\.events\[0\]\.via: needs shared_memory/)
})

test('a region that is too small is refused', () => {
  const text = PLATFORM.replace(`address: ${ADDRESS}`, `address: ${ADDRESS}, size: 0x1000`)
  expect(() => createTestAgent(text)).toThrow('is too small for what is in it; write at least 12288')
})

test('a denied event has no line', () => {
  const devices = 'devices: [{ name: d, resources: { telemetry: [plain] } }]\ntelemetry:'
  const { agent, areas, reader, send, exchange } = setUp(PLATFORM.replace('telemetry:', devices))
  const [area] = areas()
  send(DE_CONFIGURE, 0x100, ON)
  expect(senderTo(exchange, 0x10)(0x9, agent.id, 0, 0)).toEqual([0])
  expect(reader(area!).scan().lines).toHaveLength(1)
})
