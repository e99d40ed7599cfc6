/** The properties of data events that the host sees. What they measure is set where it comes from. */
import type { Platform } from '../core/platform.js'
import { numberProperty, type ResourceGroup, textProperty } from '../core/property.js'
import { measuredUnit } from '../core/unit-text.js'
import { unscaled } from '../sensors/scaled.js'
import { sensorTypeName } from '../sensors/types.js'
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
    ],
  }))
  return [{ kind: 'telemetry', resources }]
}
