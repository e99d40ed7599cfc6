/** The properties of reset domains that the host sees and can change as if hardware changed them. */
import { PLATFORM_AGENT } from '../core/agent-ids.js'
import { flagProperty, onEvents, type ResourceGroup, textProperty } from '../core/property.js'
import { COLD_RESET, type Resets } from './model.js'

export function resetProperties(model: Resets): ResourceGroup[] {
  const resources = model.list.map(domain => ({
    name: domain.name,
    main: 'asserted',
    subject: domain,
    properties: [
      flagProperty('asserted', 'It is held in reset', {
        read: () => domain.asserted,
        set: asserted => {
          if (asserted) model.assert(domain, COLD_RESET, PLATFORM_AGENT)
          else model.deassert(domain, PLATFORM_AGENT)
        },
      }),
      textProperty('reset', 'Set: resets it to this state; it runs afterwards', {
        read: () => undefined,
        allowed: () => [...domain.stateNames.keys()],
        set: name => model.reset(domain, domain.stateNames.get(name) ?? COLD_RESET, PLATFORM_AGENT),
      }),
    ],
  }))
  return [{ kind: 'reset', resources, watch: onEvents(model, 'issued', 'deasserted') }]
}
