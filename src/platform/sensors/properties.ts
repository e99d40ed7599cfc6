/** The properties of sensors that the host sees and can change as if hardware changed them: values, and heat. */
import { RequestError } from '../../support/errors.js'
import type { Platform } from '../core/platform.js'
import { flagProperty, numberProperty, onEvents, type Property, type ResourceGroup } from '../core/property.js'
import type { Time } from '../core/time.js'
import { measuredUnit, SECONDS } from '../core/unit-text.js'
import type { Axis } from './axis.js'
import type { Sensors } from './model.js'
import { unscaled } from './scaled.js'
import type { Sensor } from './sensor.js'
import { sensorTypeName } from './types.js'

const US_PER_S = 1e6
const TEMPERATURE_DIGITS = 3

export function sensorProperties(model: Sensors, { time }: Platform): ResourceGroup[] {
  const resources = model.list.map(sensor => ({
    name: sensor.name,
    ...(sensor.multiAxis ? {} : { main: 'value' }),
    subject: sensor,
    properties: [
      ...sensor.axes.map((axis, i) => value(sensor, axis, i, time)),
      ...sensor.axes.flatMap(axis => heat(sensor, axis, time)),
      flagProperty('enabled', 'It can be read', { read: () => sensor.enabled }),
      numberProperty('update_interval', 'Time between samples', SECONDS, { read: () => sensor.interval.us / US_PER_S }),
    ],
  }))
  return [{ kind: 'sensor', resources, watch: onEvents(model, 'sample', 'tripPoint') }]
}

function value(sensor: Sensor, axis: Axis, i: number, time: Time): Property {
  const name = sensor.multiAxis ? axis.name : 'value'
  const set = (value: number | undefined): void => {
    try {
      sensor.set(value, i)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      throw new RequestError('INVALID_ARGUMENT', error.message)
    }
  }
  return numberProperty(name, 'The reading; set: fixed until set to auto', measuredUnit(sensorTypeName(axis.type)), {
    read: () => unscaled(axis.read(time.nowUs), axis.scale),
    set,
    word: { name: 'auto', set: () => set(undefined) },
  })
}

/** For sensors that show the temperature of a thermal model. */
function heat(sensor: Sensor, { body }: Axis, time: Time): Property[] {
  if (!body) return []
  const celsius = measuredUnit('celsius')
  return [
    numberProperty('temperature', 'Temperature of the body; set: continues from this value', celsius, {
      read: () => Number(body.temperature(time.nowUs).toFixed(TEMPERATURE_DIGITS)),
      set: degrees => sensor.disturb(() => body.setTemperature(degrees)),
    }),
    numberProperty('ambient', 'Temperature of the surroundings', celsius, {
      read: () => body.ambient,
      set: degrees => sensor.disturb(() => body.setAmbient(degrees)),
    }),
  ]
}
