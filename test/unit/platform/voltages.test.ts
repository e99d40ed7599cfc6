import { describe, expect, test } from 'vitest'
import { voltages } from '../../../src/platform/voltages/index.js'
import { OFF, ON } from '../../../src/platform/voltages/model.js'
import { createTestAgent } from '../../support/agent.js'

function domainsOf(...domains: string[]) {
  const list = domains.map(domain => `  - { ${domain} }`).join('\n')
  return createTestAgent(`vendor: acme\nvoltages:\n${list}\n`).platform.model(voltages)
}

describe('defaults of a file', () => {
  test('the level is the lowest, the mode is off, agents may change both', () => {
    const [domain] = domainsOf('name: a, levels: [0.9 V, 1 V]').list
    expect(domain).toMatchObject({ level: 900_000, mode: OFF, permissions: { mode: true, level: true } })
    expect(domain?.latencyUs).toBeUndefined()
  })

  test('asynchronous changes take a millisecond', () => {
    expect(domainsOf('name: a, level: 1 V, async: {}').named('a').latencyUs).toBe(1000)
  })
})

test('a range ends at its last whole step', () => {
  const { range, levels } = domainsOf('name: a, range: { min: -1 V, max: 1.05 V, step: 100 mV }').named('a')
  expect(range).toEqual({ min: -1_000_000, max: 1_000_000, step: 100_000 })
  expect(levels).toBeUndefined()
})

test('the mode is the highest that an agent wants', () => {
  const domains = domainsOf('name: a, level: 1 V, modes: [9], mode: on')
  const domain = domains.named('a')
  const changes: number[][] = []
  domains.on('modeChanged', ({ mode }, agentId) => changes.push([agentId, mode]))
  domains.setMode(domain, 9, 1)
  domains.setMode(domain, ON, 2)
  domains.setMode(domain, OFF, 1)
  domains.setMode(domain, OFF, 2)
  expect(changes).toEqual([
    [1, 9],
    [1, ON],
    [2, OFF],
  ])
})

test("an agent's requests end with it; what the boot firmware left on stays on", () => {
  const domains = domainsOf('name: a, level: 1 V, mode: on', 'name: b, level: 1 V')
  domains.setMode(domains.named('b'), ON, 1)
  domains.release(1)
  expect(domains.list.map(domain => domain.mode)).toEqual([ON, OFF])
})

test('changed levels are notified, with the agent that changed them', () => {
  const domains = domainsOf('name: a, levels: [1 V, 2 V]')
  const changes: number[][] = []
  domains.on('levelChanged', ({ level }, agentId) => changes.push([agentId, level]))
  domains.setLevel(domains.named('a'), 2_000_000, 0)
  domains.setLevel(domains.named('a'), 2_000_000, 1)
  expect(changes).toEqual([[0, 2_000_000]])
})

test('an unknown name is an error that lists the known ones', () => {
  expect(() => domainsOf('name: a, level: 1 V', 'name: b, level: 1 V').named('c')).toThrow('there are a, b')
})

test.each([
  ['no level', 'name: a', 'voltages[0]: a voltage domain needs one of level (fixed), levels or range'],
  ['no levels', 'name: a, levels: []', 'at least 1'],
  [
    'levels and a range',
    'name: a, levels: [1 V], range: { min: 1 V, max: 2 V, step: 1 V }',
    'voltages[0].range: give either levels or range, not both',
  ],
  ['a level twice', 'name: a, levels: [1 V, 1000 mV]', 'voltages[0].levels: a level is listed twice'],
  ['a step of 0', 'name: a, range: { min: 1 V, max: 2 V, step: 0 }', 'voltages[0].range.step: the step must be'],
  ['a negative step', 'name: a, range: { min: 1 V, max: 2 V, step: -1 V }', 'voltages[0].range.step: the step must be'],
  ['a range upside down', 'name: a, range: { min: 2 V, max: 1 V, step: 1 V }', 'voltages[0].range.max: max is below'],
  [
    'a level that is none of the levels',
    'name: a, levels: [1 V], level: 2 V',
    'voltages[0].level: 2000000 uV is not one',
  ],
  ['a mode that is reserved', 'name: a, level: 1 V, modes: [5]', '5 is too small; at least 8'],
  ['a mode that is not listed', 'name: a, level: 1 V, mode: 9', 'voltages[0].mode: 9 is not among'],
  ['a voltage that does not fit', 'name: a, level: 2148 V', 'voltages[0].level: voltages must lie within'],
  ['no voltage', 'name: a, level: 1 A', '1 A is not a voltage; write a number of microvolts or e.g. "900 mV"'],
])('refuses %s', (_, domain, message) => {
  expect(() => domainsOf(domain)).toThrow(message)
})

test('refuses two domains of one name', () => {
  const domain = 'name: a, level: 1 V'
  expect(() => domainsOf(domain, domain)).toThrow('voltages[1].name: two voltage domains are named a')
})
