import { expect, test } from 'vitest'
import { pins } from '../../../src/platform/pins/index.js'
import { createTestAgent } from '../../support/agent.js'

function pinsOf(parts: { pins?: string; groups?: string; functions?: string }) {
  const { pins: list = '{ name: a }, { name: b }', groups = '', functions = '' } = parts
  const text = `vendor: acme\npinctrl: { pins: [${list}], groups: [${groups}], functions: [${functions}] }\n`
  return createTestAgent(text).platform.model(pins)
}

test('a group has the types that all its pins have, and its own', () => {
  const { groups } = pinsOf({
    pins: '{ name: a, configs: { slew_rate: 1, bias_disable: 0 } }, { name: b, configs: { slew_rate: 2, input_mode: 1 } }',
    groups: '{ name: g, pins: [a, b], configs: { power_source: 18, oem: { 192: 1 } } }',
  })
  expect(groups[0]?.types).toEqual([19, 20, 192])
})

test('the initial value is the given one, else the first, the lowest, or 0', () => {
  const { list } = pinsOf({
    pins: '{ name: a, configs: { default: 5, slew_rate: { values: [3, 1] }, drive_strength: { range: { min: 2, max: 4 } }, input_mode: {} } }',
  })
  const [pin] = list
  expect(pin?.types.map(type => pin.settings(type)?.[0]?.value)).toEqual([5, 2, 0, 3])
})

test.each([
  ['no pins', { pins: '' }, 'pinctrl.pins: 0 entries are too few; at least 1'],
  ['two pins of one name', { pins: '{ name: a }, { name: a }' }, 'pinctrl.pins[1].name: two pins are named a'],
  [
    'two groups of one name',
    { groups: '{ name: g, pins: [a] }, { name: g, pins: [b] }' },
    'pinctrl.groups[1].name: two groups are named g',
  ],
  ['a group without pins', { groups: '{ name: g, pins: [] }' }, 'pinctrl.groups[0].pins: 0 entries are too few'],
  [
    'a group of unknown pins',
    { groups: '{ name: g, pins: [a, c] }' },
    'pinctrl.groups[0].pins[1]: c is not known; there are a, b',
  ],
  ['a pin twice in a group', { groups: '{ name: g, pins: [a, a] }' }, 'pinctrl.groups[0].pins[1]: a is listed twice'],
  [
    'values of a group that its pins have',
    {
      pins: '{ name: a, configs: { slew_rate: 1 } }',
      groups: '{ name: g, pins: [a], configs: { slew_rate: 1 } }',
    },
    'pinctrl.groups[0].configs: all pins of the group have type 20 themselves',
  ],
  [
    'a function without groups and pins',
    { functions: '{ name: f }' },
    'pinctrl.functions[0]: a function needs either groups or pins',
  ],
  [
    'a function with both',
    { groups: '{ name: g, pins: [a] }', functions: '{ name: f, groups: [g], pins: [a] }' },
    'pinctrl.functions[0]: a function needs either groups or pins',
  ],
  [
    'a function at start that the pin cannot have',
    { pins: '{ name: a, function: f }, { name: b }', functions: '{ name: f, pins: [b] }' },
    'pinctrl.pins[0].function: f is not a function of a',
  ],
  [
    'an unknown configuration type',
    { pins: '{ name: a, configs: { slew_rat: 1 } }' },
    'pinctrl.pins[0].configs.slew_rat: is not a known key; did you mean slew_rate?',
  ],
  [
    'a vendor type that is none',
    { pins: '{ name: a, configs: { oem: { 0x80: 1 } } }' },
    'pinctrl.pins[0].configs.oem.128: this key is not allowed here',
  ],
  [
    'values and a range',
    { pins: '{ name: a, configs: { slew_rate: { values: [1], range: { min: 1, max: 2 } } } }' },
    'pinctrl.pins[0].configs.slew_rate.range: give either values or range, not both',
  ],
  [
    'a range upside down',
    { pins: '{ name: a, configs: { slew_rate: { range: { min: 2, max: 1 } } } }' },
    'pinctrl.pins[0].configs.slew_rate.range.max: max is below min; write at least 2',
  ],
  [
    'a value that it cannot have',
    { pins: '{ name: a, configs: { oem: { 0xc0: { value: 2, values: [1] } } } }' },
    'pinctrl.pins[0].configs.oem.192.value: 2 is not an allowed value',
  ],
])('%s: refused', (_name, parts, problem) => {
  expect(() => pinsOf(parts)).toThrow(problem)
})

test('devices and agents list pins, not groups', () => {
  const text = 'vendor: acme\npinctrl: { pins: [{ name: a }], groups: [{ name: g, pins: [a] }] }\n'
  expect(() => createTestAgent(`${text}devices: [{ name: d, resources: { pinctrl: [a] } }]`)).not.toThrow()
  expect(() => createTestAgent(`${text}devices: [{ name: d, resources: { pinctrl: [g] } }]`)).toThrow(
    'nothing in pinctrl is named g',
  )
})
