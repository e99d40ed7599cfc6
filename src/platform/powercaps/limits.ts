/**
 * Powercap domains that measure performance and power domains, and keep them at their caps: as firmware does, by limiting
 * the performance of what draws most.
 */
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import type { Platform } from '../core/platform.js'
import type { Time, Timer } from '../core/time.js'
import { perfDomains } from '../perf-domains/index.js'
import { PerfDomain, type PerfDomains } from '../perf-domains/model.js'
import { domainLoads, type Load, loadNamed, onDomainPower } from './loads.js'
import type { PowercapConfig, PowercapDomain, Powercaps, PowerSource } from './model.js'

/** In place of a cap: power is not capped. */
const UNCAPPED = 0

/** Caps are kept with this many microseconds between two looks at least, however short the averaging interval is. */
const LOOK_MIN_US = 1000

/** Throws ConfigError, with paths within the section of powercap domains. */
export function connectPowercaps(model: Powercaps, platform: Platform, configs: readonly PowercapConfig[]): void {
  const loads = new Map<PowercapDomain, Load[]>()
  const taken = new Map<Load, PowercapDomain>()
  configs.forEach(({ domains }, id) => {
    const powercap = model.list[id]!
    if (domains) loads.set(powercap, loadsOf(powercap, domains, platform, taken))
  })
  const childrenOf = new Map<PowercapDomain, PowercapDomain[]>([...loads.keys()].map(powercap => [powercap, []]))
  for (const child of model.list) if (child.parent) childrenOf.get(child.parent)?.push(child)
  for (const [powercap, own] of loads) {
    const children = childrenOf.get(powercap) ?? []
    const child = children.find(({ unit }) => unit === 'abstract')
    if (child) throw new ConfigError([child.id, 'unit'], `abstract powers do not add up to that of ${powercap.name}`)
    powercap.source = new DomainPower(powercap, own, children)
  }
  const limited = new Map<PowercapDomain, PerfDomain[]>([...loads.keys()].map(powercap => [powercap, []]))
  for (const powercap of model.list) {
    const perf = loads.get(powercap)?.filter(load => load instanceof PerfDomain) ?? []
    // Each is limited by its own powercap domain, and by those around that.
    for (let at: PowercapDomain | undefined = powercap; at; at = at.parent) limited.get(at)?.push(...perf)
  }
  for (const [powercap, perf] of limited) {
    if (perf.length > 0) new PowerLimit(model, powercap, perf, platform).keep()
  }
}

function loadsOf(
  powercap: PowercapDomain,
  names: readonly string[],
  platform: Platform,
  taken: Map<Load, PowercapDomain>,
): Load[] {
  const at: ConfigPath = [powercap.id, 'domains']
  if (powercap.unit === 'abstract') throw new ConfigError(at, 'an abstract power has no domains to measure')
  const known = domainLoads(platform)
  return names.map((name, i) => {
    const load = loadNamed(platform, known, name, [...at, i])
    const other = taken.get(load)
    if (other) throw new ConfigError([...at, i], `${name} is in ${other.name} already`)
    taken.set(load, powercap)
    return load
  })
}

/** What a powercap domain draws: the sum over its own domains and its children. */
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

/** Not by way of the unit where that can be: sums of whole microwatts are exact. */
function microwattsOf({ source, unitMicrowatts }: PowercapDomain, nowUs: number): number {
  if (source instanceof DomainPower) return source.microwatts(nowUs)
  return source ? source.read(nowUs) * unitMicrowatts : 0
}

/**
 * Keeps one powercap domain at its cap. It looks one averaging interval after each change of the cap or of what is drawn:
 * power may be above the cap for so long.
 */
class PowerLimit {
  readonly #powercaps: Powercaps
  readonly #powercap: PowercapDomain
  /** Whose levels it can limit. */
  readonly #domains: readonly PerfDomain[]
  readonly #platform: Platform
  readonly #limited = new Set<PerfDomain>()
  #timer: Timer | undefined

  constructor(powercaps: Powercaps, powercap: PowercapDomain, domains: readonly PerfDomain[], platform: Platform) {
    this.#powercaps = powercaps
    this.#powercap = powercap
    this.#domains = domains
    this.#platform = platform
  }

  /** Until the platform is closed. */
  keep(): void {
    onDomainPower(this.#platform, this.#lookLater)
    this.#powercaps.on('sourceChanged', this.#lookLater)
    this.#powercaps.on('capChanged', powercap => {
      if (powercap === this.#powercap) this.#lookLater()
    })
    this.#platform.onClose(() => this.#timer?.cancel())
    this.#lookLater()
  }

  get #time(): Time {
    return this.#platform.time
  }

  readonly #lookLater = (): void => {
    this.#timer ??= this.#time.after(Math.max(this.#powercap.paiUs, LOOK_MIN_US), () => {
      this.#timer = undefined
      this.#look()
    })
  }

  /** What draws most is limited first; what is limited already gets what all else leaves. */
  #look(): void {
    const model = this.#platform.model(perfDomains)
    const { cap, unitMicrowatts, source } = this.#powercap
    // A power that the host sets instead does not fall with the levels: limiting them would be in vain.
    const isCapped = cap !== UNCAPPED && source instanceof DomainPower
    const capMicrowatts = isCapped ? cap * unitMicrowatts : Number.POSITIVE_INFINITY
    for (const domain of [...this.#domains].sort((a, b) => b.microwatts - a.microwatts)) {
      const total = microwattsOf(this.#powercap, this.#time.nowUs)
      const exceeds = total > capMicrowatts && domain.microwatts > 0
      if (exceeds || this.#limited.has(domain)) this.#limit(model, domain, capMicrowatts - (total - domain.microwatts))
    }
  }

  /** Allows the highest level that draws no more than this; limits nothing if that is the highest there is. */
  #limit(model: PerfDomains, domain: PerfDomain, microwatts: number): void {
    const level = domain.levels.findLast(level => domain.microwattsAt(level) <= microwatts) ?? domain.lowest
    if (level === domain.highest) this.#limited.delete(domain)
    else this.#limited.add(domain)
    model.setPlatformLimits(domain, level === domain.highest ? {} : { max: level.level }, this)
  }
}
