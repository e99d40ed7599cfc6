import { describe, expect, test } from 'vitest'
import { powerDomains } from '../../../src/platform/power-domains/index.js'
import { OFF, ON } from '../../../src/platform/power-domains/model.js'
import { createTestAgent } from '../../support/agent.js'

const RETENTION = 1
const SLEEP = 0x4000_0002
const STATES = 'states: [{ name: retention, id: 1 }, { name: sleep, id: 2, context_lost: true }]'

function domainsOf(...domains: string[]) {
  const list = domains.map(domain => `  - { ${domain} }`).join('\n')
  return createTestAgent(`vendor: acme\npower_domains:\n${list}\n`).platform.model(powerDomains)
}

/** The domains, and the events that they emit: name, state, agent. */
function watched(...domains: string[]) {
  const model = domainsOf(...domains)
  const changes: [string, number, number][] = []
  model.on('stateChanged', ({ name, state }, agentId) => changes.push([name, state, agentId]))
  return { model, changes }
}

describe('defaults of a file', () => {
  test('a domain is off, synchronous, and notifies', () => {
    const [domain] = domainsOf('name: a').list
    expect(domain).toMatchObject({ state: OFF, critical: false, sync: true, notifies: true })
    expect(domain?.latencyUs).toBeUndefined()
  })

  test('asynchronous changes take a millisecond', () => {
    expect(domainsOf('name: a, async: {}').named('a').latencyUs).toBe(1000)
  })
})

describe('the state', () => {
  test('is the most powered one that an agent wants', () => {
    const { model, changes } = watched(`name: a, ${STATES}`)
    const domain = model.named('a')
    model.setState(domain, SLEEP, 1)
    model.setState(domain, RETENTION, 2)
    model.setState(domain, OFF, 1)
    model.setState(domain, ON, 0)
    model.setState(domain, OFF, 2)
    model.setState(domain, SLEEP, 1)
    model.setState(domain, OFF, 0)
    model.setState(domain, OFF, 1)
    expect(changes).toEqual([
      ['a', SLEEP, 1],
      ['a', RETENTION, 2],
      ['a', ON, 0],
      ['a', SLEEP, 0],
      ['a', OFF, 1],
    ])
  })

  test('of the boot firmware stays until an agent sets one', () => {
    const { model, changes } = watched('name: a, state: on')
    model.release(1)
    expect(model.named('a').state).toBe(ON)
    model.setState(model.named('a'), OFF, 1)
    expect(changes).toEqual([['a', OFF, 1]])
  })

  test('ignores agents that are gone', () => {
    const { model, changes } = watched('name: a', 'name: b')
    model.setState(model.named('a'), ON, 1)
    model.setState(model.named('b'), ON, 1)
    model.setState(model.named('b'), ON, 2)
    changes.length = 0
    model.release(1)
    expect(changes).toEqual([['a', OFF, 1]])
  })

  test('of a critical domain is on, whatever agents set', () => {
    const { model, changes } = watched('name: a, critical: true')
    model.setState(model.named('a'), OFF, 1)
    model.setState(model.named('a'), OFF, 0)
    expect([model.named('a').state, changes]).toEqual([ON, []])
  })
})

describe('parents', () => {
  const TREE = ['name: leaf, parents: [left, right]', 'name: left, parents: [root]', 'name: right', 'name: root']

  test('are on before their domain and off after it', () => {
    const { model, changes } = watched(...TREE)
    model.setState(model.named('leaf'), ON, 1)
    model.setState(model.named('leaf'), OFF, 1)
    expect(changes.map(([name, state]) => `${name} ${state === ON ? 'on' : 'off'}`)).toEqual([
      'root on',
      'left on',
      'right on',
      'leaf on',
      'leaf off',
      'left off',
      'root off',
      'right off',
    ])
  })

  test('are on at the start unless their domain is off', () => {
    const model = domainsOf(`name: leaf, parents: [root], state: sleep, ${STATES}`, 'name: root')
    expect(model.named('root').state).toBe(ON)
    model.setState(model.named('leaf'), OFF, 1)
    expect(model.named('root').state).toBe(OFF)
  })

  test('of a critical domain are always on', () => {
    const model = domainsOf('name: leaf, parents: [root], critical: true', 'name: root')
    model.setState(model.named('root'), OFF, 1)
    expect(model.named('root').state).toBe(ON)
  })
})

test.each([
  ['two of a name', ['name: a', 'name: a'], 'power_domains[1].name: two power domains are named a'],
  ['a state that is not there', ['name: a, state: idle'], 'power_domains[0].state: idle is not one of on, off'],
  [
    'a state that is not there, with others',
    [`name: a, state: idle, ${STATES}`],
    'power_domains[0].state: idle is not one of on, retention, sleep, off',
  ],
  ['a state named off', ['name: a, states: [{ name: off, id: 1 }]'], 'power_domains[0].states[0].name: off is taken'],
  [
    'two states of a number',
    ['name: a, states: [{ name: x, id: 1 }, { name: y, id: 1 }]'],
    'power_domains[0].states[1].id: two states have id 1',
  ],
  ['a state with id 0', ['name: a, states: [{ name: x, id: 0 }]'], '0 is too small; at least 1'],
  [
    'a parent that is not there',
    ['name: a, parents: [b]', 'name: c'],
    'power_domains[0].parents[0]: b is not another power domain; there are c',
  ],
  [
    'itself as parent',
    ['name: a, parents: [a]', 'name: b'],
    'power_domains[0].parents[0]: a is not another power domain',
  ],
  [
    'a circle',
    ['name: a, parents: [b]', 'name: b, parents: [c]', 'name: c, parents: [b]'],
    'power_domains[1].parents: b is its own ancestor',
  ],
])('refuses %s', (_, domains, problem) => {
  expect(() => domainsOf(...domains)).toThrow(problem)
})

test('reports an unknown domain by its name', () => {
  expect(() => domainsOf('name: a', 'name: b').named('c')).toThrow('no power domain is named c; there are a, b')
})
