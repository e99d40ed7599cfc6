/** The resource kind `system`: schema, model and host properties. */
import type { Platform, ResourceKind } from '../core/platform.js'
import { type SystemConfig, systemSchema } from './config.js'
import { System } from './model.js'
import { systemProperties } from './properties.js'

export const system: ResourceKind<SystemConfig, System> = {
  section: 'system',
  schema: systemSchema,
  create: (config, platform: Platform) => new System(config, platform.time),
  properties: systemProperties,
}
