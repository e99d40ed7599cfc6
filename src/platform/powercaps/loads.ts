/** Loads: everything that draws power, and notice when the power changes. */
import { thereAre } from '../../support/known-names.js'
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import { namesOf } from '../core/named.js'
import type { Platform } from '../core/platform.js'
import { listOf } from '../core/resource.js'
import { perfDomains } from '../perf-domains/index.js'
import { powerDomains } from '../power-domains/index.js'

export interface Load {
  readonly name: string
  /** Power drawn now. Hot code. */
  readonly microwatts: number
}

/** Performance and power domains, which share one name space. */
export function domainLoads(platform: Platform): Load[] {
  return [...listOf(platform, perfDomains), ...listOf(platform, powerDomains)]
}

/** The load of this name. Throws ConfigError at `path`. */
export function loadNamed(platform: Platform, loads: readonly Load[], name: string, path: ConfigPath): Load {
  const [load, ...others] = loads.filter(load => load.name === name)
  if (!load) throw new ConfigError(path, `${name} is not a domain that draws power; ${thereAre(namesOf(loads))}`)
  if (others.length > 0)
    throw new ConfigError(path, `${name} is the name of a powercap domain and of another domain; rename one`)
  const perf = listOf(platform, perfDomains).find(domain => domain === load)
  if (perf?.powerUnit === 'abstract') throw new ConfigError(path, `${name} has an abstract power_unit, not watts`)
  return load
}

/** Calls `changed` after every change of the power that performance or power domains draw. */
export function onDomainPower(platform: Platform, changed: () => void): void {
  if (platform.has(perfDomains)) platform.model(perfDomains).on('levelChanged', changed)
  if (platform.has(powerDomains)) platform.model(powerDomains).on('stateChanged', changed)
}
