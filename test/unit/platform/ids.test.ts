/** Ids that the platform file gives: where they count on, and what is refused. */
import { describe, expect, test } from 'vitest'
import { clocks } from '../../../src/platform/clocks/index.js'
import { ConfigError } from '../../../src/platform/core/config-error.js'
import { LIMITS } from '../../../src/platform/core/count-limits.js'
import type { ResourceKind } from '../../../src/platform/core/platform.js'
import { parsePlatformConfig } from '../../../src/platform/file/config.js'
import { resourceKinds } from '../../../src/protocols/declaration/served.js'
import { createTestAgent, everyProtocol } from '../../support/agent.js'

const kinds = resourceKinds(everyProtocol) as ResourceKind[]
const parse = (text: string) =>
  parsePlatformConfig(`vendor: NXP\nsub_vendor: IMX\n${text}`, 'a.yaml', everyProtocol, kinds, config => config)

function problemOf(text: string): string {
  try {
    parse(text)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as Error).message
  }
  return ''
}

const idsOf = (entries: string) => {
  const { sections } = parse(`clocks:\n${entries}`)
  return (sections.clocks as { name: string; id: number }[]).map(({ name, id }) => [name, id])
}

/** Every list whose entries messages name by an id: what surrounds it, an entry without its name, the limit. */
const LISTS: Record<string, [open: string, close: string, entry: string, limit: number]> = {
  clocks: ['clocks: [', ']', 'rate: 1', LIMITS.clocks],
  power_domains: ['power_domains: [', ']', '', LIMITS.powerDomains],
  perf_domains: ['perf_domains: [', ']', 'levels: [{ level: 1, power: 1, frequency: 1 kHz }]', LIMITS.perfDomains],
  sensors: ['sensors: [', ']', 'type: celsius, value: 1', LIMITS.sensors],
  resets: ['resets: [', ']', '', LIMITS.resets],
  voltages: ['voltages: [', ']', 'level: 1', LIMITS.voltages],
  powercaps: ['powercaps: [', ']', 'cap: 1', LIMITS.powercaps],
  pins: ['pinctrl: { pins: [', '] }', '', LIMITS.pins],
  pin_groups: ['pinctrl: { pins: [{ name: p }], groups: [', '] }', 'pins: [p]', LIMITS.pinGroups],
  pin_functions: ['pinctrl: { pins: [{ name: p }], functions: [', '] }', 'pins: [p]', LIMITS.pinFunctions],
  data_events: ['telemetry: { events: [', '] }', 'value: 1', 2 ** 32],
  imx_cpus: ['imx_cpus: [', ']', '', 0xffff],
  imx_lms: ['imx_lms: [', ']', '', 16],
  rtcs: ['imx_bbm: { rtcs: [', '] }', '', 0xff],
  device_controls: ['imx_misc: { device_controls: [', '] }', '', 0x8000],
  board_controls: ['imx_misc: { board_controls: [', '] }', '', 0xff],
}

describe.each(Object.entries(LISTS))('%s', (_, [open, close, rest, limit]) => {
  const list = (...ids: (number | undefined)[]) => {
    const entries = ids.map((id, i) => `{ name: n${i}, ${id === undefined ? '' : `id: ${id}, `}${rest} }`)
    return `${open}\n  ${entries.join(',\n  ')}\n  ${close}`
  }

  test('takes ids up to the last one that its count reaches', () => {
    expect(problemOf(list(3, 1, undefined, limit - 1))).toBe('')
    expect(problemOf(list(0, limit))).toMatch(
      new RegExp(`^a\\.yaml:5:\\d+: .*\\[1\\]\\.id: ${limit} is too large; at most ${limit - 1}$`),
    )
    expect(problemOf(list(limit - 1, undefined))).toMatch(
      new RegExp(
        `^a\\.yaml:5:\\d+: .*\\[1\\]: without an id it is next, and ${limit} is too large; at most ${limit - 1}$`,
      ),
    )
  })

  test('refuses an id that two have', () => {
    const free = `write one from 0 to ${limit - 1} that is free`
    expect(problemOf(list(2, 2))).toMatch(new RegExp(`^a\\.yaml:5:\\d+: .*\\[1\\]\\.id: 2 is the id of n0; ${free}$`))
    expect(problemOf(list(2, 1, undefined))).toMatch(
      new RegExp(`^a\\.yaml:6:\\d+: .*\\[2\\]: without an id it is next, and 2 is the id of n0; ${free}$`),
    )
  })
})

test('the entries after one with an id count on', () => {
  const entries = [
    '  - { name: a, rate: 1 }',
    '  - { name: b, rate: 1, id: 10 }',
    '  - { name: c, rate: 1 }',
    '  - { name: d, rate: 1, id: 5 }',
    '  - { repeat: 2, name: "e{i}", rate: 1 }',
  ]
  expect(idsOf(entries.join('\n'))).toEqual([
    ['a', 0],
    ['b', 10],
    ['c', 11],
    ['d', 5],
    ['e0', 6],
    ['e1', 7],
  ])
})

test('of an entry that is repeated, the id is that of the first copy', () => {
  expect(idsOf('  - { repeat: { count: 3, from: 7 }, name: "a{i}", rate: 1, id: 58 }')).toEqual([
    ['a7', 58],
    ['a8', 59],
    ['a9', 60],
  ])
})

test.each(['-1', '1.5', 'uart', '"1"', 'null'])('id: %s is refused', id => {
  expect(problemOf(`clocks: [{ name: a, rate: 1, id: ${id} }]`)).toMatch(/^a\.yaml:3:\d+: clocks\[0\]\.id: /)
})

test('places of errors are those of the entries, whatever their ids', () => {
  const twoClocks = '{ id: 7, name: a, rate: 1 }, { id: 3, name: b, rate: 1,'
  const cases = [
    [`clocks: [${twoClocks} parents: [c] }]`, 'clocks[1].parents[0]'],
    [`clocks: [${twoClocks} parents: [a], parent: b }]`, 'clocks[1].parent'],
    ['clocks: [{ id: 7, name: a, rate: 1 }, { id: 3, name: b, parents: [a], divider: 2, rate: 3 }]', 'clocks[1].rate'],
    ['clocks: [{ id: 7, name: a, rate: 1, parents: [b] }, { name: b, rate: 1, parents: [a] }]', 'clocks[0].parents'],
    ['power_domains: [{ id: 7, name: a }, { name: b, parents: [c] }]', 'power_domains[1].parents[0]'],
    ['powercaps: [{ id: 7, name: a, cap: 1 }, { name: b, cap: 1, domains: [c] }]', 'powercaps[1].domains[0]'],
    [
      'perf_domains: [{ id: 7, name: a, clock: c, levels: [{ level: 1, power: 1, frequency: 1 kHz }] }]',
      'perf_domains[0].clock',
    ],
    ['pinctrl: { pins: [{ id: 7, name: a, function: f }] }', 'pinctrl.pins[0].function'],
  ]
  for (const [text, path] of cases) {
    expect(() => createTestAgent(`vendor: acme\n${text}`)).toThrow(
      expect.objectContaining({ message: expect.stringContaining(`${path}: `) }),
    )
  }
})

test('models have their resources in the order of the file', () => {
  const { platform } = createTestAgent(
    'vendor: acme\nclocks: [{ id: 9, name: a, rate: 1 }, { id: 2, name: b, rate: 1 }]',
  )
  expect(platform.model(clocks).list.map(({ name, id }) => [name, id])).toEqual([
    ['a', 9],
    ['b', 2],
  ])
})
