/** What draws power, of whatever kind it is, and being told when that changes. */
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import type { Platform } from '../core/platform.js'
import { listOf, thereAre } from '../core/resource.js'
import { perfDomains } from '../perf-domains/index.js'
import { powerDomains } from '../power-domains/index.js'

export interface Load {
  readonly name: string
  /** Drawn now. Hot code. */
  readonly microwatts: number
}

/** Performance and power domains, which have one name space. */
export function domainLoads(platform: Platform): Load[] {
  return [...listOf(platform, perfDomains), ...listOf(platform, powerDomains)]
}

/** The one of `loads` with this name. Throws ConfigError, at `path`. */
export function loadNamed(platform: Platform, loads: readonly Load[], name: string, path: ConfigPath): Load {
  const [load, ...others] = loads.filter(load => load.name === name)
  if (!load) throw new ConfigError(path, `${name} is nothing that draws power; ${thereAre(loads)}`)
  if (others.length > 0) throw new ConfigError(path, `a powercap domain and another are named ${name}; rename one`)
  const perf = listOf(platform, perfDomains).find(domain => domain === load)
  if (perf?.powerUnit === 'abstract') throw new ConfigError(path, `the powers of ${name} are abstract, not watts`)
  return load
}

/** Calls `changed` after every change of what performance or power domains draw. */
export function onDomainPower(platform: Platform, changed: () => void): void {
  if (platform.has(perfDomains)) platform.model(perfDomains).on('levelChanged', changed)
  if (platform.has(powerDomains)) platform.model(powerDomains).on('stateChanged', changed)
}
