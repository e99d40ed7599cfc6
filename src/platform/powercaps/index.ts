/** The resource kind `powercaps`: schema, model and host properties. */
import type { ResourceKind } from '../core/platform.js'
import { type PowercapConfig, powercapsSchema } from './config.js'
import { connectPowercaps } from './limits.js'
import { Powercaps } from './model.js'
import { powercapProperties } from './properties.js'

export const powercaps: ResourceKind<PowercapConfig[], Powercaps> = {
  section: 'powercaps',
  schema: powercapsSchema,
  create: (config, platform) => new Powercaps(config, platform.time),
  link: connectPowercaps,
  properties: powercapProperties,
}
