/** The resource kind `sensors`: schema, model and host properties. */
import type { ResourceKind } from '../core/platform.js'
import { type SensorConfig, sensorsSchema } from './config.js'
import { Sensors } from './model.js'
import { sensorProperties } from './properties.js'
import { Throttle } from './throttle.js'

export const sensors: ResourceKind<SensorConfig[], Sensors> = {
  section: 'sensors',
  schema: sensorsSchema,
  create: (config, platform) => new Sensors(config, platform.time, platform.config.seed),
  properties: sensorProperties,
  observe({ list }, platform, config) {
    for (const { axes } of list) for (const axis of axes) axis.bind(platform)
    config.forEach(({ throttle }, id) => {
      for (const [i, trip] of throttle?.entries() ?? []) {
        new Throttle(list[id]!, trip, platform, [id, 'throttle', i]).keep(platform)
      }
    })
  },
}
