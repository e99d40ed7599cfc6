/**
 * Pin states. Each group has one state per function that it can have. Groups and pins that can be configured also have two
 * states: one with the lowest value of every setting, one with the highest. A state is a node below the protocol's
 * node; a consumer selects it.
 */
import { pins } from '../../src/platform/pins/index.js'
import type { PinTarget } from '../../src/platform/pins/model.js'
import { consumer, consumers } from './consumers.js'
import { quoted, type TreeView } from './view.js'

const flag = (property: string) => (): string => `${property};`
const value =
  (property: string) =>
  (value: number): string =>
    `${property} = <${value}>;`
const either =
  (off: string, on: string) =>
  (value: number): string =>
    `${value === 0 ? off : on};`

/** Configuration types (SCMI v3.2 §4.11.1) that Linux can set from a device tree, by their names there. */
const PROPERTIES: Record<number, (value: number) => string> = {
  1: flag('bias-bus-hold'),
  2: flag('bias-disable'),
  3: flag('bias-high-impedance'),
  4: value('bias-pull-up'),
  5: value('bias-pull-pin-default'),
  6: value('bias-pull-down'),
  7: flag('drive-open-drain'),
  8: flag('drive-open-source'),
  9: flag('drive-push-pull'),
  10: value('drive-strength'),
  11: value('input-debounce'),
  12: either('input-disable', 'input-enable'),
  15: value('input-schmitt'),
  16: either('low-power-disable', 'low-power-enable'),
  17: either('output-disable', 'output-enable'),
  18: either('output-low', 'output-high'),
  19: value('power-source'),
  20: value('slew-rate'),
}

interface PinState {
  name: string
  label: string
  body: string
}

interface PinUser {
  kind: 'pin-group' | 'pin'
  id: number
  target: PinTarget
  states: PinState[]
}

function configStates(label: string, target: PinTarget): PinState[] {
  const states = (
    [
      ['lowest', 0],
      ['highest', 1],
    ] as const
  ).map(([name, end]) => {
    const body = target.types.flatMap(type => {
      const settings = target.settings(type) ?? []
      const [first] = settings
      const write = PROPERTIES[type]
      if (!first || !write || settings.some(({ readOnly }) => readOnly)) return []
      const wanted = end === 0 ? first.bounds.lowest : first.bounds.highest
      return settings.every(setting => setting.allows(wanted)) ? [write(wanted)] : []
    })
    return { name, label: `${label}_${name}`, body: body.join(' ') }
  })
  return states.filter(({ body }) => body !== '')
}

/** Groups and pins that have a state. */
function pinUsers({ platform }: TreeView): PinUser[] {
  if (!platform.has(pins)) return []
  const model = platform.model(pins)
  const groups = model.groups.map((target, id): PinUser => {
    const label = `scmi_group_${id}`
    const functions = model.functions.flatMap((fn, i) =>
      target.canHave(fn) ? [{ name: fn.name, label: `${label}_${i}`, body: `function = ${quoted(fn.wireName)};` }] : [],
    )
    return { kind: 'pin-group', id, target, states: [...functions, ...configStates(label, target)] }
  })
  const single = model.list.map(
    (target, id): PinUser => ({ kind: 'pin', id, target, states: configStates(`scmi_pin_${id}`, target) }),
  )
  return [...groups, ...single].filter(({ states }) => states.length > 0)
}

/** Source inside the protocol's node. */
export const pinStates = (view: TreeView): string =>
  pinUsers(view)
    .flatMap(({ kind, target, states }) => {
      const target_ = `${kind === 'pin' ? 'pins' : 'groups'} = ${quoted(target.wireName)};`
      return states.map(({ label, body }) => `${label}: ${label.replaceAll('_', '-')} { ${target_} ${body} };`)
    })
    .join('\n')

export const pinConsumers = (view: TreeView): string =>
  consumers(
    pinUsers(view).map(({ kind, id, target, states }) => {
      const names = states.map(({ name }) => quoted(name)).join(', ')
      const numbered = states.map(({ label }, i) => `pinctrl-${i} = <&${label}>;`).join(' ')
      return consumer(kind, id, target.name, `pinctrl-names = ${names}; ${numbered}`)
    }),
  )
