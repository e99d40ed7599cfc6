import { describe, expect, test } from 'vitest'
import { perfDomains } from '../../../src/platform/perf-domains/index.js'
import { createTestAgent, senderTo, takeWords } from '../../support/agent.js'

const PLATFORM = `
vendor: acme
perf_domains:
  - name: cpu
    levels: [{ level: 100, power: 1 }, { level: 200, power: 2 }, { level: 300, power: 3 }]
    sustained_frequency: 300 MHz
  - name: gpu
    levels: [{ level: 1, power: 1, frequency: 1 MHz }]
`
const LIMITS_SET = 0x5
const LIMITS_GET = 0x6
const LEVEL_SET = 0x7
const LEVEL_GET = 0x8
const NOTIFY_LIMITS = 0x9
const NOTIFY_LEVEL = 0xa
const OUT_OF_RANGE = -5
/** Another agent. */
const OTHER = 2

function setUp(platformText = PLATFORM) {
  const { agent, platform, events, exchange } = createTestAgent(platformText)
  const domains = platform.model(perfDomains)
  const send = senderTo(exchange, 0x13)
  const notified = () => takeWords(events)
  return { agent, domains, cpu: domains.named('cpu'), send, notified }
}

describe('limits', () => {
  test('of several agents apply together', () => {
    const { domains, cpu, send } = setUp()
    domains.setLimits(cpu, { max: 200 }, OTHER)
    send(LIMITS_SET, 0, 300, 200)
    expect(send(LIMITS_GET, 0)).toEqual([0, 200, 200])
    expect(send(LEVEL_SET, 0, 300)).toEqual([OUT_OF_RANGE])
    domains.setLimits(cpu, { max: 300 }, OTHER)
    expect(send(LIMITS_GET, 0)).toEqual([0, 300, 200])
  })

  test('that contradict each other: the upper limit wins', () => {
    const { domains, cpu, send } = setUp()
    send(LIMITS_SET, 0, 0, 300)
    domains.setPlatformLimits(cpu, { max: 100 })
    expect(send(LIMITS_GET, 0)).toEqual([0, 100, 100])
    domains.setPlatformLimits(cpu, {})
    expect(send(LIMITS_GET, 0)).toEqual([0, 300, 300])
  })

  test('of the platform may be outside all levels', () => {
    const { domains, cpu, send } = setUp()
    domains.setPlatformLimits(cpu, { max: 50 })
    expect(send(LIMITS_GET, 0)).toEqual([0, 100, 100])
    domains.setPlatformLimits(cpu, { min: 1000 })
    expect(send(LIMITS_GET, 0)).toEqual([0, 300, 300])
  })

  test('of the platform change the level, and are notified as agent 0’s', () => {
    const { domains, cpu, send, notified } = setUp()
    send(NOTIFY_LIMITS, 0, 1)
    send(NOTIFY_LEVEL, 0, 1)
    domains.setPlatformLimits(cpu, { max: 200 })
    expect(notified()).toEqual([
      [0, 0, 0, 200, 100],
      [1, 0, 0, 200],
    ])
    domains.setPlatformLimits(cpu, {})
    expect(notified()).toEqual([[0, 0, 0, 300, 100]])
    expect(send(LEVEL_GET, 0)).toEqual([0, 200])
  })

  test('are notified only when those in force change', () => {
    const { domains, cpu, send, notified } = setUp()
    domains.setPlatformLimits(cpu, { max: 200 })
    send(NOTIFY_LIMITS, 0, 1)
    domains.setLimits(cpu, { max: 300 }, OTHER)
    expect(notified()).toEqual([])
    domains.setLimits(cpu, { max: 100 }, OTHER)
    expect(notified()).toEqual([[0, OTHER, 0, 100, 100]])
  })

  test('of an agent end with its driver, those of others stay', () => {
    const { agent, domains, cpu, send } = setUp()
    domains.setLimits(cpu, { max: 200 }, OTHER)
    send(LIMITS_SET, 0, 100, 0)
    agent.restart()
    expect(send(LIMITS_GET, 0)).toEqual([0, 200, 100])
    domains.release(OTHER)
    expect(send(LIMITS_GET, 0)).toEqual([0, 300, 100])
  })
})

test('changes by others are notified to subscribers; a new driver has no subscriptions', () => {
  const { agent, domains, cpu, send, notified } = setUp()
  send(NOTIFY_LEVEL, 0, 1)
  domains.setLevel(cpu, cpu.lowest, OTHER)
  expect(notified()).toEqual([[1, OTHER, 0, 100]])
  agent.restart()
  domains.setLevel(cpu, cpu.highest, OTHER)
  expect(notified()).toEqual([])
})

test('an agent that sees some domains finds them under ids of its own, in notifications too', () => {
  const { domains, send, notified } = setUp(
    `${PLATFORM}\nagents: [{ name: guest, resources: { perf_domains: [gpu, cpu] } }]`,
  )
  expect(send(LEVEL_GET, 1)).toEqual([0, 300])
  send(NOTIFY_LEVEL, 1, 1)
  domains.setLevel(domains.named('cpu'), domains.named('cpu').lowest, 0)
  expect(notified()).toEqual([[1, 0, 1, 100]])
})

test('the error of an unknown name lists the known ones', () => {
  expect(() => setUp().domains.named('npu')).toThrow('no performance domain is named npu; there are cpu, gpu')
})
