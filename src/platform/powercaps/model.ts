/** The platform's powercap domains, the measuring of their power, and the events of what changes. Knows no bytes. */
import { EventEmitter } from 'node:events'
import { thereAre } from '../../support/known-names.js'
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import { U32_MAX } from '../core/count-limits.js'
import { byUniqueName, named } from '../core/named.js'
import type { Time, Timer } from '../core/time.js'
import { checkTree } from '../core/tree.js'
import type { PowercapConfig } from './config.js'
import { PowercapDomain, type PowerSource } from './domain.js'
import type { PowerCap } from './limit.js'

/** Power is measured at most this often, however short the averaging interval. */
const MEASURE_MIN_US = 1000

/** A domain whose power is measured: the number of watchers, and the next measurement. */
interface Watched {
  watchers: number
  timer: Timer
}

export interface PowercapEvents {
  /** A cap or its averaging interval changed. `agentId` caused it; 0 is the platform. */
  capChanged: [domain: PowercapDomain, agentId: number, limit: PowerCap]
  /** The averaging interval of measurements changed. */
  maiChanged: [domain: PowercapDomain, agentId: number]
  /** The host set the power of a domain. */
  sourceChanged: [domain: PowercapDomain]
  /** The power of a watched domain was measured. */
  measured: [domain: PowercapDomain, power: number]
}

export class Powercaps extends EventEmitter<PowercapEvents> {
  readonly list: readonly PowercapDomain[]
  readonly #time: Time
  readonly #watched = new Map<PowercapDomain, Watched>()

  constructor(configs: PowercapConfig[], time: Time) {
    super()
    this.setMaxListeners(0)
    this.#time = time
    this.list = configs.map((config, position) => new PowercapDomain(config, [position]))
    const byName = byUniqueName(this.list, 'powercap domains')
    configs.forEach(({ parent }, position) => {
      if (parent !== undefined) this.list[position]!.parent = parentNamed(parent, byName, [position, 'parent'])
    })
    checkTree(this.list, ({ parent }) => (parent ? [parent] : []), 'parent')
  }

  /** The domain of this name. Throws if there is none, as only callers on the host ask, who know the platform. */
  named(name: string): PowercapDomain {
    return named(this.list, 'powercap domain', name)
  }

  /** Sets UNCAPPED or a supported cap. `agentId` 0 is the platform. */
  setCap(domain: PowercapDomain, cap: number, agentId: number, limit: PowerCap = domain.caps[0]): void {
    if (limit.cap === cap) return
    limit.cap = cap
    domain.onChange?.()
    this.emit('capChanged', domain, agentId, limit)
  }

  /** Sets a supported averaging interval of a limit. `agentId` 0 is the platform. */
  setPai(domain: PowercapDomain, us: number, agentId: number, limit: PowerCap = domain.caps[0]): void {
    if (limit.intervalUs === us) return
    limit.intervalUs = us
    domain.onChange?.()
    this.emit('capChanged', domain, agentId, limit)
  }

  /** Sets a supported averaging interval of measurements. `agentId` 0 is the platform. */
  setMai(domain: PowercapDomain, us: number, agentId: number): void {
    if (domain.maiUs === us) return
    domain.maiUs = us
    domain.onChange?.()
    this.emit('maiChanged', domain, agentId)
  }

  /** Takes the domain's power from `source` from now on, which also makes it monitored. For callers on the host. */
  bindPower(domain: PowercapDomain, source: PowerSource): void {
    domain.source = source
    this.#time.refresh()
    this.emit('sourceChanged', domain)
    if (this.#watched.has(domain)) this.emit('measured', domain, this.measure(domain))
  }

  /** Sets the power that `domain` draws, in its unit. */
  setPower(domain: PowercapDomain, power: number): void {
    this.bindPower(domain, { read: () => power })
  }

  /** The power of a monitored domain, as a whole number of its unit. */
  measure(domain: PowercapDomain): number {
    const power = domain.source?.read(this.#time.nowUs) ?? 0
    return Math.min(Math.max(Math.round(power), 0), U32_MAX)
  }

  /** Adds a watcher: power is measured at the end of each averaging interval. */
  watch(domain: PowercapDomain): void {
    const watched = this.#watched.get(domain)
    if (watched) watched.watchers++
    else this.#watched.set(domain, { watchers: 1, timer: this.#measureLater(domain) })
  }

  unwatch(domain: PowercapDomain): void {
    const watched = this.#watched.get(domain)
    if (!watched || --watched.watchers > 0) return
    watched.timer.cancel()
    this.#watched.delete(domain)
  }

  #measureLater(domain: PowercapDomain): Timer {
    return this.#time.after(Math.max(domain.maiUs, MEASURE_MIN_US), () => {
      const watched = this.#watched.get(domain)
      if (!watched) return
      watched.timer = this.#measureLater(domain)
      this.emit('measured', domain, this.measure(domain))
    })
  }
}

function parentNamed(name: string, byName: Map<string, PowercapDomain>, at: ConfigPath): PowercapDomain {
  const parent = byName.get(name)
  if (!parent) throw new ConfigError(at, `${name} is not a powercap domain; ${thereAre(byName.keys())}`)
  // Linux gives up on all domains when it meets one below an abstract one.
  if (parent.unit === 'abstract') throw new ConfigError(at, `${name} has an abstract unit, so it can't be a parent`)
  return parent
}
