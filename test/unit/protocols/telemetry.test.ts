/** Telemetry by message: what is enabled, when it is sent, what a driver, a reset and a state file leave of it. */
import { describe, expect, test } from 'vitest'
import { sensors } from '../../../src/platform/sensors/index.js'
import { createTestAgent, senderTo, takeWords } from '../../support/agent.js'

const DE_CONFIGURE = 0x6
const ENABLED_LIST = 0x7
const CONFIG_SET = 0x8
const CONFIG_GET = 0x9
const RESET = 0xa
const UPDATE = 0x0

const ALL_ON = 0x41
const NOTIFY_ALL = 0x43
const READ_ALL = 0x45
const MS_10 = 0x15d
const MS_100 = 0xc9d
const NOBODY = 0xffff_ffff
const DENIED = -3
const PARTIAL_ERROR = -12

const PLATFORM = `
vendor: acme
power_domains: [{ name: gpu, power: 1 W, state: on }]
sensors: [{ name: soc, type: celsius, value: 40 }]
devices: [{ name: d, resources: { telemetry: [b] } }]
telemetry:
  update_intervals: [10 ms, 100 ms]
  timestamp_rate: 1 MHz
  groups: [{ name: g }]
  events:
    - { id: 10, name: a, value: { sensor: soc } }
    - { id: 11, name: b, value: { energy_of: gpu }, scale: -6, group: g }
    - { id: 12, name: c, value: { energy_of: gpu }, scale: -6, group: g, persistent: true, timestamp: line }
    - { repeat: { count: 8, from: 20 }, id: 20, name: "n{i}", value: 7 }
`

function setUp(text = PLATFORM) {
  const test = createTestAgent(text)
  return { ...test, send: senderTo(test.exchange, 0x1b), sent: () => takeWords(test.events) }
}

const line = (id: number, value: number): number[] => [0, id, value, 0]

describe('notifications', () => {
  test('come at the interval, which can be changed, until telemetry is off', () => {
    const { send, time, sent, platform } = setUp()
    send(DE_CONFIGURE, 10, 1)
    expect(send(CONFIG_SET, NOBODY, NOTIFY_ALL, MS_10)).toEqual([0])
    time.advance(9999)
    expect(sent()).toEqual([])
    time.advance(10_001)
    expect(sent()).toEqual([
      [UPDATE, 0, 0, 4, ...line(10, 40)],
      [UPDATE, 0, 0, 4, ...line(10, 40)],
    ])
    platform.model(sensors).named('soc').set(-2)
    send(CONFIG_SET, NOBODY, NOTIFY_ALL, MS_100)
    time.advance(100_000)
    expect(sent()).toEqual([[UPDATE, 0, 0, 4, 0, 10, 0xffff_fffe, 0xffff_ffff]])
    send(CONFIG_SET, NOBODY, 0x40, MS_100)
    time.advance(1_000_000)
    expect(sent()).toEqual([])
  })

  test('of more than fits in a message come in several', () => {
    const { send, time, sent } = setUp()
    for (let id = 20; id < 28; id++) send(DE_CONFIGURE, id, 1)
    send(CONFIG_SET, NOBODY, NOTIFY_ALL, MS_10)
    time.advance(10_000)
    const [first, second, ...others] = sent()
    expect(first).toEqual([UPDATE, 0, 0, 28, ...[20, 21, 22, 23, 24, 25, 26].flatMap(id => line(id, 7))])
    expect(second).toEqual([UPDATE, 0, 0, 4, ...line(27, 7)])
    expect(others).toEqual([])
  })

  test('stay away in mode 0', () => {
    const { send, time, sent } = setUp()
    send(DE_CONFIGURE, 10, 1)
    send(CONFIG_SET, NOBODY, ALL_ON, MS_10)
    time.advance(1_000_000)
    expect(sent()).toEqual([])
  })
})

describe('a single reading', () => {
  test('of more than fits in a message is a PARTIAL_ERROR', () => {
    const { send, time, sent } = setUp()
    for (let id = 20; id < 28; id++) send(DE_CONFIGURE, id, 1)
    send(CONFIG_SET, NOBODY, READ_ALL, 0)
    time.advance(0)
    expect(sent()).toEqual([[CONFIG_SET, PARTIAL_ERROR >>> 0]])
    send(DE_CONFIGURE, 27, 0)
    send(CONFIG_SET, NOBODY, READ_ALL, 0)
    time.advance(0)
    expect(sent()[0]!.slice(0, 3)).toEqual([CONFIG_SET, 0, 28])
  })

  test('leaves interval and mode as they are', () => {
    const { send } = setUp()
    send(DE_CONFIGURE, 10, 1)
    send(CONFIG_SET, NOBODY, NOTIFY_ALL, MS_100)
    send(CONFIG_SET, NOBODY, READ_ALL, 0)
    expect(send(CONFIG_GET, NOBODY, 2)).toEqual([0, NOTIFY_ALL, 0x3f])
  })
})

describe('accumulated values', () => {
  const read = ({ send, time, sent }: ReturnType<typeof setUp>): number[] => {
    send(DE_CONFIGURE, 0, 9)
    send(CONFIG_SET, NOBODY, READ_ALL, 0)
    time.advance(0)
    const words = sent()[0]!
    return [words[5]!, words[9]!]
  }

  test('begin at 0 after RESET, for this agent', () => {
    const test = setUp()
    test.time.advance(1_000_000)
    expect(read(test)).toEqual([1_000_000, 1_000_000])
    expect(test.send(RESET, 0)).toEqual([0])
    test.time.advance(500_000)
    expect(read(test)).toEqual([500_000, 500_000])
  })

  test('begin at 0 with a new driver, unless they are persistent', () => {
    const test = setUp()
    test.time.advance(1_000_000)
    read(test)
    test.agent.restart()
    test.time.advance(500_000)
    expect(read(test)).toEqual([500_000, 1_500_000])
  })
})

test('a new driver finds what the boot firmware left', () => {
  const text = PLATFORM.replace('{ id: 10, name: a,', '{ id: 10, name: a, enabled: true,').replace(
    'timestamp_rate: 1 MHz',
    'enabled: true',
  )
  const { agent, send } = setUp(text)
  const atStart = [send(ENABLED_LIST, 0, 0), send(CONFIG_GET, NOBODY, 0)]
  expect(atStart).toEqual([
    [0, 1, 10, 1],
    [0, 1, 0x3e],
  ])
  send(DE_CONFIGURE, 0, 4)
  send(DE_CONFIGURE, 11, 1)
  send(CONFIG_SET, NOBODY, 0x40, MS_100)
  expect([send(ENABLED_LIST, 0, 0), send(CONFIG_GET, NOBODY, 0)]).not.toEqual(atStart)
  agent.restart()
  expect([send(ENABLED_LIST, 0, 0), send(CONFIG_GET, NOBODY, 0)]).toEqual(atStart)
})

test('telemetry without events is refused, unless the platform file allows it', () => {
  expect(setUp().send(CONFIG_SET, NOBODY, ALL_ON, MS_10)).toEqual([-2])
  const lenient = setUp(PLATFORM.replace('timestamp_rate: 1 MHz', 'enable_without_events: true'))
  expect(lenient.send(CONFIG_SET, NOBODY, ALL_ON, MS_10)).toEqual([0])
})

test('a limit of enabled events counts those of groups, and each once', () => {
  const { send } = setUp(PLATFORM.replace('timestamp_rate: 1 MHz', 'max_enabled: 2'))
  expect(send(DE_CONFIGURE, 11, 1)[0]).toBe(0)
  expect(send(DE_CONFIGURE, 11, 1)[0]).toBe(0)
  expect(send(DE_CONFIGURE, 0, 9)[0]).toBe(0)
  expect(send(DE_CONFIGURE, 10, 1)).toEqual([-5])
  expect(send(DE_CONFIGURE, 12, 0)[0]).toBe(0)
  expect(send(DE_CONFIGURE, 10, 1)[0]).toBe(0)
  expect(send(DE_CONFIGURE, 0, 9)).toEqual([-5])
})

test('a denied event is neither listed nor read, and no longer enabled; its group has the others', () => {
  const { agent, send, exchange, time, sent } = setUp()
  send(DE_CONFIGURE, 0, 9)
  const base = senderTo(exchange, 0x10)
  expect(base(0x9, agent.id, 0, 0)).toEqual([0])
  expect(send(ENABLED_LIST, 0, 0)).toEqual([0, 1, 12, 1])
  expect(send(0x1)[1]).toBe(10)
  expect(send(DE_CONFIGURE, 11, 1)).toEqual([DENIED])
  send(DE_CONFIGURE, 0, 9)
  send(CONFIG_SET, NOBODY, READ_ALL, 0)
  time.advance(0)
  expect(sent()).toEqual([[CONFIG_SET, 0, 4, 0, 12, 0, 0]])
})

describe('a state file', () => {
  test('keeps what is enabled, groups, intervals, and readings under way', () => {
    const first = setUp()
    first.send(DE_CONFIGURE, 0, 10)
    first.send(DE_CONFIGURE, 10, 1)
    first.send(CONFIG_SET, NOBODY, NOTIFY_ALL, MS_100)
    first.send(CONFIG_SET, NOBODY, READ_ALL, 0)
    const saved = first.agent.protocols[0x1b]!.save()
    const second = setUp()
    second.agent.protocols[0x1b]!.restore(JSON.parse(JSON.stringify(saved)))
    expect(second.agent.protocols[0x1b]!.save()).toEqual(saved)
    expect(second.send(ENABLED_LIST, 0, 0)).toEqual([0, 3, 10, 1, 11, 1, 12, 2])
    expect(second.send(ENABLED_LIST, 0, 1)).toEqual([0, 1, 0, 2])
    expect(second.send(CONFIG_GET, NOBODY, 2)).toEqual([0, NOTIFY_ALL, 0x3f])
    second.time.advance(100_000)
    expect(second.sent().map(([id]) => id)).toEqual([CONFIG_SET, UPDATE])
  })

  test.each([
    [[[[[99, 1]], []], [[false, 0, 10_000]], []], 'there is no resource 99'],
    [[[[], [[3, 1]]], [[false, 0, 10_000]], []], 'there is no group 3'],
    [[[[], []], [[false, 0, 77]], []], 'there is no interval of 77 us'],
    [[[[], []], [], []], 'there are 1 sets of events with an interval'],
    [[[[], []], [[false, 0, 10_000]], [{ group: 9, header: 0x46c08 }]], 'no group 9'],
  ])('%j does not fit', (state, problem) => {
    const { agent } = setUp()
    expect(() => agent.protocols[0x1b]!.restore([0x10000, state as never])).toThrow(problem)
  })
})

test('messages are counted as they are answered, and those refused among them', () => {
  const { send, time, sent } = setUp(`
vendor: acme
telemetry:
  events: [{ id: 0, name: a, value: { messages: answered } }, { id: 1, name: r, value: { messages: refused } }]
`)
  send(DE_CONFIGURE, 0, 1)
  send(DE_CONFIGURE, 1, 1)
  send(DE_CONFIGURE, 9, 1)
  send(CONFIG_SET, NOBODY, READ_ALL, 0)
  time.advance(0)
  expect(sent()).toEqual([[CONFIG_SET, 0, 8, ...line(0, 4), ...line(1, 1)]])
})
