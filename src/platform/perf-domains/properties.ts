/**
 * The properties of performance domains that the host sees and can change as if hardware changed them: levels and
 * limits.
 */
import { RequestError } from '../../support/errors.js'
import { PLATFORM_AGENT } from '../core/agent-ids.js'
import { channelProperties } from '../core/fast-channels.js'
import { numberProperty, onEvents, type Property, type ResourceGroup } from '../core/property.js'
import { HERTZ, WATTS } from '../core/unit-text.js'
import type { Bounds, PerfDomain } from './domain.js'
import type { PerfDomains } from './model.js'

const MICRO = 1e6
const HZ_PER_KHZ = 1000

export function perfProperties(model: PerfDomains): ResourceGroup[] {
  const resources = model.list.map(domain => ({
    name: domain.name,
    main: 'level',
    subject: domain,
    properties: [
      level(model, domain),
      limit(model, domain, 'min'),
      limit(model, domain, 'max'),
      numberProperty('frequency', 'At this level', HERTZ, { read: () => domain.level.frequencyKhz * HZ_PER_KHZ }),
      ...power(domain),
      ...channelProperties(domain.fastChannels),
    ],
  }))
  return [{ kind: 'perf', resources, watch: onEvents(model, 'levelChanged', 'limitsChanged') }]
}

function levelsOf(domain: PerfDomain): number[] {
  return domain.levels.map(({ level }) => level)
}

function level(model: PerfDomains, domain: PerfDomain): Property {
  return numberProperty('level', 'Performance level, within the limits', undefined, {
    read: () => domain.level.level,
    allowed: () => levelsOf(domain),
    set: value => {
      const level = domain.allowedLevel(value)
      if (level) model.setLevel(domain, level, PLATFORM_AGENT)
      else {
        const limits = `${domain.min.level} to ${domain.max.level}`
        throw new RequestError('FAILED_PRECONDITION', `${domain.name}: level ${value} is outside the limits, ${limits}`)
      }
    },
  })
}

/** Shows the limit in force, the intersection of all bounds; sets and lifts only the platform's own. */
function limit(model: PerfDomains, domain: PerfDomain, end: 'min' | 'max'): Property {
  const set = (value: number | undefined): void => {
    const bounds: Bounds = { ...domain.boundsOf(PLATFORM_AGENT), [end]: value }
    model.setPlatformLimits(domain, bounds)
  }
  const what = end === 'min' ? 'Lowest' : 'Highest'
  return numberProperty(end, `${what} level allowed; set: the platform's own limit, until set to none`, undefined, {
    read: () => domain[end].level,
    allowed: () => levelsOf(domain),
    set,
    word: { name: 'none', set: () => set(undefined) },
  })
}

function power(domain: PerfDomain): Property[] {
  if (domain.powerUnit === 'abstract') return []
  return [numberProperty('power', 'Drawn now', WATTS, { read: () => domain.microwatts / MICRO })]
}
