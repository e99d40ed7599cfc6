import { expect, test } from 'vitest'
import { resets } from '../../../src/platform/resets/index.js'
import { COLD_RESET } from '../../../src/platform/resets/model.js'
import { createTestAgent, senderTo } from '../../support/agent.js'

const PLATFORM = `
vendor: acme
resets:
  - { name: usb }
  - { name: gpu, async: { latency: 5 ms } }
`
const USB = 0
const GPU = 1
const DOMAIN_ATTRIBUTES = 0x3
const RESET = 0x4
const RESET_NOTIFY = 0x5
const DEASSERT = 0
const AUTONOMOUS = 1
const ASSERT = 2
const ASYNC = 5
const SUCCESS = 0
const NOT_SUPPORTED = -1
const BUSY = -6

function setUp(platformText = PLATFORM) {
  const { agent, platform, time, events, exchange } = createTestAgent(platformText)
  const model = platform.model(resets)
  const send = senderTo(exchange, 0x16)
  /** Events since the last call: id and type, then words. */
  const told = (): number[][] =>
    events.take().map(event => {
      const [header = 0, ...words] = new Uint32Array(event.buffer)
      return [header & 0x3ff, ...words]
    })
  return { agent, model, time, send, told }
}

test('the host sees an agent’s change of a line, and agents see the host’s', () => {
  const { model, send, told } = setUp()
  const usb = model.named('usb')
  send(RESET_NOTIFY, USB, 1)
  send(RESET, USB, ASSERT, 0)
  expect(usb.asserted).toBe(true)
  send(RESET, USB, DEASSERT, 0)
  expect(usb.asserted).toBe(false)
  model.reset(usb, COLD_RESET, 0)
  expect(told()).toEqual([
    [0x300, 1, USB, 0],
    [0x300, 0, USB, 0],
  ])
})

test('a driver’s subscriptions and pending resets end with it; the state of the line stays', () => {
  const { agent, model, time, send, told } = setUp()
  send(RESET_NOTIFY, GPU, 1)
  send(RESET, USB, ASSERT, 0)
  send(RESET, GPU, ASYNC, 0)
  expect(send(RESET, GPU, AUTONOMOUS, 0)).toEqual([BUSY])
  agent.restart()
  time.advance(5000)
  expect(send(RESET, GPU, AUTONOMOUS, 0)).toEqual([SUCCESS])
  expect(told()).toEqual([])
  expect(model.named('usb').asserted).toBe(true)
})

test('asynchronous resets are not offered if the file allows none', () => {
  const { send } = setUp(`${PLATFORM}\nprotocols: { reset: { max_pending_async: 0 } }`)
  expect(send(DOMAIN_ATTRIBUTES, GPU).slice(0, 3)).toEqual([SUCCESS, 0x4000_0000, 5000])
  expect(send(RESET, GPU, ASYNC, 0)).toEqual([NOT_SUPPORTED])
})

test('ids are the agent’s own, in events too', () => {
  const { time, send, told } = setUp(`${PLATFORM}\nagents: [{ name: guest, resources: { resets: [gpu] } }]`)
  send(RESET_NOTIFY, 0, 1)
  send(RESET, 0, ASYNC, 0)
  time.advance(5000)
  expect(told()).toEqual([
    [0x300, 1, 0, 0],
    [0x204, SUCCESS, 0],
  ])
})
