/** An agent without a transport: messages go straight to dispatch, events into a list. */
import { dispatch } from '../../src/dispatch.js'
import { agentsOf, parsePlatformConfig } from '../../src/platform/config.js'
import { Platform } from '../../src/platform/platform.js'
import type { ResourceKind } from '../../src/platform/resource.js'
import { VirtualTime } from '../../src/platform/time.js'
import { Agent, type EventSink } from '../../src/protocols/agent.js'
import { protocols as allProtocols } from '../../src/protocols/index.js'
import type { Protocol } from '../../src/protocols/protocol.js'
import { MessageWriter, RequestReader } from '../../src/wire/message.js'

/** Linux's default reply buffer over virtio: header, status, 128 bytes. */
export const LINUX_CAPACITY = 136

/** Keeps what the agent would be sent. */
export class RecordedEvents implements EventSink {
  available = true
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

/** Builds a platform from the text of a platform file, and one agent on it. `versions` are announced by protocol name. */
export function createTestAgent(
  platformText: string,
  options: { versions?: Record<string, number>; events?: boolean; protocols?: readonly Protocol[] } = {},
): TestAgent {
  const protocols = options.protocols ?? allProtocols
  const kinds = protocols.flatMap(protocol => (protocol.resource ? [protocol.resource as ResourceKind] : []))
  const time = new VirtualTime()
  const platform = parsePlatformConfig(platformText, 'test.yaml', protocols, kinds, config => {
    for (const [name, version] of Object.entries(options.versions ?? {})) {
      config.protocols[name] = { ...config.protocols[name], version }
    }
    return new Platform(config, kinds, time)
  })
  const events = new RecordedEvents()
  events.available = options.events ?? true
  const peers: Agent[] = []
  const agent = new Agent({ config: agentsOf(platform.config)[0]!, platform, events, peers, protocols })
  peers.push(agent)
  return {
    agent,
    platform,
    time,
    events,
    exchange(message, capacity = LINUX_CAPACITY) {
      const request = new RequestReader(new DataView(message.buffer, message.byteOffset, message.byteLength))
      request.open(new DataView(message.buffer, message.byteOffset, message.byteLength), 0, message.byteLength)
      const buffer = new Uint8Array(capacity + 8).fill(0xa5)
      const reply = new MessageWriter(new DataView(buffer.buffer))
      reply.open(new DataView(buffer.buffer), 0, capacity)
      const written = dispatch(agent, request, message.byteLength, reply, capacity)
      if (buffer.subarray(capacity).some(byte => byte !== 0xa5)) throw new Error('the reply ran over its buffer')
      return buffer.slice(0, written)
    },
  }
}

/** A message from header and payload words. */
export function message(header: number, ...words: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.of(header, ...words).buffer)
}

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
