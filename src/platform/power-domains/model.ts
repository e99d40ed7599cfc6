/**
 * Power domains: their state, and the rules for agents' requests. A domain is in the most powered
 * state that any agent wants. Knows no bytes.
 */
import { EventEmitter } from 'node:events'
import { z } from 'zod'
import { thereAre } from '../../support/known-names.js'
import { BOOT_FIRMWARE } from '../core/agent-ids.js'
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import { Entry } from '../core/entry.js'
import { type Kept, mustFit, readSaved, type Saved, voter } from '../core/kept.js'
import { byUniqueName, named } from '../core/named.js'
import { checkTree } from '../core/tree.js'
import type { PowerDomainConfig } from './config.js'

/** Power states on the wire (v3.2 §4.3.2.5): bit 30: context is lost, bits 27 to 0: state id. */
export const ON = 0x0000_0000
export const OFF = 0x4000_0000
const CONTEXT_LOST = 0x4000_0000

const savedDomain = z.tuple([z.int().describe('state'), z.array(z.tuple([voter, z.int().describe('state')]))])

export class PowerDomain extends Entry implements Kept {
  onChange: (() => void) | undefined
  readonly critical: boolean
  readonly sync: boolean
  /** Time of an asynchronous state change; undefined: not supported. */
  readonly latencyUs: number | undefined
  readonly notifies: boolean
  /** Microwatts drawn while it is on. */
  readonly onMicrowatts: number
  /** State numbers by name, from the most to the least powered: on, the platform-defined ones, off. */
  readonly stateNames: ReadonlyMap<string, number>
  /** The domains that supply this one. */
  parents: readonly PowerDomain[] = []
  /** The domains that this one supplies. */
  readonly children: PowerDomain[] = []
  /** An asynchronous change is pending: until it completes, nobody may request another. */
  changing = false
  /** The current state as on the wire; `PowerDomains` changes it. */
  state = OFF
  readonly #states: readonly number[]
  readonly #votes = new Map<number, number>()

  constructor(config: PowerDomainConfig, at: ConfigPath) {
    super(config)
    this.critical = config.critical
    this.sync = config.sync
    this.latencyUs = config.async?.latency
    this.notifies = config.notify
    this.onMicrowatts = config.power ?? 0
    this.stateNames = statesOf(config, at)
    this.#states = [...this.stateNames.values()]
    const start = this.stateNames.get(config.state)
    if (start === undefined) {
      const known = [...this.stateNames.keys()].join(', ')
      throw new ConfigError([...at, 'state'], `${config.state} is not one of ${known}`)
    }
    if (start !== OFF) this.#votes.set(BOOT_FIRMWARE, start)
  }

  get isOn(): boolean {
    return this.state === ON
  }

  /** Power drawn now. */
  get microwatts(): number {
    return this.isOn ? this.onMicrowatts : 0
  }

  /** Whether the domain has this state. */
  supports(state: number): boolean {
    return this.#states.includes(state)
  }

  /** The most powered state that an agent, the boot firmware or a child wants. */
  get neededState(): number {
    if (this.critical) return ON
    for (const child of this.children) if (child.state !== OFF) return ON
    let needed = this.#states.length - 1
    for (const state of this.#votes.values()) needed = Math.min(needed, this.#states.indexOf(state))
    return this.#states[needed] ?? OFF
  }

  /** Records the state that `agentId` wants; it takes effect when `neededState` is applied. */
  vote(agentId: number, state: number): void {
    this.#votes.delete(BOOT_FIRMWARE)
    this.#votes.set(agentId, state)
    this.onChange?.()
  }

  /** Applies the state that `PowerDomains` found to be needed. */
  take(state: number): void {
    this.state = state
    this.onChange?.()
  }

  save(): Saved {
    return [this.state, [...this.#votes]]
  }

  restore(saved: Saved): void {
    const [state, votes] = readSaved(savedDomain, saved)
    for (const wanted of [state, ...votes.map(([, wanted]) => wanted)]) {
      mustFit(this.supports(wanted), `it has no state 0x${wanted.toString(16)}`)
    }
    this.state = state
    this.#votes.clear()
    for (const [agentId, wanted] of votes) this.#votes.set(agentId, wanted)
  }

  /** Drops the vote of `agentId`; the boot firmware's stays. */
  withdraw(agentId: number): void {
    if (this.#votes.delete(agentId)) this.onChange?.()
  }
}

function statesOf(config: PowerDomainConfig, at: ConfigPath): Map<string, number> {
  const states = new Map([['on', ON]])
  const numbers = new Set<number>()
  config.states?.forEach(({ name, id, context_lost }, i) => {
    const number = id + (context_lost ? CONTEXT_LOST : 0)
    if (states.has(name) || name === 'off') throw new ConfigError([...at, 'states', i, 'name'], `${name} is taken`)
    if (numbers.has(number)) throw new ConfigError([...at, 'states', i, 'id'], `two states have id ${id}`)
    states.set(name, number)
    numbers.add(number)
  })
  return states.set('off', OFF)
}

export interface PowerDomainEvents {
  /** A state changed. `agentId` caused it; 0 is the platform. A parent goes on before its domain, and off after it. */
  stateChanged: [domain: PowerDomain, agentId: number]
  /** `agentId` requested a state, which may be the current one. */
  stateRequested: [domain: PowerDomain, agentId: number, state: number]
}

export class PowerDomains extends EventEmitter<PowerDomainEvents> {
  readonly list: readonly PowerDomain[]

  constructor(configs: PowerDomainConfig[]) {
    super()
    this.setMaxListeners(0)
    this.list = configs.map((config, position) => new PowerDomain(config, [position]))
    // Linux registers a device for each domain name; one duplicate would make it refuse all domains.
    const byName = byUniqueName(this.list, 'power domains')
    configs.forEach((config, position) => {
      this.#connect(this.list[position]!, config, byName, [position])
    })
    checkTree(this.list, ({ parents }) => parents, 'parents')
    for (const domain of this.list) this.#settle(domain, 0)
  }

  #connect(domain: PowerDomain, config: PowerDomainConfig, byName: Map<string, PowerDomain>, at: ConfigPath): void {
    domain.parents = (config.parents ?? []).map((name, i) => {
      const parent = byName.get(name)
      if (!parent || parent === domain) {
        const others = [...byName.keys()].filter(other => other !== domain.name)
        throw new ConfigError([...at, 'parents', i], `${name} is not another power domain; ${thereAre(others)}`)
      }
      parent.children.push(domain)
      return parent
    })
  }

  /** The domain of this name. Throws if there is none, as only callers on the host ask, who know the platform. */
  named(name: string): PowerDomain {
    return named(this.list, 'power domain', name)
  }

  /**
   * Records that `agentId` wants a state that the domain supports; 0 is the platform. The domain stays in a more
   * powered state while others want that.
   */
  setState(domain: PowerDomain, state: number, agentId: number): void {
    domain.vote(agentId, state)
    this.#settle(domain, agentId)
  }

  /** Drops the votes of `agentId` for these domains. */
  release(agentId: number, domains: Iterable<PowerDomain> = this.list): void {
    for (const domain of domains) {
      domain.withdraw(agentId)
      this.#settle(domain, agentId)
    }
  }

  /** Applies the needed state to the domain and its parents. */
  #settle(domain: PowerDomain, agentId: number): void {
    const state = domain.neededState
    if (state === domain.state) return
    domain.take(state)
    if (state === OFF) this.emit('stateChanged', domain, agentId)
    for (const parent of domain.parents) this.#settle(parent, agentId)
    if (state !== OFF) this.emit('stateChanged', domain, agentId)
  }
}
