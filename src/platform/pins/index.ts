/** The resource kind `pinctrl` (pins, groups and functions): schema, model and host properties. */
import type { ResourceKind } from '../core/platform.js'
import { type PinctrlConfig, pinctrlSchema } from './config.js'
import { Pins } from './model.js'
import { pinProperties } from './properties.js'

export const pins: ResourceKind<PinctrlConfig, Pins> = {
  section: 'pinctrl',
  schema: pinctrlSchema,
  create: config => new Pins(config),
  properties: pinProperties,
  lists: ['pins', 'groups', 'functions'],
  names: ({ pins }) => pins.map(({ name }) => name),
}
