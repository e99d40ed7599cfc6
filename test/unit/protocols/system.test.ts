import { expect, test } from 'vitest'
import { system } from '../../../src/platform/system/index.js'
import { SystemState } from '../../../src/platform/system/model.js'
import { packHeader } from '../../../src/wire/header.js'
import { createTestAgent, message } from '../../support/agent.js'

const { SHUTDOWN, COLD_RESET, SUSPEND } = SystemState
const MESSAGE_ATTRIBUTES = 0x2
const STATE_SET = 0x3
const STATE_NOTIFY = 0x5
const SUCCESS = 0
const NOT_SUPPORTED = -1
const DENIED = -3
/** Another agent. */
const OTHER = 2

function setUp(config: string, version = 0x20001) {
  const { agent, platform, time, events, exchange } = createTestAgent(`vendor: acme\n${config}\n`, {
    versions: { system: version },
  })
  /** Status and words of the reply. */
  const send = (id: number, ...words: number[]): number[] => [
    ...new Uint32Array(exchange(message(packHeader(0x12, id, 0, 1), ...words)).buffer).subarray(1),
  ]
  /** Words of the notifications since the last call. */
  const notified = (): number[][] => events.take().map(event => [...new Uint32Array(event.buffer)].slice(1))
  return { agent, model: platform.model(system), time, send, notified }
}

/** A status as it stands in an unsigned word. */
const status = (code: number) => [code >>> 0]

test('a graceful request of the platform reaches the agent with its time limit', () => {
  const { model, time, send, notified } = setUp('system: { timeout: 10 s, suspend: true }')
  model.request(SHUTDOWN, { graceful: true })
  expect(notified()).toEqual([])
  send(STATE_NOTIFY, 1)
  model.request(SHUTDOWN, { graceful: true })
  model.request(COLD_RESET, { graceful: true })
  model.request(SUSPEND, { graceful: true, timeoutMs: 5 })
  model.request(SHUTDOWN, { graceful: true, timeoutMs: 2500 })
  time.advance(2_500_000)
  expect(notified()).toEqual([
    [0, 1, SHUTDOWN, 10_000],
    [0, 1, COLD_RESET, 0],
    [0, 1, SUSPEND, 0],
    [0, 1, SHUTDOWN, 2500],
    [0, 0, SHUTDOWN, 0],
  ])
})

test('version 1.0 is not told the time limit', () => {
  const { model, send, notified } = setUp('system: { timeout: 10 s }', 0x10000)
  send(STATE_NOTIFY, 1)
  model.request(SHUTDOWN, { graceful: true })
  expect(notified()).toEqual([[0, 1, SHUTDOWN]])
})

test("an agent is notified of another agent's request, and the host of every request", () => {
  const { model, send, notified } = setUp('system: {}')
  const told: unknown[] = []
  model.on('requested', request => told.push(request))
  model.on('forced', (state, agentId) => told.push({ forced: state, agentId }))
  send(STATE_NOTIFY, 1)
  model.request(SHUTDOWN, { graceful: true }, OTHER)
  model.request(COLD_RESET, { graceful: false }, OTHER)
  expect(notified()).toEqual([
    [OTHER, 1, SHUTDOWN, 0],
    [OTHER, 0, COLD_RESET, 0],
  ])
  told.length = 0
  send(STATE_SET, 1, COLD_RESET)
  send(STATE_SET, 0, SHUTDOWN)
  expect(told).toEqual([
    { state: COLD_RESET, agentId: 1, timeoutMs: 0 },
    { forced: SHUTDOWN, agentId: 1 },
  ])
  expect(notified()).toEqual([])
})

test('a subscription ends with its driver', () => {
  const { agent, model, send, notified } = setUp('system: {}')
  send(STATE_NOTIFY, 1)
  agent.restart()
  model.request(SHUTDOWN, { graceful: true })
  expect(notified()).toEqual([])
})

test('a request that the agent may not make is DENIED', () => {
  const { send } = setUp('system: { permissions: { state: false } }')
  expect(send(STATE_SET, 0, SHUTDOWN)).toEqual(status(DENIED))
})

test.each([
  ['', 0],
  ['warm_reset: true', 0x8000_0000],
  ['suspend: true', 0x4000_0000],
  ['warm_reset: true, suspend: true', 0xc000_0000],
])('the attributes of STATE_SET have the states of the file: %s', (config, attributes) => {
  expect(setUp(`system: { ${config} }`).send(MESSAGE_ATTRIBUTES, STATE_SET)).toEqual([SUCCESS, attributes])
})

test('an agent that sees no system is not served the protocol', () => {
  const { send } = setUp('system: {}\nagents: [{ name: guest, resources: { system: [] } }]')
  expect(send(STATE_SET, 0, SHUTDOWN)).toEqual(status(NOT_SUPPORTED))
})
