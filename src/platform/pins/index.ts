/** The kind: pins, groups and functions, as the platform file, the platform and the host know them. */
import type { ResourceKind } from '../core/platform.js'
import { type PinctrlConfig, Pins, pinctrlSchema } from './model.js'
import { pinProperties } from './properties.js'

export const pins: ResourceKind<PinctrlConfig, Pins> = {
  section: 'pinctrl',
  schema: pinctrlSchema,
  create: config => new Pins(config),
  properties: pinProperties,
  names: ({ pins }) => pins.map(({ name }) => name),
}
