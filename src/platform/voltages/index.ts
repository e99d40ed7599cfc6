/** The resource kind `voltages`: schema, model and host properties. */
import type { ResourceKind } from '../core/platform.js'
import { type VoltageConfig, voltagesSchema } from './config.js'
import { Voltages } from './model.js'
import { voltageProperties } from './properties.js'

export const voltages: ResourceKind<VoltageConfig[], Voltages> = {
  section: 'voltages',
  schema: voltagesSchema,
  create: config => new Voltages(config),
  properties: voltageProperties,
}
