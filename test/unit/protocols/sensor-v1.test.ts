/** Sensors that the file disables, for agents whose version can't enable them (SCMI 1.0 has no SENSOR_CONFIG_SET). */
import { expect, test } from 'vitest'
import { sensors } from '../../../src/platform/sensors/index.js'
import { sensor } from '../../../src/protocols/sensor.js'
import { packHeader } from '../../../src/wire/header.js'
import { PROTOCOL_ERROR, SUCCESS } from '../../../src/wire/status.js'
import { createTestAgent, message, type TestAgent } from '../../support/agent.js'

const TRIP_POINT_NOTIFY = 0x4
const TRIP_POINT_CONFIG = 0x5
const READING_GET = 0x6
const CONFIG_SET = 0xa
const NEGOTIATE = 0x10
const ASYNC = 1

const V1 = 0x10000
const V3_1 = 0x30001

const PLATFORM = `
vendor: acme
sensors: [{ name: soc, type: celsius, value: 40, enabled: false, trip_points: 1, async: { latency: 1 ms } }]
`

const create = (version: number) => createTestAgent(PLATFORM, { versions: { sensor: version } })

function send({ exchange }: TestAgent, id: number, ...words: number[]): number[] {
  return [...new Int32Array(exchange(message(packHeader(sensor.id, id, 0, 1), ...words)).slice(4).buffer)]
}

test('1.0 announced: it can be read, also asynchronously, and its trip points work', () => {
  const test = create(V1)
  expect(send(test, READING_GET, 0, 0)).toEqual([SUCCESS, 40, 0])
  expect(send(test, READING_GET, 0, ASYNC)).toEqual([SUCCESS])
  test.time.advance(1000)
  expect([...new Int32Array(test.events.take()[0]!.slice(4).buffer)]).toEqual([SUCCESS, 0, 40, 0])
  expect(send(test, TRIP_POINT_CONFIG, 0, 1, 50, 0)).toEqual([SUCCESS])
  expect(send(test, TRIP_POINT_NOTIFY, 0, 1)).toEqual([SUCCESS])
  test.platform.model(sensors).named('soc').set(60)
  expect(test.events.take().length).toBe(1)
})

test('1.0 negotiated: it can be read until a later version is negotiated', () => {
  const test = create(V3_1)
  expect(send(test, READING_GET, 0, 0)).toEqual([PROTOCOL_ERROR])
  expect(send(test, NEGOTIATE, V1)).toEqual([SUCCESS])
  expect(send(test, READING_GET, 0, 0)).toEqual([SUCCESS, 40, 0])
  expect(send(test, NEGOTIATE, V3_1)).toEqual([SUCCESS])
  expect(send(test, READING_GET, 0, 0)).toEqual([PROTOCOL_ERROR])
})

test('agents with later versions enable it themselves, and a negotiation among those keeps its configuration', () => {
  const test = create(V3_1)
  expect(send(test, CONFIG_SET, 0, 1)).toEqual([SUCCESS])
  expect(send(test, NEGOTIATE, 0x20000)).toEqual([SUCCESS])
  expect(send(test, READING_GET, 0, 0)[0]).toBe(SUCCESS)
})

test('a new driver finds it as the first did, also after a reset of the agent', () => {
  const announced = create(V1)
  announced.agent.restart()
  expect(send(announced, READING_GET, 0, 0)[0]).toBe(SUCCESS)
  const negotiated = create(V3_1)
  send(negotiated, NEGOTIATE, V1)
  negotiated.agent.protocols[sensor.id]!.reset()
  expect(send(negotiated, READING_GET, 0, 0)[0]).toBe(SUCCESS)
  negotiated.agent.restart()
  expect(send(negotiated, READING_GET, 0, 0)).toEqual([PROTOCOL_ERROR])
})
