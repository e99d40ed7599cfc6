/** What the host sees of power domains, and can change as hardware does. */
import { RequestError } from '../../support/errors.js'
import {
  numberProperty,
  onEvents,
  PLATFORM_AGENT,
  type Property,
  type ResourceGroup,
  textProperty,
} from '../core/property.js'
import { WATTS } from '../core/unit-text.js'
import type { PowerDomain, PowerDomains } from './model.js'

const MICRO = 1e6

export function powerProperties(model: PowerDomains): ResourceGroup[] {
  const resources = model.list.map(domain => ({
    name: domain.name,
    main: 'state',
    of: domain,
    properties: [
      state(model, domain),
      numberProperty('power', 'Drawn now, without the domains in it', WATTS, { read: () => domain.microwatts / MICRO }),
    ],
  }))
  return [{ kind: 'power', resources, watch: onEvents(model, 'stateChanged') }]
}

function state(model: PowerDomains, domain: PowerDomain): Property {
  const nameOf = (state: number) => [...domain.stateNames].find(([, number]) => number === state)?.[0]
  return textProperty('state', 'As powered as whoever needs it most wants it; set: the platform itself does', {
    read: () => nameOf(domain.state),
    allowed: () => [...domain.stateNames.keys()],
    set: name => {
      model.setState(domain, domain.stateNames.get(name) ?? domain.state, PLATFORM_AGENT)
      const now = nameOf(domain.state)
      if (now === name) return
      const why = domain.critical ? 'it is critical' : 'an agent, or a domain that it feeds, needs it'
      throw new RequestError('FAILED_PRECONDITION', `${domain.name} stays ${now}: ${why}`)
    },
  })
}
