/** Reset domains: their state, and the rules for agents' requests. Knows no bytes. */
import { EventEmitter } from 'node:events'
import { z } from 'zod'
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import { Entry } from '../core/entry.js'
import { type Kept, readSaved, type Saved } from '../core/kept.js'
import { byUniqueName, named } from '../core/named.js'
import type { ResetConfig } from './config.js'

/** Reset states on the wire (v3.2 §4.8.2.4): below 2^31 architectural, from there on the vendor's. */
export const COLD_RESET = 0
const VENDOR_FIRST = 0x8000_0000

/** Latencies have 32 bits of microseconds on the wire; all ones means unknown. */
const LATENCY_US_MAX = 0xffff_fffe

export class ResetDomain extends Entry implements Kept {
  onChange: (() => void) | undefined
  readonly explicit: boolean
  /** Time of an asynchronous reset; undefined: not supported. */
  readonly latencyUs: number | undefined
  readonly notifies: boolean
  /** Numbers of the reset states, by name. */
  readonly stateNames: ReadonlyMap<string, number>
  /** Held in reset. This is the line itself, not a vote: it stays as the last agent left it. */
  asserted: boolean
  /** An asynchronous reset is pending: until it completes, nobody may request another. */
  resetting = false
  readonly #states: readonly number[]

  constructor(config: ResetConfig, at: ConfigPath) {
    super(config)
    this.explicit = config.explicit
    this.latencyUs = config.async?.latency
    this.notifies = config.notify
    this.asserted = config.asserted
    if (config.async && config.async.latency > LATENCY_US_MAX) {
      throw new ConfigError([...at, 'async', 'latency'], 'at most 71 minutes')
    }
    const states = new Map([['cold', COLD_RESET]])
    config.states?.forEach(({ name, id }, i) => {
      if (states.has(name)) throw new ConfigError([...at, 'states', i, 'name'], `${name} is taken`)
      if ([...states.values()].includes(VENDOR_FIRST + id)) {
        throw new ConfigError([...at, 'states', i, 'id'], `two states have id ${id}`)
      }
      states.set(name, VENDOR_FIRST + id)
    })
    this.stateNames = states
    this.#states = [...states.values()]
  }

  save(): Saved {
    return this.asserted
  }

  restore(saved: Saved): void {
    this.asserted = readSaved(z.boolean(), saved)
  }

  /** Asserts or deasserts the reset line. `Resets` emits the event. */
  hold(asserted: boolean): void {
    this.asserted = asserted
    this.onChange?.()
  }

  /** Whether the domain has this reset state. */
  supports(state: number): boolean {
    return this.#states.includes(state)
  }
}

export interface ResetEvents {
  /** The domain was reset, or is held in reset from now on. `agentId` caused it; 0 is the platform. */
  issued: [domain: ResetDomain, agentId: number, state: number]
  /** The domain is no longer held in reset. */
  deasserted: [domain: ResetDomain, agentId: number]
}

export class Resets extends EventEmitter<ResetEvents> {
  readonly list: readonly ResetDomain[]

  constructor(configs: ResetConfig[]) {
    super()
    this.setMaxListeners(0)
    this.list = configs.map((config, position) => new ResetDomain(config, [position]))
    byUniqueName(this.list, 'resets')
  }

  /** The domain of this name. Throws if there is none, as only callers on the host ask, who know the platform. */
  named(name: string): ResetDomain {
    return named(this.list, 'reset', name)
  }

  /** Autonomous reset to a supported state; the domain runs afterwards. `agentId` 0 is the platform. */
  reset(domain: ResetDomain, state: number, agentId: number): void {
    const wasAsserted = domain.asserted
    domain.hold(false)
    this.emit('issued', domain, agentId, state)
    if (wasAsserted) this.emit('deasserted', domain, agentId)
  }

  /** Holds the domain in reset until it is deasserted. */
  assert(domain: ResetDomain, state: number, agentId: number): void {
    if (domain.asserted) return
    domain.hold(true)
    this.emit('issued', domain, agentId, state)
  }

  /** Lets the domain run. */
  deassert(domain: ResetDomain, agentId: number): void {
    if (!domain.asserted) return
    domain.hold(false)
    this.emit('deasserted', domain, agentId)
  }
}
