import { describe, expect, test } from 'vitest'
import { system } from '../../../src/platform/system/index.js'
import { SystemState } from '../../../src/platform/system/model.js'
import { createTestAgent } from '../../support/agent.js'

const { SHUTDOWN, COLD_RESET, WARM_RESET, POWER_UP, SUSPEND } = SystemState

/** The system, and the events that it emits. */
function watched(config: string) {
  const { platform, time, agent } = createTestAgent(`vendor: acme\nsystem: { ${config} }\n`)
  const model = platform.model(system)
  const told: unknown[] = []
  model.on('requested', request => told.push(request))
  model.on('forced', (state, agentId) => told.push({ forced: state, agentId }))
  return { model, time, agent, told }
}

test('defaults: neither warm reset nor suspend, no time limit', () => {
  const { model } = watched('')
  expect([SHUTDOWN, COLD_RESET, WARM_RESET, POWER_UP, SUSPEND].filter(state => model.supports(state))).toEqual([
    SHUTDOWN,
    COLD_RESET,
    POWER_UP,
  ])
  expect(model).toMatchObject({ timeoutMs: 0, state: POWER_UP, permissions: { state: true } })
})

describe('a graceful shutdown', () => {
  test('is forced by the platform after its time limit', () => {
    const { model, time, told } = watched('timeout: 2 s')
    model.request(SHUTDOWN, { graceful: true }, 1)
    time.advance(1_999_999)
    expect(told).toEqual([{ state: SHUTDOWN, agentId: 1, timeoutMs: 2000 }])
    time.advance(1)
    expect(told.slice(1)).toEqual([{ forced: SHUTDOWN, agentId: 0 }])
    expect(model.state).toBe(SHUTDOWN)
  })

  test('may have its own time limit, or none', () => {
    const { model, time, told } = watched('timeout: 2 s')
    model.request(SHUTDOWN, { graceful: true, timeoutMs: 0 })
    time.advance(10_000_000)
    model.request(SHUTDOWN, { graceful: true, timeoutMs: 5 })
    time.advance(5000)
    expect(told).toEqual([
      { state: SHUTDOWN, agentId: 0, timeoutMs: 0 },
      { state: SHUTDOWN, agentId: 0, timeoutMs: 5 },
      { forced: SHUTDOWN, agentId: 0 },
    ])
  })

  test('is cancelled by another request', () => {
    const { model, time, told } = watched('timeout: 2 s')
    model.request(SHUTDOWN, { graceful: true })
    model.request(COLD_RESET, { graceful: true })
    time.advance(10_000_000)
    expect(told.slice(1)).toEqual([{ state: COLD_RESET, agentId: 0, timeoutMs: 0 }])
    expect(model.state).toBe(POWER_UP)
  })

  test('is complete when the last driver is gone', () => {
    const { model, time, agent, told } = watched('timeout: 2 s')
    model.request(SHUTDOWN, { graceful: true })
    agent.restart()
    time.advance(10_000_000)
    expect(told).toHaveLength(1)
  })
})

test('a driver that starts shows that the system is up', () => {
  const { model, agent } = watched('suspend: true')
  model.request(SUSPEND, { graceful: false })
  expect(model.state).toBe(SUSPEND)
  agent.restart()
  expect(model.state).toBe(POWER_UP)
})

test('a forced reset leads back to a running system', () => {
  const { model, told } = watched('warm_reset: true')
  model.request(WARM_RESET, { graceful: false })
  expect([model.state, told]).toEqual([POWER_UP, [{ forced: WARM_RESET, agentId: 0 }]])
})

test("a vendor's state acts like the state it stands for, under its own number; its graceful shutdown has the time limit, too", () => {
  const { model, time, told } = watched('timeout: 2 s, vendor_states: { 0x80000001: shutdown, 4294967295: cold_reset }')
  model.request(0x8000_0001, { graceful: true })
  time.advance(2_000_000)
  expect(model.state).toBe(SHUTDOWN)
  model.request(0xffff_ffff, { graceful: false })
  expect([model.state, told]).toEqual([
    POWER_UP,
    [
      { state: 0x8000_0001, agentId: 0, timeoutMs: 2000 },
      { forced: 0x8000_0001, agentId: 0 },
      { forced: 0xffff_ffff, agentId: 0 },
    ],
  ])
})

test('callers on the host get an error that says what is wrong', () => {
  const { model } = watched('')
  expect(() => model.request(SUSPEND, { graceful: true })).toThrow('the system has no state 4')
  for (const timeoutMs of [-1, 0.5, 2 ** 32, Number.NaN]) {
    expect(() => model.request(SHUTDOWN, { graceful: true, timeoutMs })).toThrow(
      `${timeoutMs} is not a timeout; write 0 to 4294967295 milliseconds`,
    )
  }
})

test.each([
  ['half a millisecond', 'timeout: 1500 us', 'system.timeout: must be whole milliseconds'],
  [
    "states that are not the vendor's",
    'vendor_states: { 5: shutdown }',
    "is not a vendor's state; write 0x80000000 to",
  ],
  [
    'a vendor state that stands for no state',
    'vendor_states: { 0x80000001: off }',
    'off is not one of shutdown, cold_reset',
  ],
  [
    'a timeout that does not fit the message',
    'timeout: 1200 h',
    'system.timeout: must be at most 4294967295 ms, 49 days',
  ],
])('refuses %s', (_, config, problem) => {
  expect(() => watched(config)).toThrow(problem)
})
