/**
 * Enforces the caps of powercap domains that measure performance and power domains, as firmware does: limits the
 * performance of the domains that draw most.
 */
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import type { Platform } from '../core/platform.js'
import type { Time, Timer } from '../core/time.js'
import { PerfDomain } from '../perf-domains/domain.js'
import { perfDomains } from '../perf-domains/index.js'
import type { PerfDomains } from '../perf-domains/model.js'
import type { PowercapConfig } from './config.js'
import type { PowercapDomain, PowerSource } from './domain.js'
import { type PowerCap, UNCAPPED } from './limit.js'
import { domainLoads, type Load, loadNamed, onDomainPower } from './loads.js'
import type { Powercaps } from './model.js'

/** Caps are checked at most this often, in microseconds, however short the averaging interval. */
const LOOK_MIN_US = 1000

/** Throws ConfigError with paths within the powercaps section. */
export function connectPowercaps(model: Powercaps, platform: Platform, configs: readonly PowercapConfig[]): void {
  const loads = new Map<PowercapDomain, Load[]>()
  const taken = new Map<Load, PowercapDomain>()
  configs.forEach(({ domains }, position) => {
    const powercap = model.list[position]!
    if (domains) loads.set(powercap, loadsOf(powercap, domains, platform, taken, [position, 'domains']))
  })
  const childrenOf = new Map<PowercapDomain, PowercapDomain[]>([...loads.keys()].map(powercap => [powercap, []]))
  for (const child of model.list) if (child.parent) childrenOf.get(child.parent)?.push(child)
  for (const [powercap, own] of loads) {
    const children = childrenOf.get(powercap) ?? []
    const child = children.find(({ unit }) => unit === 'abstract')
    if (child)
      throw new ConfigError(
        [model.list.indexOf(child), 'unit'],
        `an abstract unit can't be converted to that of its parent, ${powercap.name}`,
      )
    powercap.source = new DomainPower(powercap, own, children)
  }
  const limited = new Map<PowercapDomain, PerfDomain[]>([...loads.keys()].map(powercap => [powercap, []]))
  for (const powercap of model.list) {
    const perf = loads.get(powercap)?.filter(load => load instanceof PerfDomain) ?? []
    // Each domain is limited by its own powercap domain and by all ancestors of that.
    for (let at: PowercapDomain | undefined = powercap; at; at = at.parent) limited.get(at)?.push(...perf)
  }
  for (const [powercap, perf] of limited) {
    if (perf.length > 0) for (const cap of powercap.caps) new PowerLimit(model, powercap, cap, perf, platform).keep()
  }
}

function loadsOf(
  powercap: PowercapDomain,
  names: readonly string[],
  platform: Platform,
  taken: Map<Load, PowercapDomain>,
  at: ConfigPath,
): Load[] {
  if (powercap.unit === 'abstract')
    throw new ConfigError(at, "a powercap domain with an abstract unit can't measure domains")
  const known = domainLoads(platform)
  return names.map((name, i) => {
    const load = loadNamed(platform, known, name, [...at, i])
    const other = taken.get(load)
    if (other) throw new ConfigError([...at, i], `${name} is in ${other.name} already`)
    taken.set(load, powercap)
    return load
  })
}

/** The power of a powercap domain: the sum over its own domains and its children. */
class DomainPower implements PowerSource {
  readonly #unitMicrowatts: number
  readonly #own: readonly Load[]
  readonly #children: readonly PowercapDomain[]

  constructor({ unitMicrowatts }: PowercapDomain, own: readonly Load[], children: readonly PowercapDomain[]) {
    this.#unitMicrowatts = unitMicrowatts
    this.#own = own
    this.#children = children
  }

  microwatts(nowUs: number): number {
    let sum = 0
    for (const { microwatts } of this.#own) sum += microwatts
    for (const child of this.#children) sum += microwattsOf(child, nowUs)
    return sum
  }

  read(nowUs: number): number {
    return this.microwatts(nowUs) / this.#unitMicrowatts
  }
}

/** In microwatts without going through the unit where possible: sums of whole microwatts are exact. */
function microwattsOf({ source, unitMicrowatts }: PowercapDomain, nowUs: number): number {
  if (source instanceof DomainPower) return source.microwatts(nowUs)
  return source ? source.read(nowUs) * unitMicrowatts : 0
}

/**
 * Enforces one cap of a powercap domain. Checks one averaging interval after each change of the cap or of the power
 * drawn: power may exceed the cap that long.
 */
class PowerLimit {
  readonly #powercaps: Powercaps
  readonly #powercap: PowercapDomain
  readonly #cap: PowerCap
  /** The domains whose levels it can limit. */
  readonly #domains: readonly PerfDomain[]
  readonly #platform: Platform
  readonly #limited = new Set<PerfDomain>()
  #timer: Timer | undefined

  constructor(
    powercaps: Powercaps,
    powercap: PowercapDomain,
    cap: PowerCap,
    domains: readonly PerfDomain[],
    platform: Platform,
  ) {
    this.#powercaps = powercaps
    this.#powercap = powercap
    this.#cap = cap
    this.#domains = domains
    this.#platform = platform
  }

  /** Enforces the cap until the platform is closed. */
  keep(): void {
    onDomainPower(this.#platform, this.#lookLater)
    this.#powercaps.on('sourceChanged', this.#lookLater)
    this.#powercaps.on('capChanged', (_domain, _agentId, cap) => {
      if (cap === this.#cap) this.#lookLater()
    })
    this.#platform.onClose(() => this.#timer?.cancel())
    this.#lookLater()
  }

  get #time(): Time {
    return this.#platform.time
  }

  readonly #lookLater = (): void => {
    this.#timer ??= this.#time.after(Math.max(this.#cap.intervalUs, LOOK_MIN_US), () => {
      this.#timer = undefined
      this.#look()
    })
  }

  /** Limits the domain that draws most first; domains that are limited already get what the others leave. */
  #look(): void {
    const model = this.#platform.model(perfDomains)
    const { unitMicrowatts, source } = this.#powercap
    const { cap } = this.#cap
    // A power that the host sets does not fall with the levels: limiting them would be useless.
    const isCapped = cap !== UNCAPPED && source instanceof DomainPower
    const capMicrowatts = isCapped ? cap * unitMicrowatts : Number.POSITIVE_INFINITY
    for (const domain of [...this.#domains].sort((a, b) => b.microwatts - a.microwatts)) {
      const total = microwattsOf(this.#powercap, this.#time.nowUs)
      const exceeds = total > capMicrowatts && domain.microwatts > 0
      if (exceeds || this.#limited.has(domain)) this.#limit(model, domain, capMicrowatts - (total - domain.microwatts))
    }
  }

  /** Allows the highest level that draws at most `microwatts`; sets no limit if that is the highest of all. */
  #limit(model: PerfDomains, domain: PerfDomain, microwatts: number): void {
    const level = domain.levels.findLast(level => domain.microwattsAt(level) <= microwatts) ?? domain.lowest
    if (level === domain.highest) this.#limited.delete(domain)
    else this.#limited.add(domain)
    model.setPlatformLimits(domain, level === domain.highest ? {} : { max: level.level }, this)
  }
}
