/**
 * A platform that takes over a kept state is the same as the one that it was kept of: whatever random messages did before,
 * and whatever they do to both afterwards. FUZZ_SEED repeats a failure.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { agentsOf, type PlatformConfig, parsePlatformConfig } from '../../../src/platform/config.js'
import type { Saved } from '../../../src/platform/kept.js'
import { Platform } from '../../../src/platform/platform.js'
import { VirtualTime } from '../../../src/platform/time.js'
import { Agent } from '../../../src/protocols/agent.js'
import { type Protocol, resourceKinds } from '../../../src/protocols/protocol.js'
import { partsOf } from '../../../src/state/parts.js'
import { everyProtocol } from '../../support/agent.js'
import { stateDigest } from '../../support/digest.js'
import { CheckedEvents, RandomMessages, type Shape } from '../../support/random-messages.js'

const PRESETS = join(import.meta.dirname, '../../../src/platform/presets')
const ROUNDS = 12
const MESSAGES = 1500
const SECOND_US = 1_000_000
const SHAPE: Shape = { strangeIds: 5, strangeLengths: 5, strangeWords: 20, strangeRooms: 5 }
/** What these say depends on time, chance and heat, which begin anew. */
const LIVELY = ['sensor', 'perf']
/** Everything that takes time is over then. */
const LONG_US = 60 * SECOND_US

const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))
console.info(`kept states: FUZZ_SEED=${seed}`)

const PEOPLE = `
agents: [{ name: first, trusted: true }, { name: second }]
devices: [{ name: serial, resources: { clocks: [clk_uart], resets: [rst_uart], pinctrl: [pin_uart_tx] } }]
`

const texts = {
  everything: readFileSync(join(PRESETS, 'everything.yaml'), 'utf8') + PEOPLE,
  imx95: readFileSync(join(PRESETS, 'imx95.yaml'), 'utf8'),
}
const kinds = resourceKinds(everyProtocol)
const configs = Object.fromEntries(
  Object.entries(texts).map(([name, text]) => {
    return [name, parsePlatformConfig(text, name, everyProtocol, kinds, config => config)]
  }),
)

class Side {
  readonly time = new VirtualTime()
  readonly platform: Platform
  readonly events = new CheckedEvents(everyProtocol)
  readonly agents: Agent[] = []

  constructor(config: PlatformConfig) {
    this.platform = new Platform(config, kinds, this.time)
    for (const agent of agentsOf(config)) {
      const { platform, events, agents: peers } = this
      peers.push(new Agent({ config: agent, platform, events, peers, protocols: everyProtocol }))
    }
  }

  /** Random messages of each agent. */
  send(protocol: Protocol, seed: number, messages = MESSAGES): void {
    for (const [i, agent] of this.agents.entries()) {
      const served = agent.protocols[protocol.id]
      if (!served) continue
      const options = { agent, served, events: this.events, digest: () => 0, shape: SHAPE }
      new RandomMessages({ ...options, seed: seed + i }).send(messages)
    }
  }

  parts() {
    return partsOf(this.platform, everyProtocol, this.agents)
  }

  /** As it is in a file. */
  save(): Record<string, Saved> {
    return JSON.parse(JSON.stringify(Object.fromEntries(this.parts().map(([name, part]) => [name, part.save()]))))
  }

  restore(saved: Record<string, Saved>): void {
    for (const [name, part] of this.parts()) part.restore(saved[name]!)
  }
}

const cases = Object.entries(configs).flatMap(([preset, config]) => {
  const { protocols } = new Side(config).agents[0]!
  return protocols.flatMap(served =>
    served ? [{ preset, protocol: served.protocol, name: served.protocol.name }] : [],
  )
})

describe('a state that was kept', () => {
  it.each(cases)('$name of $preset: goes on as if nothing had happened', ({ preset, protocol }) => {
    const config = configs[preset]!
    for (let round = 0; round < ROUNDS; round++) {
      const first = new Side(config)
      first.send(protocol, seed + round)
      // Some of what was begun is done, some under way.
      first.time.advance((seed % 7) * 1000)
      first.send(protocol, seed - round, 5)
      const saved = first.save()
      const second = new Side(config)
      second.time.advance(first.time.nowUs)
      second.restore(saved)
      expect(second.save(), `round ${round}`).toEqual(saved)
      if (preset === 'everything') {
        expect(stateDigest(second.platform, second.agents)).toBe(stateDigest(first.platform, first.agents))
      }
      for (const side of [first, second]) {
        side.time.advance(LONG_US)
        side.send(protocol, seed ^ round)
        side.time.advance(LONG_US)
      }
      if (!LIVELY.includes(protocol.name)) expect(second.save(), `round ${round}, later`).toEqual(first.save())
      for (const side of [first, second]) side.platform.close()
    }
  })
})
