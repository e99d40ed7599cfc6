/** The resource kind `clocks`: schema, model and host properties. */
import type { ResourceKind } from '../core/platform.js'
import { type ClockConfig, clocksSchema } from './config.js'
import { Clocks } from './model.js'
import { clockProperties } from './properties.js'

export const clocks: ResourceKind<ClockConfig[], Clocks> = {
  section: 'clocks',
  schema: clocksSchema,
  create: config => new Clocks(config),
  properties: clockProperties,
}
