import { expect, test } from 'vitest'
import { powerDomains } from '../../../src/platform/power-domains/index.js'
import { OFF, ON } from '../../../src/platform/power-domains/model.js'
import { createTestAgent, senderTo, takeWords } from '../../support/agent.js'

const PLATFORM = `
vendor: acme
power_domains:
  - { name: cpu }
  - { name: gpu, async: { latency: 5 ms } }
`
const CPU = 0
const GPU = 1
const STATE_SET = 0x4
const STATE_GET = 0x5
const STATE_NOTIFY = 0x6
const REQUESTED_NOTIFY = 0x7
const ASYNC = 1
const SUCCESS = 0
const BUSY = -6
/** Another agent. */
const OTHER = 2

function setUp(platformText = PLATFORM) {
  const { agent, platform, time, events, exchange } = createTestAgent(platformText)
  const domains = platform.model(powerDomains)
  const send = senderTo(exchange, 0x11)
  const notified = () => takeWords(events)
  return { agent, domains, time, send, notified }
}

test('a domain stays on while another agent wants it', () => {
  const { domains, send } = setUp()
  domains.setState(domains.named('cpu'), ON, OTHER)
  send(STATE_SET, 0, CPU, ON)
  expect(send(STATE_SET, 0, CPU, OFF)).toEqual([SUCCESS])
  expect(send(STATE_GET, CPU)).toEqual([SUCCESS, ON])
  domains.setState(domains.named('cpu'), OFF, OTHER)
  expect(send(STATE_GET, CPU)).toEqual([SUCCESS, OFF])
})

test('notifications of changes by the platform and by others have the id of who caused them', () => {
  const { domains, send, notified } = setUp()
  send(STATE_NOTIFY, CPU, 1)
  domains.setState(domains.named('cpu'), ON, 0)
  domains.setState(domains.named('cpu'), ON, OTHER)
  domains.setState(domains.named('cpu'), OFF, 0)
  domains.setState(domains.named('cpu'), OFF, OTHER)
  expect(notified()).toEqual([
    [0, 0, CPU, ON],
    [0, OTHER, CPU, OFF],
  ])
})

test('a request that changes nothing is notified only as a request', () => {
  const { domains, send, notified } = setUp()
  domains.setState(domains.named('cpu'), ON, OTHER)
  send(STATE_NOTIFY, CPU, 1)
  send(REQUESTED_NOTIFY, CPU, 1)
  send(STATE_SET, 0, CPU, ON)
  send(STATE_SET, 0, CPU, OFF)
  expect(notified()).toEqual([
    [1, 1, CPU, ON],
    [1, 1, CPU, OFF],
  ])
})

test('a driver that goes takes its votes, its subscriptions and its pending changes with it', () => {
  const { agent, domains, time, send, notified } = setUp()
  send(STATE_SET, 0, CPU, ON)
  send(STATE_NOTIFY, CPU, 1)
  send(STATE_NOTIFY, GPU, 1)
  send(STATE_SET, ASYNC, GPU, ON)
  expect(send(STATE_SET, 0, GPU, ON)).toEqual([BUSY])
  agent.restart()
  time.advance(5000)
  expect(domains.list.map(domain => domain.state)).toEqual([OFF, OFF])
  expect(send(STATE_SET, 0, GPU, ON)).toEqual([SUCCESS])
  expect(notified()).toEqual([])
})

test('ids are the agent’s own, in notifications too', () => {
  const { domains, send, notified } = setUp(
    `${PLATFORM}\nagents: [{ name: guest, resources: { power_domains: [gpu] } }]`,
  )
  send(STATE_NOTIFY, 0, 1)
  send(REQUESTED_NOTIFY, 0, 1)
  domains.setState(domains.named('cpu'), ON, 0)
  send(STATE_SET, 0, 0, ON)
  expect(domains.named('gpu').state).toBe(ON)
  expect(notified()).toEqual([
    [1, 1, 0, ON],
    [0, 1, 0, ON],
  ])
})
