/** The clock tree: rates follow parents; parents run while their children do. */
import { describe, expect, test } from 'vitest'
import { clocks } from '../../../src/platform/clocks/index.js'
import { packHeader } from '../../../src/wire/header.js'
import { createTestAgent, message } from '../../support/agent.js'

const TREE = [
  'name: bus, parents: [pll], divider: [2, 4, 8], rate: 150 MHz',
  'name: pll, range: { min: 400 MHz, max: 1.2 GHz, step: 200 MHz }, rate: 600 MHz',
  'name: timer, parents: [bus], divider: 3',
  'name: mux, parents: [pll, xtal], divider: 2, enabled: true',
  'name: xtal, rate: 24 MHz',
]
const RATE_SET = 0x5
const CONFIG_SET = 0x7
const PARENT_SET = 0xd
const NEAREST = 8

function setUp(...list: string[]) {
  const text = `vendor: acme\nclocks:\n${list.map(clock => `  - { ${clock} }`).join('\n')}\n`
  const { platform, events, exchange, time } = createTestAgent(
    `${text}protocols: { clock: { max_pending_async: 4 } }\n`,
  )
  const model = platform.model(clocks)
  const send = (id: number, ...words: number[]): number | undefined =>
    new Int32Array(exchange(message(packHeader(0x14, id, 0, 1), ...words)).buffer)[1]
  const rates = () => Object.fromEntries(model.list.map(({ name, rateHz }) => [name, rateHz / 1e6]))
  const running = () => model.list.filter(({ enabled }) => enabled).map(({ name }) => name)
  const changes: string[] = []
  model.on('rateChanged', ({ name, rateHz }, agentId) => changes.push(`${name} ${rateHz / 1e6} by ${agentId}`))
  return { model, send, rates, running, changes, events, time }
}

describe('a clock with dividers', () => {
  test('has the rates that the dividers give, wherever its parent is in the file', () => {
    const { model, rates } = setUp(...TREE)
    expect(rates()).toEqual({ bus: 150, pll: 600, timer: 50, mux: 300, xtal: 24 })
    expect(model.named('bus').rates).toEqual([75e6, 150e6, 300e6])
    expect(model.named('timer')).toMatchObject({ rates: [50e6], range: { min: 50e6, max: 50e6, step: 0 } })
  })

  test('follows its parent, and is notified after it', () => {
    const { model, rates, changes } = setUp(...TREE)
    model.setRate(model.named('pll'), 1200e6, 7)
    expect(rates()).toEqual({ bus: 300, pll: 1200, timer: 100, mux: 600, xtal: 24 })
    expect(changes).toEqual(['pll 1200 by 7', 'bus 300 by 7', 'timer 100 by 7', 'mux 600 by 7'])
    expect(model.named('bus').rates).toEqual([150e6, 300e6, 600e6])
  })

  test('can be set only to rates that its dividers give', () => {
    const { send, rates, changes } = setUp(...TREE)
    expect(send(RATE_SET, NEAREST, 0, 100e6, 0)).toBe(0)
    expect(rates()).toMatchObject({ bus: 75, timer: 25, pll: 600 })
    expect(changes).toEqual(['bus 75 by 1', 'timer 25 by 1'])
    expect(send(RATE_SET, 0, 0, 600e6, 0)).toBe(-2)
    expect(send(RATE_SET, 0, 2, 50e6, 0)).toBe(-2)
    expect(send(RATE_SET, 0, 2, 25e6, 0)).toBe(0)
  })

  test('follows the parent that feeds it, not the others', () => {
    const { send, rates, changes, model } = setUp(...TREE)
    expect(send(PARENT_SET, 3, 4)).toBe(0)
    expect(rates()).toMatchObject({ mux: 12 })
    model.setRate(model.named('pll'), 400e6, 0)
    expect(rates()).toMatchObject({ mux: 12, bus: 100 })
    expect(changes[0]).toBe('mux 12 by 1')
  })

  test('gets the closest possible rate if its parent was changed first', () => {
    const { model, send, rates, events, time } = setUp(...TREE)
    expect(send(RATE_SET, 1, 0, 75e6, 0)).toBe(0)
    model.setRate(model.named('pll'), 400e6, 0)
    time.advance(1000)
    expect(rates()).toMatchObject({ pll: 400, bus: 100 })
    const [delayed] = events.take()
    expect([...new Uint32Array(delayed!.buffer)].slice(1)).toEqual([0, 0, 100e6, 0])
  })
})

describe('a parent', () => {
  test('runs while a clock that it feeds runs', () => {
    const { send, running } = setUp(...TREE)
    expect(running()).toEqual(['pll', 'mux'])
    send(CONFIG_SET, 2, 1, 0)
    expect(running()).toEqual(['bus', 'pll', 'timer', 'mux'])
    send(CONFIG_SET, 1, 0, 0)
    send(CONFIG_SET, 0, 0, 0)
    expect(running()).toEqual(['bus', 'pll', 'timer', 'mux'])
    send(CONFIG_SET, 3, 0, 0)
    send(CONFIG_SET, 2, 0, 0)
    expect(running()).toEqual([])
  })

  test('stops when the clock is fed from another', () => {
    const { send, running } = setUp(...TREE)
    send(PARENT_SET, 3, 4)
    expect(running()).toEqual(['mux', 'xtal'])
  })
})

test.each([
  ['a divider without a parent', ['name: a, divider: 2'], 'clocks[0].divider: divides the rate of a parent'],
  [
    'a divider and rates',
    ['name: a, divider: 2, rates: [1], parents: [b]', 'name: b, rate: 1'],
    'clocks[0].divider: a clock has either',
  ],
  [
    'a divider twice',
    ['name: a, divider: [2, 2], parents: [b]', 'name: b, rate: 1'],
    'clocks[0].divider: a divider is listed',
  ],
  ['a divider of 0', ['name: a, divider: 0, parents: [b]', 'name: b, rate: 1'], '0 is too small; at least 1'],
  [
    'a rate that no divider gives',
    ['name: a, divider: [2, 4], rate: 9, parents: [b]', 'name: b, rate: 16'],
    'clocks[0].rate: 9 Hz is not one of the rates 4, 8 that the divider gives',
  ],
  ['an unknown parent', ['name: a, rate: 1, parents: [c]', 'name: b, rate: 1'], 'c is not another clock; there are b'],
  [
    'clocks in a circle',
    ['name: a, rate: 1, parents: [b]', 'name: b, divider: 1, parents: [c]', 'name: c, rate: 1, parents: [b]'],
    'clocks[1].parents: b is its own ancestor',
  ],
  ['no rate at all', ['name: a'], 'a clock needs one of rate (fixed), rates, range or divider'],
])('refuses %s', (_, list, problem) => {
  expect(() => setUp(...list)).toThrow(problem)
})
