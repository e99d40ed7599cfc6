import { expect, test } from 'vitest'
import { resets } from '../../../src/platform/resets/index.js'
import { COLD_RESET } from '../../../src/platform/resets/model.js'
import { createTestAgent } from '../../support/agent.js'

function domainsOf(...domains: string[]) {
  const list = domains.map(domain => `  - { ${domain} }`).join('\n')
  return createTestAgent(`vendor: acme\nresets:\n${list}\n`).platform.model(resets)
}

test('defaults: not asserted, explicit, with notifications, not asynchronous', () => {
  const [domain] = domainsOf('name: a').list
  expect(domain).toMatchObject({ asserted: false, explicit: true, notifies: true })
  expect(domain?.latencyUs).toBeUndefined()
  expect(domainsOf('name: a, async: {}').named('a').latencyUs).toBe(1000)
})

test('emits each change of the line, and each whole reset', () => {
  const model = domainsOf('name: a, states: [{ name: warm, id: 3 }]')
  const domain = model.named('a')
  const told: unknown[][] = []
  model.on('issued', ({ name }, agentId, state) => told.push([name, 'issued', agentId, state]))
  model.on('deasserted', ({ name }, agentId) => told.push([name, 'deasserted', agentId]))
  const warm = domain.stateNames.get('warm') ?? COLD_RESET
  model.deassert(domain, 0)
  model.assert(domain, warm, 1)
  model.assert(domain, COLD_RESET, 2)
  expect(domain.asserted).toBe(true)
  model.deassert(domain, 2)
  model.reset(domain, COLD_RESET, 0)
  model.assert(domain, COLD_RESET, 0)
  model.reset(domain, COLD_RESET, 1)
  expect(domain.asserted).toBe(false)
  expect(told).toEqual([
    ['a', 'issued', 1, 0x8000_0003],
    ['a', 'deasserted', 2],
    ['a', 'issued', 0, 0],
    ['a', 'issued', 0, 0],
    ['a', 'issued', 1, 0],
    ['a', 'deasserted', 1],
  ])
})

test.each([
  ['two of a name', ['name: a', 'name: a'], 'resets[1].name: two resets are named a'],
  ['a state named cold', ['name: a, states: [{ name: cold, id: 1 }]'], 'resets[0].states[0].name: cold is taken'],
  [
    'two states of a number',
    ['name: a, states: [{ name: x, id: 0 }, { name: y, id: 0 }]'],
    'resets[0].states[1].id: two states have id 0',
  ],
  ['a latency above 32 bits', ['name: a, async: { latency: 2 h }'], 'resets[0].async.latency: at most 71 minutes'],
])('refuses %s', (_, domains, problem) => {
  expect(() => domainsOf(...domains)).toThrow(problem)
})

test('reports an unknown domain by its name', () => {
  expect(() => domainsOf('name: a', 'name: b').named('c')).toThrow('no reset is named c; there are a, b')
})
