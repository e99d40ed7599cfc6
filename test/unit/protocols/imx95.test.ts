/** Replies of the preset imx95 where its System Manager does less than the specification offers, or more. */
import { beforeAll, expect, test } from 'vitest'
import { loadPlatform } from '../../../src/loading/load.js'
import { VirtualTime } from '../../../src/platform/core/time.js'
import { agentsOf } from '../../../src/platform/file/config.js'
import { system } from '../../../src/platform/system/index.js'
import { SystemState } from '../../../src/platform/system/model.js'
import { Agent } from '../../../src/protocols/declaration/agent.js'
import { packHeader } from '../../../src/wire/header.js'
import { NOT_FOUND, NOT_SUPPORTED, SUCCESS } from '../../../src/wire/status.js'
import { exchangeWith, message, RecordedEvents } from '../../support/agent.js'

const SYSTEM = 0x12
const PERF = 0x13
const MISC = 0x84

let agents: Agent[]

function send(agent: Agent, protocol: number, id: number, ...words: number[]): number[] {
  return [...new Int32Array(exchangeWith(agent)(message(packHeader(protocol, id, 0, 1), ...words)).slice(4).buffer)]
}

beforeAll(async () => {
  const { platform, protocols } = await loadPlatform('imx95', { time: new VirtualTime() })
  agents = []
  for (const config of agentsOf(platform.config, ['one', 'two'])) {
    agents.push(new Agent({ config, platform, events: new RecordedEvents(), peers: agents, protocols }))
  }
})

test('performance limits can not be set, and are not offered', () => {
  const [agent] = agents as [Agent]
  const count = send(agent, PERF, 1)[1]! & 0xffff
  for (let id = 0; id < count; id++) {
    expect(send(agent, PERF, 5, id, 0, 24000)).toEqual([NOT_SUPPORTED])
    expect(send(agent, PERF, 3, id)[1]! >>> 31).toBe(0)
  }
  expect(send(agent, PERF, 5, count, 0, 24000)).toEqual([NOT_FOUND])
})

test('the System Manager has system states of its own; notifications carry their numbers', () => {
  const [one, two] = agents as [Agent, Agent]
  const { events } = two as unknown as { events: RecordedEvents }
  const model = one.platform.model(system)
  expect(send(two, SYSTEM, 5, 1)).toEqual([SUCCESS])
  for (const [state, act] of [
    [0x8000_0001, SystemState.SHUTDOWN],
    [0x8000_0004, SystemState.POWER_UP],
    [0x8000_0003, SystemState.SUSPEND],
    [0x8000_0002, SystemState.POWER_UP],
    [0x8000_0005, SystemState.SHUTDOWN],
    [0x8000_0006, SystemState.POWER_UP],
  ] as const) {
    expect(send(one, SYSTEM, 3, 0, state)).toEqual([SUCCESS])
    expect([model.state, ...new Uint32Array(events.take()[0]!.slice(4).buffer)]).toEqual([act, 1, 0, state, 0])
  }
  expect(send(one, SYSTEM, 3, 1, 0x8000_0001)).toEqual([SUCCESS])
  expect([model.state, ...new Uint32Array(events.take()[0]!.slice(4).buffer)]).toEqual([3, 1, 1, 0x8000_0001, 0])
  for (const state of [0x8000_0000, 0x8000_0007]) expect(send(one, SYSTEM, 3, 0, state)).toEqual([NOT_SUPPORTED])
})

test('the clock chip’s registers are the extended words of its control', () => {
  const [agent] = agents as [Agent]
  const PCA2131 = 0x8006
  expect(send(agent, MISC, 0x20, PCA2131, 3, 2, 2, 0x59, 0x23)).toEqual([SUCCESS])
  expect(send(agent, MISC, 0x21, PCA2131, 2, 3)).toEqual([SUCCESS, 3, 0, 0x59, 0x23])
})
