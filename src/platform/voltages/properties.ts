/** The properties of voltage domains that the host sees and can change as if hardware changed them. */
import { RequestError } from '../../support/errors.js'
import { PLATFORM_AGENT } from '../core/agent-ids.js'
import { numberProperty, onEvents, type Property, type ResourceGroup, textProperty } from '../core/property.js'
import { VOLTS } from '../core/unit-text.js'
import { OFF, ON, type VoltageDomain, type Voltages } from './model.js'

const MICRO = 1e6

export function voltageProperties(model: Voltages): ResourceGroup[] {
  const resources = model.list.map(domain => ({
    name: domain.name,
    main: 'level',
    subject: domain,
    properties: [level(model, domain), mode(model, domain)],
  }))
  return [{ kind: 'voltage', resources, watch: onEvents(model, 'levelChanged', 'modeChanged') }]
}

function level(model: Voltages, domain: VoltageDomain): Property {
  const { levels, range } = domain
  return numberProperty('level', 'Voltage while the domain is on', VOLTS, {
    read: () => domain.level / MICRO,
    allowed: () =>
      levels
        ? levels.map(level => level / MICRO)
        : { min: range.min / MICRO, max: range.max / MICRO, step: range.step / MICRO },
    set: volts => model.setLevel(domain, Math.round(volts * MICRO), PLATFORM_AGENT),
  })
}

/** `off`, `on`, or the number of an implementation-defined mode. */
function modeName(mode: number): string {
  if (mode === OFF) return 'off'
  return mode === ON ? 'on' : String(mode)
}

function mode(model: Voltages, domain: VoltageDomain): Property {
  return textProperty('mode', "The highest mode that anything wants; set: the platform's own vote", {
    read: () => modeName(domain.mode),
    allowed: () => [...domain.modes].map(modeName),
    set: name => {
      const mode = [...domain.modes].find(mode => modeName(mode) === name) ?? domain.mode
      model.setMode(domain, mode, PLATFORM_AGENT)
      if (domain.mode === mode) return
      const text = `${domain.name} stays ${modeName(domain.mode)}: an agent wants that mode`
      throw new RequestError('FAILED_PRECONDITION', text)
    },
  })
}
