/** The properties of the system that the host sees; `System.request` requests transitions. */
import { numberProperty, onEvents, type ResourceGroup, textProperty } from '../core/property.js'
import { SECONDS } from '../core/unit-text.js'
import { type System, SystemState } from './model.js'

const MS_PER_S = 1000

export function systemProperties(system: System): ResourceGroup[] {
  const properties = [
    textProperty('state', 'The state after the last forced transition', {
      read: () =>
        Object.entries(SystemState)
          .find(([, state]) => state === system.state)?.[0]
          .toLowerCase(),
    }),
    numberProperty('timeout', 'Time for a graceful shutdown; 0: no limit', SECONDS, {
      read: () => system.timeoutMs / MS_PER_S,
    }),
  ]
  const resources = [{ name: '', main: 'state', properties, subject: system }]
  return [{ kind: 'system', resources, watch: onEvents(system, 'requested', 'forced') }]
}
