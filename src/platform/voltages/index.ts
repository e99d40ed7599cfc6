/** The kind: voltage domains, as the platform file, the platform and the host know them. */
import type { ResourceKind } from '../core/platform.js'
import { type VoltageConfig, Voltages, voltagesSchema } from './model.js'
import { voltageProperties } from './properties.js'

export const voltages: ResourceKind<VoltageConfig[], Voltages> = {
  section: 'voltages',
  schema: voltagesSchema,
  create: config => new Voltages(config),
  properties: voltageProperties,
}
