/** The properties of data events that the host sees. What they measure is set where it comes from. */
import type { Platform } from '../core/platform.js'
import { numberProperty, type Property, type ResourceGroup, textProperty } from '../core/property.js'
import { measuredUnit } from '../core/unit-text.js'
import { unscaled } from '../sensors/scaled.js'
import { sensorTypeName } from '../sensors/types.js'
import type { DataEvent } from './data-event.js'
import type { Telemetry } from './model.js'

export function telemetryProperties(model: Telemetry, { time }: Platform): ResourceGroup[] {
  const measured = model.list.filter(({ messages }) => messages === undefined)
  const resources = measured.map(event => ({
    name: event.name,
    main: 'value',
    subject: event,
    properties: [
      numberProperty('value', 'What it measures, since the start', measuredUnit(sensorTypeName(event.unit)), {
        read: () => unscaled(event.read(time.nowUs), event.scale),
      }),
      textProperty('via', 'How agents read it', { read: () => event.via }),
      ...groupOf(model, event),
    ],
  }))
  return [{ kind: 'telemetry', resources }]
}

function groupOf({ groups }: Telemetry, { group }: DataEvent): Property[] {
  if (group === undefined) return []
  const { name } = groups[group]!
  return [textProperty('group', 'Events that agents enable and update together', { read: () => name })]
}
