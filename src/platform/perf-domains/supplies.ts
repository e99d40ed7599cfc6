/**
 * The supplies of a performance domain: the clock and the voltage that follow its level, and the power domain that
 * contains it.
 */
import type { Clock } from '../clocks/clock.js'
import { clocks } from '../clocks/index.js'
import { PLATFORM_AGENT } from '../core/agent-ids.js'
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import type { Platform } from '../core/platform.js'
import { linked } from '../core/resource.js'
import { powerDomains } from '../power-domains/index.js'
import { voltages } from '../voltages/index.js'
import type { VoltageDomain } from '../voltages/model.js'
import type { DomainConfig } from './config.js'
import type { PerfDomain } from './domain.js'
import type { PerfLevel } from './levels.js'
import type { PerfDomains } from './model.js'

const HZ_PER_KHZ = 1000

interface Supplies {
  clock: Clock | undefined
  voltage: VoltageDomain | undefined
}

/** Throws ConfigError, with paths within the section of performance domains. */
export function connectSupplies(model: PerfDomains, configs: readonly DomainConfig[], platform: Platform): void {
  const all = new Map<PerfDomain, Supplies>()
  const taken = new Map<Clock | VoltageDomain, PerfDomain>()
  configs.forEach((config, position) => {
    const domain = model.list[position]!
    const supplies = suppliesOf(domain, config, platform, [position])
    for (const [key, supply] of Object.entries(supplies) as [string, Clock | VoltageDomain | undefined][]) {
      const other = supply && taken.get(supply)
      if (other) throw new ConfigError([position, key], `${supply.name} is set by ${other.name} already`)
      if (supply) taken.set(supply, domain)
    }
    if (config.power_domain !== undefined) {
      domain.powerDomain = linked(platform, powerDomains, config.power_domain, [position, 'power_domain'])
    }
    all.set(domain, supplies)
  })
  for (const [domain, supplies] of all) follow(domain, supplies, platform)
  model.on('levelChanged', domain => follow(domain, all.get(domain), platform))
}

function suppliesOf(domain: PerfDomain, config: DomainConfig, platform: Platform, at: ConfigPath): Supplies {
  const clock = config.clock === undefined ? undefined : linked(platform, clocks, config.clock, [...at, 'clock'])
  const voltage =
    config.voltage === undefined ? undefined : linked(platform, voltages, config.voltage, [...at, 'voltage'])
  if (clock?.dividers) {
    throw new ConfigError([...at, 'clock'], `${clock.name} divides its parent's rate; name a clock above it`)
  }
  for (const level of domain.levels) {
    const place = [...at, 'levels', config.levels.findIndex(other => other.level === level.level)]
    if (clock && clock.supportedRate(hzOf(level), 'nearest') !== hzOf(level)) {
      const message = `${hzOf(level)} Hz, of level ${level.level}, is not a rate of ${clock.name}`
      throw new ConfigError([...place, 'frequency'], message)
    }
    checkVoltage(level, voltage, [...place, 'voltage'])
  }
  return { clock, voltage }
}

function checkVoltage({ level, microvolts }: PerfLevel, voltage: VoltageDomain | undefined, at: ConfigPath): void {
  if (voltage && microvolts === undefined) {
    throw new ConfigError(at.slice(0, -1), `level ${level} needs a voltage, for ${voltage.name}`)
  }
  if (voltage && microvolts !== undefined && !voltage.supportsLevel(microvolts)) {
    throw new ConfigError(at, `${microvolts} uV is not a level of ${voltage.name}`)
  }
  if (!voltage && microvolts !== undefined) {
    throw new ConfigError(at, 'has no effect: the domain names no voltage domain in voltage')
  }
}

function hzOf({ frequencyKhz }: PerfLevel): number {
  return frequencyKhz * HZ_PER_KHZ
}

/** Upwards the voltage changes first, downwards the clock, so that the clock is never too fast for the voltage. */
function follow({ level }: PerfDomain, supplies: Supplies | undefined, platform: Platform): void {
  const { clock, voltage } = supplies ?? {}
  const setVoltage = () => {
    if (voltage) platform.model(voltages).setLevel(voltage, level.microvolts ?? voltage.level, PLATFORM_AGENT)
  }
  const isRising = voltage !== undefined && (level.microvolts ?? 0) > voltage.level
  if (isRising) setVoltage()
  if (clock) platform.model(clocks).setRate(clock, hzOf(level), PLATFORM_AGENT)
  if (!isRising) setVoltage()
}
