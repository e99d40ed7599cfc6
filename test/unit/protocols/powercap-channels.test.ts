/** Fast channels of a domain with several limits, for agents that speak 3.0, and for those that speak an older version. */
import { describe, expect, test } from 'vitest'
import { powercaps } from '../../../src/platform/powercaps/index.js'
import { sharedAgent } from '../../support/shared-agent.js'

const POWERCAP = 0x18
const [CAP_SET, DESCRIBE, CAI_SET, NEGOTIATE] = [0x5, 0xc, 0xf, 0x10]
const V2 = 0x20000
const PLATFORM = `
vendor: acme
protocols: { powercap: { version: 3.0 } }
powercaps:
  - name: package
    unit: milliwatt
    cap_range: { min: 500, max: 5000, step: 100 }
    pai: 10 ms
    limits:
      - { name: peak, cap_range: { min: 500, max: 8000, step: 100 }, cai_range: { min: 1 ms, max: 10 ms, step: 1 ms } }
    fast_channels: { doorbell: DOORBELL }
`

function setUp(doorbell = '8') {
  const test = sharedAgent(PLATFORM.replace('DOORBELL', doorbell), POWERCAP, DESCRIBE)
  const { caps } = test.platform.model(powercaps).named('package')
  const values = () => caps.map(({ cap, intervalUs }) => [cap, intervalUs])
  return { ...test, values }
}

test('an agent of version 3.0 sets each limit', () => {
  const { describe, write, values, seen } = setUp()
  write(describe(0, CAP_SET, 0), [600])
  write(describe(0, CAP_SET, 1), [700])
  write(describe(0, CAI_SET, 1), [5000])
  expect(values()).toEqual([
    [600, 10_000],
    [700, 5000],
  ])
  expect(seen()).toEqual([
    [CAP_SET, 0, 0, 0, 0, 600],
    [CAP_SET, 0, 0, 1, 0, 700],
    [CAI_SET, 0, 0, 0, 5000, 1],
  ])
})

describe.each(['8', 'false'])('an agent of version 2.0, doorbell %s', doorbell => {
  test('that writes channels of the other limits changes nothing, and is told so', () => {
    const { send, describe, write, values, seen, refused, agent } = setUp(doorbell)
    const [cap, cai] = [describe(0, CAP_SET, 1), describe(0, CAI_SET, 1)]
    const before = values()
    expect(send(NEGOTIATE, V2)).toEqual([0])
    write(cap, [700])
    write(cai, [5000])
    agent.shared!.look()
    expect(values()).toEqual(before)
    expect(refused()).toEqual([
      'POWERCAP_CAP_SET of package by fast channel: 700: -1',
      'POWERCAP_CAI_SET of package by fast channel: 5000: -1',
    ])
    // A trace would show them as requests of 2.0, which are about the first limit.
    expect(seen()).toEqual([])
  })

  test('replayed, sets the first limit alone', () => {
    const { send, agent, values } = setUp(doorbell)
    const [, other] = values()
    expect(send(NEGOTIATE, V2)).toEqual([0])
    agent.protocols[POWERCAP]!.state.writeAgain!(CAP_SET, [0, 0, 700])
    expect(values()).toEqual([[700, 10_000], other])
  })
})
