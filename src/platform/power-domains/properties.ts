/** The properties of power domains that the host sees and can change as if hardware changed them. */
import { RequestError } from '../../support/errors.js'
import { PLATFORM_AGENT } from '../core/agent-ids.js'
import { numberProperty, onEvents, type Property, type ResourceGroup, textProperty } from '../core/property.js'
import { WATTS } from '../core/unit-text.js'
import type { PowerDomain, PowerDomains } from './model.js'

const MICRO = 1e6

export function powerProperties(model: PowerDomains): ResourceGroup[] {
  const resources = model.list.map(domain => ({
    name: domain.name,
    main: 'state',
    subject: domain,
    properties: [
      state(model, domain),
      numberProperty('power', 'Power drawn now, without its performance domains', WATTS, {
        read: () => domain.microwatts / MICRO,
      }),
    ],
  }))
  return [{ kind: 'power', resources, watch: onEvents(model, 'stateChanged') }]
}

function state(model: PowerDomains, domain: PowerDomain): Property {
  const nameOf = (state: number) => [...domain.stateNames].find(([, number]) => number === state)?.[0]
  return textProperty('state', "The most powered state that anything wants; set: the platform's own vote", {
    read: () => nameOf(domain.state),
    allowed: () => [...domain.stateNames.keys()],
    set: name => {
      model.setState(domain, domain.stateNames.get(name) ?? domain.state, PLATFORM_AGENT)
      const now = nameOf(domain.state)
      if (now === name) return
      const why = domain.critical ? 'it is critical' : 'an agent, or a domain that it supplies, needs it'
      throw new RequestError('FAILED_PRECONDITION', `${domain.name} stays ${now}: ${why}`)
    },
  })
}
