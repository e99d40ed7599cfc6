/** Watching properties: models that emit changes report at once, others are polled; a busy listener gets the latest values. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { turns, until } from '../../../src/front-end/wait.js'
import { Resources } from '../../../src/observe/resources.js'
import type { Reading, Watcher } from '../../../src/observe/watcher.js'
import { clocks } from '../../../src/platform/clocks/index.js'
import { resourceKinds } from '../../../src/protocols/declaration/served.js'
import { createTestAgent, everyProtocol, type TestAgent } from '../../support/agent.js'

const text = `
vendor: acme
clocks: [{ name: uart, rates: [1 Hz, 2 Hz, 3 Hz] }, { name: spi, rates: [1 Hz, 2 Hz] }]
sensors: [{ name: soc, type: celsius, value: { ramp: { from: 0, to: 100, period: 100 s } } }]
`
const NEVER_MS = 1_000_000

let agent: TestAgent
let resources: Resources
let watcher: Watcher | undefined

beforeEach(() => {
  agent = createTestAgent(text)
  resources = new Resources(agent.platform, resourceKinds(everyProtocol))
})

afterEach(() => watcher?.close())

const told = (readings: Reading[]): string[] => readings.map(({ place, value }) => `${place.address} ${value}`)

test('reports all values at the start, then changes that models emit, at once', async () => {
  const seen: string[][] = []
  watcher = resources.watch(['clock'], { intervalMs: NEVER_MS, onReadings: readings => seen.push(told(readings)) })
  await until(() => seen.length === 1, 'the first values')
  expect(seen[0]).toEqual([
    'clock.uart.rate 1',
    'clock.uart.enabled false',
    'clock.spi.rate 1',
    'clock.spi.enabled false',
  ])
  const model = agent.platform.model(clocks)
  model.setRate(model.named('uart'), 2, 0)
  model.setRate(model.named('uart'), 3, 0)
  await until(() => seen.length === 2, 'the change')
  expect(seen[1]).toEqual(['clock.uart.rate 3'])
})

test('polls values for which models emit no changes', async () => {
  const seen: string[] = []
  watcher = resources.watch(['sensor.soc.value', 'clock.uart.enabled'], {
    intervalMs: 1,
    onReadings: readings => seen.push(...told(readings)),
  })
  await until(() => seen.length === 2, 'the first values')
  agent.time.advance(5e6)
  agent.platform.model(clocks).named('uart').vote(1, true)
  await until(() => seen.length === 4, 'the changes')
  expect(seen.slice(2)).toEqual(['sensor.soc.value 5', 'clock.uart.enabled true'])
})

test('gives a listener that was busy the latest values, not those in between', async () => {
  const seen: string[] = []
  let ready = true
  watcher = resources.watch(['clock.uart.rate'], {
    intervalMs: 1,
    ready: () => ready,
    onReadings: readings => seen.push(...told(readings)),
  })
  await until(() => seen.length === 1, 'the first value')
  ready = false
  const model = agent.platform.model(clocks)
  model.setRate(model.named('uart'), 2, 0)
  await turns()
  model.setRate(model.named('uart'), 3, 0)
  await turns()
  expect(seen).toHaveLength(1)
  ready = true
  await until(() => seen.length === 2, 'the latest value')
  expect(seen[1]).toBe('clock.uart.rate 3')
})

test('leaves no listener behind', async () => {
  const model = agent.platform.model(clocks)
  const before = model.listenerCount('rateChanged')
  const seen: string[] = []
  watcher = resources.watch([], { onReadings: readings => seen.push(...told(readings)) })
  expect(model.listenerCount('rateChanged')).toBe(before + 1)
  watcher.close()
  expect(model.listenerCount('rateChanged')).toBe(before)
  await turns()
  expect(seen).toEqual([])
})
