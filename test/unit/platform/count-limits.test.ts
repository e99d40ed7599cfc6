/** Numbers of resources: as many as fit the field that counts them, and one more, for each limit of the table. */
import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../../src/platform/core/config-error.js'
import { LIMITS } from '../../../src/platform/core/count-limits.js'
import { agentsOf, parsePlatformConfig } from '../../../src/platform/file/config.js'
import { perfDomains } from '../../../src/platform/perf-domains/index.js'
import { resourceKinds } from '../../../src/protocols/declaration/served.js'
import { protocols } from '../../../src/protocols/index.js'

const kinds = resourceKinds(protocols)
const parse = (text: string) => parsePlatformConfig(text, 'a.yaml', protocols, kinds, config => config)

const repeated = (count: number, entry: string) => `[{ repeat: ${count}, ${entry} }]`
const numbers = (count: number) => `[${Array.from({ length: count }, (_, i) => i + 1).join(', ')}]`
const names = (count: number) => `[${Array.from({ length: count }, (_, i) => `n${i}`).join(', ')}]`

interface Place {
  /** The text of a platform file with so many, without its first line. */
  text(count: number): string
  path: string
  /** The file has the number, not a list. */
  isNumber?: true
}

const PLACES: Readonly<Record<Exclude<keyof typeof LIMITS, 'perfDomains'>, Place>> = {
  agents: { text: n => `agents: ${repeated(n, 'name: "a{i}"')}`, path: 'agents' },
  powerDomains: { text: n => `power_domains: ${repeated(n, 'name: "a{i}"')}`, path: 'power_domains' },
  perfLevels: {
    text: n =>
      `perf_domains: [{ name: a, levels: [${Array.from({ length: n }, (_, i) => `{ level: ${i + 1}, power: 1 }`)}] }]`,
    path: 'perf_domains[0].levels',
  },
  clocks: { text: n => `clocks: ${repeated(n, 'name: "a{i}", rate: 1')}`, path: 'clocks' },
  clockRates: { text: n => `clocks: [{ name: a, rates: ${numbers(n)} }]`, path: 'clocks[0].rates' },
  clockParents: { text: n => `clocks: [{ name: a, rate: 1, parents: ${names(n)} }]`, path: 'clocks[0].parents' },
  sensors: { text: n => `sensors: ${repeated(n, 'name: "a{i}", type: celsius, value: 1')}`, path: 'sensors' },
  tripPoints: {
    text: n => `sensors: [{ name: a, type: celsius, value: 1, trip_points: ${n} }]`,
    path: 'sensors[0].trip_points',
    isNumber: true,
  },
  axes: {
    text: n => `sensors: [{ name: a, type: celsius, axes: ${repeated(n, 'name: "a{i}", value: 1')} }]`,
    path: 'sensors[0].axes',
  },
  updateIntervals: {
    text: n => `sensors: [{ name: a, type: celsius, value: 1, update_intervals: ${numbers(n)} }]`,
    path: 'sensors[0].update_intervals',
  },
  resets: { text: n => `resets: ${repeated(n, 'name: "a{i}"')}`, path: 'resets' },
  voltages: { text: n => `voltages: ${repeated(n, 'name: "a{i}", level: 1')}`, path: 'voltages' },
  voltageLevels: { text: n => `voltages: [{ name: a, levels: ${numbers(n)} }]`, path: 'voltages[0].levels' },
  dataEvents: {
    text: n => `telemetry: { events: ${repeated(n, 'name: "a{i}", value: 1')} }`,
    path: 'telemetry.events',
  },
  dataEventGroups: {
    text: n => `telemetry: { events: [{ name: a, value: 1 }], groups: ${repeated(n, 'name: "a{i}"')} }`,
    path: 'telemetry.groups',
  },
  powercaps: { text: n => `powercaps: ${repeated(n, 'name: "a{i}", cap: 1')}`, path: 'powercaps' },
  pins: { text: n => `pinctrl: { pins: ${repeated(n, 'name: "a{i}"')} }`, path: 'pinctrl.pins' },
  pinGroups: {
    text: n => `pinctrl: { pins: [{ name: p }], groups: ${repeated(n, 'name: "a{i}", pins: [p]')} }`,
    path: 'pinctrl.groups',
  },
  pinFunctions: {
    text: n => `pinctrl: { pins: [{ name: p }], functions: ${repeated(n, 'name: "a{i}", pins: [p]')} }`,
    path: 'pinctrl.functions',
  },
  pinMembers: {
    text: n => `pinctrl: { pins: [{ name: p }], groups: [{ name: g, pins: ${names(n)} }] }`,
    path: 'pinctrl.groups[0].pins',
  },
}

function errorOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as Error).message
  }
  return ''
}

describe.each(Object.entries(PLACES))('%s', (name, { text, path, isNumber }) => {
  const limit = LIMITS[name as keyof typeof LIMITS]

  test('one more than fits is refused, with its number and the limit', () => {
    const problem = isNumber ? `${limit + 1} is too large` : `${limit + 1} entries are too many`
    const message = errorOf(() => parse(`vendor: acme\n${text(limit + 1)}`))
    expect(message.replace(/^a\.yaml:2:\d+: /, '')).toBe(`${path}: ${problem}; at most ${limit}`)
  })

  test('as many as fit are accepted', () => {
    expect(errorOf(() => parse(`vendor: acme\n${text(limit)}`))).toBe('')
  })
})

test('performance domains (a file with so many would take a minute to read)', () => {
  const domain = { name: 'a', levels: [{ level: 1, power: 1 }] }
  const parsed = (count: number) => perfDomains.schema.safeParse(new Array(count).fill(domain))
  expect(parsed(LIMITS.perfDomains).success).toBe(true)
  expect(parsed(LIMITS.perfDomains + 1).error?.issues).toMatchObject([{ code: 'too_big', maximum: 65_535, path: [] }])
})

test('dividers have the limit of rates', () => {
  const message = errorOf(() =>
    parse(`vendor: acme\nclocks: [{ name: a, parents: [b], divider: ${numbers(65_535 + 1)} }]`),
  )
  expect(message).toMatch(/clocks\[0\]\.divider: 65536 entries are too many; at most 65535$/)
})

test('agents of the command line count as well', () => {
  const config = parse(`vendor: acme\nagents: ${repeated(254, 'name: "a{i}"')}`)
  expect(agentsOf(config, ['one']).length).toBe(255)
  expect(errorOf(() => agentsOf(config, ['one', 'two']))).toMatch(/^agents: 256 are too many, .*; at most 255$/)
})

test('an enable delay that does not fit its word is refused', () => {
  const message = errorOf(() => parse('vendor: acme\nclocks: [{ name: a, rate: 1, enable_delay: 72 min }]'))
  expect(message).toMatch(/clocks\[0\]\.enable_delay: the duration is too long; at most 4294967295 us$/)
})
