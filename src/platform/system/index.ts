/** The kind: the system as a whole, as the platform file, the platform and the host know it. */
import type { Platform, ResourceKind } from '../core/platform.js'
import { System, type SystemConfig, systemSchema } from './model.js'
import { systemProperties } from './properties.js'

export const system: ResourceKind<SystemConfig, System> = {
  section: 'system',
  schema: systemSchema,
  create: (config, platform: Platform) => new System(config, platform.time),
  properties: systemProperties,
}
