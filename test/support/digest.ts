/** A digest of the state of a platform and one of its agents: cheap, and different after any visible change. */
import { clocks } from '../../src/platform/clocks/index.js'
import type { Platform } from '../../src/platform/core/platform.js'
import { perfDomains } from '../../src/platform/perf-domains/index.js'
import { pins } from '../../src/platform/pins/index.js'
import { powerDomains } from '../../src/platform/power-domains/index.js'
import { powercaps } from '../../src/platform/powercaps/index.js'
import { resets } from '../../src/platform/resets/index.js'
import { sensors } from '../../src/platform/sensors/index.js'
import { system } from '../../src/platform/system/index.js'
import { voltages } from '../../src/platform/voltages/index.js'
import type { Agent } from '../../src/protocols/declaration/agent.js'
import { telemetry } from '../../src/protocols/telemetry.js'
import type { TelemetryView } from '../../src/protocols/telemetry-view.js'

const TWO_32 = 2 ** 32

/** Omits subscriptions, and votes without effect: those are private. */
export function stateDigest(platform: Platform, agents: readonly Agent[]): number {
  let hash = 0x811c9dc5
  const mix = (value: number | boolean | undefined): void => {
    const number = Number(value ?? -1)
    hash = Math.imul(hash ^ number, 0x01000193)
    hash = Math.imul(hash ^ Math.floor(number / TWO_32), 0x01000193)
  }
  for (const { rateHz, enabled, parent, divider, extended } of platform.model(clocks).list) {
    for (const value of [rateHz, enabled, parent?.id, divider, ...extended.values()]) mix(value)
  }
  for (const { state, changing } of platform.model(powerDomains).list) for (const value of [state, changing]) mix(value)
  mix(platform.model(system).state)
  for (const domain of platform.model(perfDomains).list) {
    for (const value of [domain.level.level, domain.min.level, domain.max.level]) mix(value)
    for (const { id } of agents) for (const value of Object.values(domain.boundsOf(id))) mix(value)
  }
  for (const { level, mode, changing } of platform.model(voltages).list) for (const v of [level, mode, changing]) mix(v)
  for (const { enabled, timestampsEnabled, interval, tripPoints } of platform.model(sensors).list) {
    for (const value of [enabled, timestampsEnabled, interval.us]) mix(value)
    for (const { mode, value, agentId } of tripPoints) for (const v of [mode, value, agentId]) mix(v)
  }
  for (const { asserted, resetting } of platform.model(resets).list) for (const v of [asserted, resetting]) mix(v)
  for (const { caps, maiUs, changing } of platform.model(powercaps).list) {
    for (const v of [maiUs, changing, ...caps.flatMap(({ cap, intervalUs }) => [cap, intervalUs])]) mix(v)
  }
  const { list, groups } = platform.model(pins)
  for (const target of [...list, ...groups]) {
    mix(target.function?.id)
    for (const type of target.types) for (const { value } of target.settings(type) ?? []) mix(value)
  }
  for (const { holder } of list) mix(holder)
  for (const { protocols } of agents) {
    for (const served of protocols) if (served) for (const value of [served.version, served.denied]) mix(value)
    const view = protocols[telemetry.id]?.state as TelemetryView | undefined
    if (!view) continue
    for (const event of view.resources) mix(view.modes.of(event))
    for (const { enabled, mode, interval } of view.collection.sets) for (const v of [enabled, mode, interval.us]) mix(v)
  }
  return hash
}
