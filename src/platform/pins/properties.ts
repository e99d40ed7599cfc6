/** The properties of pins and pin groups that the host sees and can change as if hardware changed them. */
import { PLATFORM_AGENT } from '../core/agent-ids.js'
import {
  type Allowed,
  type DescribedResource,
  numberProperty,
  onEvents,
  type Property,
  type ResourceGroup,
  textProperty,
} from '../core/property.js'
import type { Pins, PinTarget } from './model.js'
import { TYPE_NAMES } from './settings.js'

const U32_MAX = 0xffff_ffff

export function pinProperties(model: Pins): ResourceGroup[] {
  const watch = onEvents(model, 'functionSelected', 'configured')
  const described = (target: PinTarget): DescribedResource => ({
    name: target.name,
    main: 'function',
    subject: target,
    properties: [selected(model, target), ...target.types.map(type => setting(model, target, type))],
  })
  return [
    { kind: 'pin', resources: model.list.map(described), watch },
    { kind: 'pin_group', resources: model.groups.map(described), watch },
  ]
}

/** Functions of groups can be set on groups only: a single pin shows them. */
function selected(model: Pins, target: PinTarget): Property {
  const possible = model.functions.filter(fn => target.canHave(fn))
  const read = () => target.function?.name
  if (possible.length === 0) return textProperty('function', 'The selected function', { read })
  return textProperty('function', 'The selected function', {
    read,
    allowed: () => possible.map(({ name }) => name),
    set: name => {
      const fn = possible.find(fn => fn.name === name)
      if (fn) model.select(target, fn, PLATFORM_AGENT)
    },
  })
}

/** If the pins of a group differ, shows the first pin's value. */
function setting(model: Pins, target: PinTarget, type: number): Property {
  const name = TYPE_NAMES[type] ?? `oem_0x${type.toString(16)}`
  const [first] = target.settings(type) ?? []
  return numberProperty(name, 'Configuration value', undefined, {
    read: () => target.settings(type)?.[0]?.value,
    allowed: (): Allowed<number> => first?.values ?? { min: 0, max: U32_MAX, step: 1, ...first?.range },
    set: value => model.configure(target, type, value, PLATFORM_AGENT),
  })
}
