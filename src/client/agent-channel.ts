/** A channel to a platform in this process: commands go straight to dispatch and are executed at once. */
import { exchange } from '../device/exchange.js'
import type { Platform } from '../platform/core/platform.js'
import { agentsOf } from '../platform/file/config.js'
import { Agent } from '../protocols/declaration/agent.js'
import type { EventSink } from '../protocols/declaration/event-sink.js'
import type { Protocol } from '../protocols/declaration/protocol.js'
import { FailedError } from '../support/errors.js'
import { CAPACITY, type Channel } from './channel.js'

export class AgentChannel implements Channel, EventSink {
  readonly available = true
  readonly congested = false
  readonly agent: Agent
  readonly ended: Promise<Error>
  #tellEnd: (error: Error) => void = () => {}
  onEvent: ((message: Uint8Array) => void) | undefined

  /** Adds an agent to `platform`, with the permissions of the platform file's first agent. */
  constructor({ platform, protocols }: { platform: Platform; protocols: readonly Protocol[] }) {
    this.ended = new Promise(resolve => {
      this.#tellEnd = resolve
    })
    const peers: Agent[] = []
    this.agent = new Agent({ config: agentsOf(platform.config)[0]!, platform, events: this, peers, protocols })
    peers.push(this.agent)
  }

  async exchange(message: Uint8Array): Promise<Uint8Array> {
    this.agent.platform.time.refresh()
    return exchange(this.agent, message, CAPACITY)
  }

  notify(header: number, words: readonly number[]): void {
    // After the reply to the command that caused it, as on a ring.
    queueMicrotask(() => this.onEvent?.(new Uint8Array(Uint32Array.of(header, ...words).buffer)))
  }

  respondLater(header: number, words: readonly number[]): void {
    this.notify(header, words)
  }

  close(): void {
    this.agent.release()
    this.#tellEnd(new FailedError('the client was closed'))
  }
}
