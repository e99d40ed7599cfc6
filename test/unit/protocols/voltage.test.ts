import { describe, expect, test } from 'vitest'
import { voltages } from '../../../src/platform/voltages/index.js'
import { ON } from '../../../src/platform/voltages/model.js'
import { createTestAgent, senderTo } from '../../support/agent.js'

const PLATFORM = `
vendor: acme
protocols:
  voltage: { max_pending_async: 1 }
voltages:
  - { name: core, levels: [900 mV, 1 V], async: { latency: 5 ms } }
  - { name: io, levels: [1.8 V, 3.3 V], async: { latency: 1 ms } }
  - { name: gpu, levels: [1 V, 2 V], mode: on }
`
const DOMAIN_ATTRIBUTES = 0x3
const CONFIG_SET = 0x5
const CONFIG_GET = 0x6
const LEVEL_SET = 0x7
const ASYNC = 1
const NOT_SUPPORTED = -1
const BUSY = -6
/** Another agent. */
const OTHER = 2

function setUp(platformText = PLATFORM) {
  const { agent, platform, time, events, exchange } = createTestAgent(platformText)
  const domains = platform.model(voltages)
  const send = senderTo(exchange, 0x17)
  return { agent, domains, core: domains.named('core'), time, events, send }
}

describe('modes', () => {
  test('a domain stays on while any agent wants it', () => {
    const { domains, core, send } = setUp()
    domains.setMode(core, ON, OTHER)
    send(CONFIG_SET, 0, ON)
    expect(send(CONFIG_SET, 0, 0)).toEqual([0])
    expect(send(CONFIG_GET, 0)).toEqual([0, ON])
    domains.release(OTHER)
    expect(send(CONFIG_GET, 0)).toEqual([0, 0])
  })

  test('a driver that restarts no longer holds its domains', () => {
    const { agent, send } = setUp()
    send(CONFIG_SET, 0, ON)
    send(CONFIG_SET, 2, ON)
    agent.restart()
    expect([0, 1, 2].map(id => send(CONFIG_GET, id)[1])).toEqual([0, 0, 0])
  })

  test('a voltage that the boot firmware left on stays on after a driver that never set it', () => {
    const { agent, send } = setUp()
    agent.restart()
    expect(send(CONFIG_GET, 2)).toEqual([0, ON])
  })
})

describe('asynchronous levels', () => {
  test('beyond the platform’s limit are BUSY; synchronous ones are not', () => {
    const { time, events, send } = setUp()
    expect(send(LEVEL_SET, 0, ASYNC, 1_000_000)).toEqual([0])
    expect(send(LEVEL_SET, 1, ASYNC, 3_300_000)).toEqual([BUSY])
    expect(send(LEVEL_SET, 1, 0, 3_300_000)).toEqual([0])
    time.advance(5000)
    expect(events.take()).toHaveLength(1)
    expect(send(LEVEL_SET, 1, ASYNC, 1_800_000)).toEqual([0])
  })

  test('are not offered if the platform’s limit is 0', () => {
    const { send } = setUp(PLATFORM.replace('max_pending_async: 1', 'max_pending_async: 0'))
    expect(send(DOMAIN_ATTRIBUTES, 0)[1]).toBe(0)
    expect(send(LEVEL_SET, 0, ASYNC, 1_000_000)).toEqual([NOT_SUPPORTED])
  })

  test('are cancelled when the driver restarts, and the domain is free again', () => {
    const { agent, core, time, events, send } = setUp()
    send(LEVEL_SET, 0, ASYNC, 1_000_000)
    agent.restart()
    time.advance(10_000)
    expect([core.level, core.changing]).toEqual([900_000, false])
    expect(events.take()).toEqual([])
    expect(send(LEVEL_SET, 0, ASYNC, 1_000_000)).toEqual([0])
  })
})
