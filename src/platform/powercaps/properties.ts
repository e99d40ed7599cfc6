/** The properties of powercap domains that the host sees and can change as if hardware changed them: power and caps. */
import { PLATFORM_AGENT } from '../core/agent-ids.js'
import { numberProperty, onEvents, type Property, type Range, type ResourceGroup } from '../core/property.js'
import { SECONDS, WATTS } from '../core/unit-text.js'
import { type PowercapDomain, UNCAPPED } from './domain.js'
import type { Powercaps } from './model.js'

const MICRO = 1e6

export function powercapProperties(model: Powercaps): ResourceGroup[] {
  const resources = model.list.map(domain => ({
    name: domain.name,
    main: 'cap',
    subject: domain,
    properties: [cap(model, domain), power(model, domain), interval(model, domain)],
  }))
  return [{ kind: 'powercap', resources, watch: onEvents(model, 'capChanged', 'sourceChanged', 'measured') }]
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

function cap(model: Powercaps, domain: PowercapDomain): Property {
  const size = perWatt(domain)
  const lift = { name: 'none', set: () => model.setCap(domain, UNCAPPED, PLATFORM_AGENT) }
  return numberProperty('cap', 'Power that it may draw; none: no limit', unitOf(domain), {
    read: () => (domain.cap === UNCAPPED ? undefined : domain.cap / size),
    // A range with a single value has step 0.
    allowed: () => (domain.capConfigurable ? divided(domain.capRange, size) : [domain.capRange.min / size]),
    set: value => model.setCap(domain, Math.round(value * size), PLATFORM_AGENT),
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

function interval(model: Powercaps, domain: PowercapDomain): Property {
  return numberProperty('averaging_interval', 'Time over which power is averaged', SECONDS, {
    read: () => domain.paiUs / MICRO,
    allowed: () => (domain.paiConfigurable ? divided(domain.paiRange, MICRO) : [domain.paiRange.min / MICRO]),
    set: seconds => model.setPai(domain, Math.round(seconds * MICRO), PLATFORM_AGENT),
  })
}
