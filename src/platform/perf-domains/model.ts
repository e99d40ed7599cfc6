/**
 * The platform's performance domains, and the events of what changes. A clock, a voltage, power and temperature can
 * follow a domain's level: see supplies.ts and powercaps/loads.ts. Knows no bytes.
 */
import { EventEmitter } from 'node:events'
import { PLATFORM_AGENT } from '../core/agent-ids.js'
import { ConfigError } from '../core/config-error.js'
import { byUniqueName, named } from '../core/named.js'
import type { DomainConfig, PowerUnit } from './config.js'
import { type Bounds, PerfDomain } from './domain.js'
import type { PerfLevel } from './levels.js'

export interface PerfEvents {
  /** A level changed. `agentId` caused it; 0 is the platform. */
  levelChanged: [domain: PerfDomain, agentId: number]
  /** The limits in force changed. If the level is outside them it follows, with its own event. */
  limitsChanged: [domain: PerfDomain, agentId: number]
}

export class PerfDomains extends EventEmitter<PerfEvents> {
  readonly list: readonly PerfDomain[]
  readonly powerUnit: PowerUnit

  constructor(configs: DomainConfig[]) {
    super()
    this.setMaxListeners(0)
    this.list = configs.map((config, position) => new PerfDomain(config, [position]))
    const first = this.list[0]!
    this.powerUnit = first.powerUnit
    byUniqueName(this.list, 'performance domains')
    for (const [position, { powerUnit }] of this.list.entries()) {
      if (powerUnit !== this.powerUnit) {
        const message = `all domains have one unit, and ${first.name} has ${this.powerUnit}`
        throw new ConfigError([position, 'power_unit'], message)
      }
    }
  }

  /** The domain of this name. Throws if there is none, as only callers on the host ask, who know the platform. */
  named(name: string): PerfDomain {
    return named(this.list, 'performance domain', name)
  }

  /** Sets a level that `allowedLevel` returned. `agentId` 0 is the platform. */
  setLevel(domain: PerfDomain, level: PerfLevel, agentId: number): void {
    if (domain.level === level) return
    domain.level = level
    domain.onChange?.()
    this.emit('levelChanged', domain, agentId)
  }

  /** Sets the bounds of `agentId`; a bound that is left out stays as it was. */
  setLimits(domain: PerfDomain, { min, max }: Bounds, agentId: number): void {
    const before = domain.boundsOf(agentId)
    this.#setBounds(domain, { min: min ?? before.min, max: max ?? before.max }, agentId, agentId)
  }

  /**
   * Sets bounds as hardware does, for heat or a weak supply; a bound that is left out is lifted. `holder` is an object
   * that stands for the cause; each has its own bounds.
   */
  setPlatformLimits(domain: PerfDomain, bounds: Bounds, holder: unknown = PLATFORM_AGENT): void {
    this.#setBounds(domain, bounds, holder, PLATFORM_AGENT)
  }

  /** Lifts the bounds of `agentId`. Levels stay as they are. */
  release(agentId: number, domains: Iterable<PerfDomain> = this.list): void {
    for (const domain of domains) this.#setBounds(domain, {}, agentId, agentId)
  }

  #setBounds(domain: PerfDomain, bounds: Bounds, holder: unknown, agentId: number): void {
    const { min, max } = domain
    domain.setBounds(holder, bounds)
    if (domain.min === min && domain.max === max) return
    this.emit('limitsChanged', domain, agentId)
    this.setLevel(domain, domain.within(domain.level), agentId)
  }
}
