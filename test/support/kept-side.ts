/** Platforms whose whole state can be saved and restored, with agents that send random messages. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Saved } from '../../src/platform/core/kept.js'
import { Platform } from '../../src/platform/core/platform.js'
import type { PlatformConfig } from '../../src/platform/core/platform-config.js'
import { VirtualTime } from '../../src/platform/core/time.js'
import { agentsOf, parsePlatformConfig } from '../../src/platform/file/config.js'
import { Agent } from '../../src/protocols/declaration/agent.js'
import type { Protocol } from '../../src/protocols/declaration/protocol.js'
import { resourceKinds } from '../../src/protocols/declaration/served.js'
import { partsOf } from '../../src/state/parts.js'
import { everyProtocol } from './agent.js'
import { CheckedEvents, RandomMessages, type Shape } from './random-messages.js'

const PRESETS = join(import.meta.dirname, '../../src/platform/presets')
const MESSAGES = 1500
const SHAPE: Shape = { strangeIds: 5, strangeLengths: 5, strangeWords: 20, strangeRooms: 5 }

const PEOPLE = `
agents: [{ name: first, trusted: true }, { name: second }]
devices: [{ name: serial, resources: { clocks: [clk_uart], resets: [rst_uart], pinctrl: [pin_uart_tx] } }]
`

export const texts = {
  everything: readFileSync(join(PRESETS, 'everything.yaml'), 'utf8') + PEOPLE,
  imx95: readFileSync(join(PRESETS, 'imx95.yaml'), 'utf8'),
}
const kinds = resourceKinds(everyProtocol)
export const configs = Object.fromEntries(
  Object.entries(texts).map(([name, text]) => {
    return [name, parsePlatformConfig(text, name, everyProtocol, kinds, config => config)]
  }),
)

export class Side {
  readonly time = new VirtualTime()
  readonly platform: Platform
  readonly events = new CheckedEvents(everyProtocol)
  readonly agents: Agent[] = []

  constructor(config: PlatformConfig) {
    this.platform = new Platform(config, kinds, this.time)
    for (const agent of agentsOf(config)) {
      const { platform, events, agents: peers } = this
      const made = new Agent({ config: agent, platform, events, peers, protocols: everyProtocol })
      made.shared?.map(new DataView(new ArrayBuffer(made.shared.size)))
      peers.push(made)
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

  /** The saved parts, after a round through JSON. */
  save(): Record<string, Saved> {
    return JSON.parse(JSON.stringify(Object.fromEntries(this.parts().map(([name, part]) => [name, part.save()]))))
  }

  restore(saved: Record<string, Saved>): void {
    for (const [name, part] of this.parts()) part.restore(saved[name]!)
  }
}

/** Each protocol of each platform. */
export const cases = Object.entries(configs).flatMap(([preset, config]) => {
  const { protocols } = new Side(config).agents[0]!
  return protocols.flatMap(served =>
    served ? [{ preset, protocol: served.protocol, name: served.protocol.name }] : [],
  )
})
