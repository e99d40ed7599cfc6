/** The resource kind `resets`: schema, model and host properties. */
import type { ResourceKind } from '../core/platform.js'
import { type ResetConfig, resetsSchema } from './config.js'
import { Resets } from './model.js'
import { resetProperties } from './properties.js'

export const resets: ResourceKind<ResetConfig[], Resets> = {
  section: 'resets',
  schema: resetsSchema,
  create: config => new Resets(config),
  properties: resetProperties,
}
