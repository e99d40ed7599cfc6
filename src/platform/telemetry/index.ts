/** The resource kind `telemetry` (data events and their groups): schema, model and host properties. */
import type { ResourceKind } from '../core/platform.js'
import { type TelemetryConfig, telemetrySchema } from './config.js'
import { Telemetry } from './model.js'
import { telemetryProperties } from './properties.js'

export const telemetry: ResourceKind<TelemetryConfig, Telemetry> = {
  section: 'telemetry',
  schema: telemetrySchema,
  create: (config, platform) => new Telemetry(config, platform),
  observe: (model, platform) => model.link(platform),
  properties: telemetryProperties,
  lists: ['events'],
}
