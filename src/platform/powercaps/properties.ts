/** The properties of powercap domains that the host sees and can change as if hardware changed them: power and caps. */
import { PLATFORM_AGENT } from '../core/agent-ids.js'
import { channelProperties } from '../core/fast-channels.js'
import { numberProperty, onEvents, type Property, type Range, type ResourceGroup } from '../core/property.js'
import { SECONDS, WATTS } from '../core/unit-text.js'
import { type PowercapDomain, UNCAPPED } from './domain.js'
import type { PowerCap } from './limit.js'
import type { Powercaps } from './model.js'

const MICRO = 1e6

export function powercapProperties(model: Powercaps): ResourceGroup[] {
  const resources = model.list.map(domain => ({
    name: domain.name,
    main: 'cap',
    subject: domain,
    properties: [
      cap(model, domain, domain.caps[0]),
      power(model, domain),
      interval(model, domain, domain.caps[0]),
      ...(domain.maiRange ? [measuringInterval(model, domain, domain.maiRange)] : []),
      ...domain.caps.slice(1).flatMap(limit => [cap(model, domain, limit), interval(model, domain, limit)]),
      ...channelProperties(domain.fastChannels),
    ],
  }))
  return [
    { kind: 'powercap', resources, watch: onEvents(model, 'capChanged', 'maiChanged', 'sourceChanged', 'measured') },
  ]
}

/** A watt in the domain's unit; 1 for abstract units. */
function perWatt({ unit, unitMicrowatts }: PowercapDomain): number {
  return unit === 'abstract' ? 1 : MICRO / unitMicrowatts
}

function unitOf({ unit }: PowercapDomain): typeof WATTS | undefined {
  return unit === 'abstract' ? undefined : WATTS
}

function divided({ min, max, step }: Range, by: number): Range {
  return { min: min / by, max: max / by, step: step / by }
}

/** `cap`, `cap_1`: the name of a limit's property. */
const named = (name: string, { index }: PowerCap): string => (index === 0 ? name : `${name}_${index}`)

/** What further limits say of themselves. */
const which = (text: string, { index, name }: PowerCap): string => (index === 0 ? text : `${name}: ${text}`)

function cap(model: Powercaps, domain: PowercapDomain, limit: PowerCap): Property {
  const size = perWatt(domain)
  const { isConfigurable, capRange } = limit
  const lift = { name: 'none', set: () => model.setCap(domain, UNCAPPED, PLATFORM_AGENT, limit) }
  const about = which('Power that it may draw; none: no limit', limit)
  return numberProperty(named('cap', limit), about, unitOf(domain), {
    read: () => (limit.cap === UNCAPPED ? undefined : limit.cap / size),
    // A range with a single value has step 0.
    allowed: () => (isConfigurable ? divided(capRange, size) : [capRange.min / size]),
    set: value => model.setCap(domain, Math.round(value * size), PLATFORM_AGENT, limit),
    word: lift,
  })
}

function power(model: Powercaps, domain: PowercapDomain): Property {
  const size = perWatt(domain)
  const { source } = domain
  return numberProperty('power', 'Power drawn now; set: replaces what its domains draw', unitOf(domain), {
    read: () => (domain.source ? model.measure(domain) / size : undefined),
    allowed: () => ({ min: 0, max: Math.floor(0xffff_ffff / size), step: 0 }),
    set: value => model.setPower(domain, Math.round(value * size)),
    ...(source ? { word: { name: 'auto', set: () => model.bindPower(domain, source) } } : {}),
  })
}

function interval(model: Powercaps, domain: PowercapDomain, limit: PowerCap): Property {
  const { hasIntervals, intervalRange } = limit
  const about = which('Time over which power is averaged', limit)
  return numberProperty(named('averaging_interval', limit), about, SECONDS, {
    read: () => limit.intervalUs / MICRO,
    allowed: () => (hasIntervals ? divided(intervalRange, MICRO) : [intervalRange.min / MICRO]),
    set: seconds => model.setPai(domain, Math.round(seconds * MICRO), PLATFORM_AGENT, limit),
  })
}

function measuringInterval(model: Powercaps, domain: PowercapDomain, range: Range): Property {
  return numberProperty('measuring_interval', 'Time over which measurements of power are averaged', SECONDS, {
    read: () => domain.maiUs / MICRO,
    allowed: () => (domain.hasMeasurementIntervals ? divided(range, MICRO) : [range.min / MICRO]),
    set: seconds => model.setMai(domain, Math.round(seconds * MICRO), PLATFORM_AGENT),
  })
}
