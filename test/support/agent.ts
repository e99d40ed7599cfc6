/** An agent without a transport: messages go directly to dispatch, events into a list. */
import { CAPACITY } from '../../src/client/channel.js'
import { exchange } from '../../src/device/exchange.js'
import { Platform, type ResourceKind } from '../../src/platform/core/platform.js'
import type { PlatformConfig } from '../../src/platform/core/platform-config.js'
import { VirtualTime } from '../../src/platform/core/time.js'
import { agentsOf, parsePlatformConfig } from '../../src/platform/file/config.js'
import imx from '../../src/plugins/imx/index.js'
import { Agent } from '../../src/protocols/declaration/agent.js'
import type { EventSink } from '../../src/protocols/declaration/event-sink.js'
import type { Protocol } from '../../src/protocols/declaration/protocol.js'
import { resourceKinds } from '../../src/protocols/declaration/served.js'
import { protocols as standard } from '../../src/protocols/index.js'
import { messageIdOf, packHeader } from '../../src/wire/header.js'

/** All protocols of the package, with those of plug-ins. */
export const everyProtocol: readonly Protocol[] = [...standard, ...imx]

/** Collects the events that the agent would be sent. */
export class RecordedEvents implements EventSink {
  available = true
  congested = false
  /** Whole messages, header first. */
  sent: Uint8Array[] = []

  notify(header: number, words: number[]): void {
    this.sent.push(new Uint8Array(Uint32Array.of(header, ...words).buffer))
  }

  respondLater(header: number, words: number[]): void {
    this.notify(header, words)
  }

  /** What was sent since the last call. */
  take(): Uint8Array[] {
    const sent = this.sent
    this.sent = []
    return sent
  }
}

export interface TestAgent {
  agent: Agent
  platform: Platform
  time: VirtualTime
  events: RecordedEvents
  /** Sends a whole message; the reply is empty if there is none. */
  exchange(message: Uint8Array, capacity?: number): Uint8Array
}

const parsedTexts = new Map<string, PlatformConfig>()

/** Parses a platform file. Results are cached: parsing is slow, and tests build thousands of platforms from a few texts. */
function parsedConfig(text: string, protocols: readonly Protocol[], kinds: ResourceKind[]): PlatformConfig {
  const key = [text, ...protocols.map(protocol => protocol.name)].join('\n')
  let config = parsedTexts.get(key)
  if (!config) {
    config = parsePlatformConfig(text, 'test.yaml', protocols, kinds, config => config)
    parsedTexts.set(key, config)
  }
  return config
}

/** Builds a platform from the text of a platform file, and one agent on it. `versions` are announced by protocol name. */
export function createTestAgent(
  platformText: string,
  options: { versions?: Record<string, number>; events?: boolean; protocols?: readonly Protocol[] } = {},
): TestAgent {
  const protocols = options.protocols ?? everyProtocol
  const kinds = resourceKinds(protocols)
  const time = new VirtualTime()
  const parsed = parsedConfig(platformText, protocols, kinds)
  const announced = Object.entries(options.versions ?? {}).map(([name, version]) => [
    name,
    { ...parsed.protocols[name], version },
  ])
  const config = { ...parsed, protocols: { ...parsed.protocols, ...Object.fromEntries(announced) } }
  const platform = new Platform(config, kinds, time)
  const events = new RecordedEvents()
  events.available = options.events ?? true
  const peers: Agent[] = []
  const agent = new Agent({ config: agentsOf(platform.config)[0]!, platform, events, peers, protocols })
  peers.push(agent)
  // The guest has the platform's shared memory.
  if (agent.shared) agent.shared.map(new DataView(new ArrayBuffer(agent.shared.size)))
  return { agent, platform, time, events, exchange: exchangeWith(agent) }
}

/** Sends whole messages to an agent, and checks that replies stay within their buffer. A reply is empty if there is none. */
export function exchangeWith(agent: Agent): TestAgent['exchange'] {
  return (message, capacity = CAPACITY) => {
    const memory = new Uint8Array(capacity + 8).fill(0xa5)
    const reply = exchange(agent, message, capacity, memory)
    if (memory.subarray(capacity).some(byte => byte !== 0xa5)) throw new Error('the reply ran over its buffer')
    return reply
  }
}

/** A message from header and payload words. */
export function message(header: number, ...words: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.of(header, ...words).buffer)
}

/** Sends commands of one protocol to an agent. Returns status and words of the reply. */
export function senderTo(exchange: TestAgent['exchange'], protocol: number) {
  return (id: number, ...words: number[]): number[] => {
    const reply = exchange(message(packHeader(protocol, id, 0, 1), ...words))
    return [...new Int32Array(reply.buffer, 0, reply.length >> 2).subarray(1)]
  }
}

/** Events since the last call: message id, then words. */
export const takeWords = (events: RecordedEvents): number[][] =>
  events.take().map(event => {
    const [header = 0, ...words] = new Uint32Array(event.buffer)
    return [messageIdOf(header), ...words]
  })

/** `01 02 0a`, for comparisons that a person can read. */
export function hex(bytes: Uint8Array): string {
  return [...bytes].map(byte => byte.toString(16).padStart(2, '0')).join(' ')
}

/** Bytes from hex text; white space and bars only help the reader. */
export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(
    text
      .replace(/\|/g, ' ')
      .trim()
      .split(/\s+/)
      .map(byte => Number.parseInt(byte, 16)),
  )
}
