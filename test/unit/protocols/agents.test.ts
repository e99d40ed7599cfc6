/** Two agents of one platform: what of a sensor they share, and what ends with a driver. */
import { describe, expect, test } from 'vitest'
import { agentsOf } from '../../../src/platform/file/config.js'
import { sensors } from '../../../src/platform/sensors/index.js'
import { Agent } from '../../../src/protocols/declaration/agent.js'
import { protocols } from '../../../src/protocols/index.js'
import { packHeader } from '../../../src/wire/header.js'
import { createTestAgent, exchangeWith, message, RecordedEvents, type TestAgent } from '../../support/agent.js'

const PLATFORM = `
vendor: acme
agents: [{ name: a }, { name: b }]
sensors:
  - name: soc
    type: celsius
    value: 40
    trip_points: 2
    update_intervals: [100 ms, 500 ms, 1 s]
    update_interval: 1 s
    timestamps: { exponent: -3 }
  - { name: off, type: celsius, value: 40, enabled: false }
`
const TRIP_POINT_CONFIG = 0x5
const READING_GET = 0x6
const CONFIG_SET = 0xa
const ENABLED = 1
const TIMESTAMPS = 2
const PROTOCOL_ERROR = -10
/** An update interval for CONFIG_SET. */
const milliseconds = (count: number): number => (count << 16) | ((-3 & 0x1f) << 11)

function setUp() {
  const test = createTestAgent(PLATFORM)
  const peers = [test.agent]
  const [, config] = agentsOf(test.platform.config)
  const other = new Agent({ config: config!, platform: test.platform, events: new RecordedEvents(), peers, protocols })
  const send = (exchange: TestAgent['exchange'], id: number, ...words: number[]) =>
    new Int32Array(exchange(message(packHeader(0x15, id, 0, 1), ...words)).buffer)[1]
  return {
    soc: test.platform.model(sensors).named('soc'),
    off: test.platform.model(sensors).named('off'),
    a: (id: number, ...words: number[]) => send(test.exchange, id, ...words),
    b: (id: number, ...words: number[]) => send(exchangeWith(other), id, ...words),
    restartA: () => test.agent.restart(),
    restartB: () => other.restart(),
  }
}

describe('a sensor', () => {
  test('is enabled while an agent wants it, or no agent has set it', () => {
    const { soc, off, a, b, restartA, restartB } = setUp()
    const enabled = () => [soc.enabled, off.enabled]
    expect(enabled()).toEqual([true, false])
    a(CONFIG_SET, 0, 0)
    a(CONFIG_SET, 1, ENABLED)
    expect(enabled()).toEqual([false, true])
    expect(b(READING_GET, 0, 0)).toBe(PROTOCOL_ERROR)
    b(CONFIG_SET, 0, ENABLED)
    b(CONFIG_SET, 1, 0)
    expect(enabled()).toEqual([true, true])
    restartA()
    expect(enabled()).toEqual([true, false])
    restartB()
    expect(enabled()).toEqual([true, false])
  })

  test('is sampled at the shortest interval that an agent wants', () => {
    const { soc, a, b, restartA, restartB } = setUp()
    const intervals: number[] = []
    const note = () => intervals.push(soc.interval.us / 1000)
    note()
    a(CONFIG_SET, 0, ENABLED | milliseconds(100))
    note()
    b(CONFIG_SET, 0, ENABLED | milliseconds(500))
    note()
    // No interval: a keeps its own.
    a(CONFIG_SET, 0, ENABLED)
    note()
    restartA()
    note()
    // It takes the interval in force, and wants none of its own.
    a(CONFIG_SET, 0, ENABLED)
    restartB()
    note()
    expect(intervals).toEqual([1000, 100, 100, 100, 500, 1000])
  })

  test('has timestamps while any agent wants them', () => {
    const { soc, a, b, restartA } = setUp()
    a(CONFIG_SET, 0, ENABLED | TIMESTAMPS)
    b(CONFIG_SET, 0, ENABLED)
    expect(soc.timestampsEnabled).toBe(true)
    restartA()
    expect(soc.timestampsEnabled).toBe(false)
  })

  test('loses a driver’s trip points when that driver goes, not those of others', () => {
    const { soc, a, b, restartA } = setUp()
    a(TRIP_POINT_CONFIG, 0, 1, 50, 0)
    b(TRIP_POINT_CONFIG, 0, (1 << 4) | 3, 60, 0)
    restartA()
    expect(soc.tripPoints.map(({ mode }) => mode)).toEqual([0, 3])
  })
})
