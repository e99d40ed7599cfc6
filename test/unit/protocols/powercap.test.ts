import { describe, expect, test } from 'vitest'
import { powercaps } from '../../../src/platform/powercaps/index.js'
import { createTestAgent, senderTo, takeWords } from '../../support/agent.js'

const PLATFORM = `
vendor: acme
powercaps:
  - name: soc
    cap_range: { min: 1000, max: 9000, step: 1000 }
    pai_range: { min: 10 ms, max: 50 ms, step: 10 ms }
    power: 5000
    async: { latency: 5 ms }
  - { name: cpu, cap_range: { min: 1000, max: 9000, step: 1000 }, parent: soc }
  - { name: core, cap: 500, parent: cpu }
`
const CAP_GET = 0x4
const CAP_SET = 0x5
const PAI_SET = 0x7
const CAP_NOTIFY = 0xa
const MEASUREMENTS_NOTIFY = 0xb
const ASYNC = 2
const CAP_CHANGED = 0
const MEASUREMENTS_CHANGED = 1
/** Another agent, and the platform. */
const OTHER = 2
const PLATFORM_ID = 0

function setUp(platformText = PLATFORM) {
  const { agent, platform, time, events, exchange } = createTestAgent(platformText)
  const domains = platform.model(powercaps)
  const send = senderTo(exchange, 0x18)
  const notified = () => takeWords(events)
  return { agent, domains, soc: domains.named('soc'), time, send, notified }
}

describe('caps', () => {
  test('set by others are notified, with the agent that set them', () => {
    const { domains, soc, send, notified } = setUp()
    send(CAP_NOTIFY, 0, 1)
    domains.setCap(soc, 3000, OTHER)
    domains.setPai(soc, 20_000, PLATFORM_ID)
    domains.setPai(soc, 20_000, OTHER)
    expect(notified()).toEqual([
      [CAP_CHANGED, OTHER, 0, 3000, 10_000],
      [CAP_CHANGED, PLATFORM_ID, 0, 3000, 20_000],
    ])
    expect(send(CAP_GET, 0)).toEqual([0, 3000])
  })

  test('a driver that restarts loses its pending change and its subscription; the cap in force stays', () => {
    const { agent, domains, soc, time, send, notified } = setUp()
    send(CAP_NOTIFY, 0, 1)
    send(CAP_SET, 0, 0, 4000)
    send(CAP_SET, 0, ASYNC, 2000)
    notified()
    agent.restart()
    time.advance(10_000)
    domains.setPai(soc, 20_000, PLATFORM_ID)
    expect(notified()).toEqual([])
    expect(send(CAP_GET, 0)).toEqual([0, 4000])
    expect(send(CAP_SET, 0, ASYNC, 2000)).toEqual([0])
  })
})

describe('measurements', () => {
  test('are notified whenever they leave the range between the thresholds', () => {
    const { domains, soc, send, notified } = setUp()
    send(MEASUREMENTS_NOTIFY, 0, 1, 4000, 6000)
    for (const power of [6000, 6001, 9000, 5000, 3999, 4000, 7000, 3000]) domains.setPower(soc, power)
    expect(notified()).toEqual([6001, 3999, 7000, 3000].map(power => [MEASUREMENTS_CHANGED, PLATFORM_ID, 0, power]))
  })

  test('are taken from the bound source at the end of each interval', () => {
    const { domains, soc, time, send, notified } = setUp()
    send(MEASUREMENTS_NOTIFY, 0, 1, 0, 100)
    domains.bindPower(soc, { read: nowUs => nowUs / 1000 })
    send(PAI_SET, 0, 0, 50_000)
    time.advance(109_999)
    expect(notified()).toEqual([])
    time.advance(1)
    expect(notified()).toEqual([[MEASUREMENTS_CHANGED, PLATFORM_ID, 0, 110]])
  })

  test('end with the driver that wanted them', () => {
    const { agent, domains, soc, send, notified } = setUp()
    let reads = 0
    send(MEASUREMENTS_NOTIFY, 0, 1, 4000, 6000)
    send(MEASUREMENTS_NOTIFY, 0, 1, 4000, 7000)
    agent.restart()
    domains.bindPower(soc, { read: () => ++reads })
    expect([reads, notified()]).toEqual([0, []])
  })
})

describe('parents', () => {
  test('that the agent does not see are replaced by their parents', () => {
    const agents = 'agents: [{ name: guest, resources: { powercaps: [core, soc] } }]'
    const { send } = setUp(`${PLATFORM}${agents}\n`)
    const parent = (id: number) => send(0x3, id).at(-1)
    expect([parent(0), parent(1)]).toEqual([1, -1])
  })
})
