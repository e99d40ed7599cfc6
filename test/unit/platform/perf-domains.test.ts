import { describe, expect, test } from 'vitest'
import { perfDomains } from '../../../src/platform/perf-domains/index.js'
import { createTestAgent } from '../../support/agent.js'

function domainsOf(...domains: string[]) {
  const list = domains.map(domain => `  - { ${domain} }`).join('\n')
  return createTestAgent(`vendor: acme\nperf_domains:\n${list}\n`).platform.model(perfDomains)
}

const LEVELS = 'levels: [{ level: 10, power: 1 }, { level: 30, power: 9 }]'

describe('defaults of a file', () => {
  test('indexes are positions, frequencies are in proportion, the highest level is the sustained one', () => {
    const [cpu] = domainsOf(`name: cpu, ${LEVELS}, sustained_frequency: 300 MHz`).list
    expect(cpu?.levels).toEqual([
      { level: 10, index: 0, power: 1, latencyUs: 50, frequencyKhz: 100_000 },
      { level: 30, index: 1, power: 9, latencyUs: 50, frequencyKhz: 300_000 },
    ])
    expect(cpu).toMatchObject({
      sustainedLevel: 30,
      sustainedKhz: 300_000,
      level: { level: 30 },
      powerUnit: 'milliwatt',
    })
  })

  test('the initial level is within the limits', () => {
    const [cpu] = domainsOf(`name: cpu, ${LEVELS}, sustained_frequency: 30 kHz, limits: { max: 10 }`).list
    expect(cpu?.level.level).toBe(10)
  })
})

const X = 'sustained_frequency: 300 MHz'

test.each([
  ['no frequency', `name: a, ${LEVELS}`, 'perf_domains[0]: a domain needs a sustained_frequency'],
  [
    'a quotient that is not whole',
    'name: a, levels: [{ level: 7, power: 1 }], sustained_frequency: 1 MHz',
    'perf_domains[0].sustained_frequency: 1000000 Hz is not a multiple of level 7',
  ],
  [
    'a frequency that is not whole kHz',
    'name: a, levels: [{ level: 1, power: 1, frequency: 1500 }], sustained_frequency: 1 MHz',
    'perf_domains[0].levels[0].frequency: 1500 Hz is not a frequency that SCMI can carry',
  ],
  [
    'a power of 0',
    `name: a, levels: [{ level: 1, power: 0 }], ${X}`,
    'perf_domains[0].levels[0].power: the power is 0',
  ],
  ['a level of 0', `name: a, levels: [{ level: 0, power: 1 }], ${X}`, '0 is too small; at least 1'],
  ['no levels', `name: a, levels: [], ${X}`, '0 entries are too few; at least 1'],
  [
    'more levels than Linux takes',
    `name: a, levels: [${Array.from({ length: 65 }, (_, i) => `{ level: ${i + 1}, power: 1 }`).join(', ')}], ${X}`,
    '65 entries are too many; at most 64',
  ],
  [
    'a level twice',
    `name: a, levels: [{ level: 1, power: 1 }, { level: 1, power: 2 }], ${X}`,
    'perf_domains[0].levels: a level is listed twice',
  ],
  [
    'an index twice',
    `name: a, levels: [{ level: 1, power: 1 }, { level: 2, power: 2, index: 0 }], ${X}`,
    'perf_domains[0].levels[1]: two levels have the index 0',
  ],
  [
    'frequencies that do not ascend, with indexing',
    `name: a, level_indexing: true, levels: [{ level: 1, power: 1, frequency: 2 kHz }, { level: 2, power: 2, frequency: 2 kHz }]`,
    'perf_domains[0].levels[1]: the frequency of level 2 must be above that of 1',
  ],
  [
    'a latency of more than 16 bits',
    `name: a, levels: [{ level: 1, power: 1, latency: 66 ms }], ${X}`,
    'the duration is too long; at most 65535 us',
  ],
  ['a rate limit of more than 20 bits', `name: a, ${LEVELS}, ${X}, rate_limit: 2 s`, 'at most 1048575 us'],
  [
    'a sustained level that is not described',
    `name: a, ${LEVELS}, ${X}, sustained_level: 20`,
    'perf_domains[0].sustained_level: 20 is not one of the levels 10, 30',
  ],
  [
    'a level that is not described',
    `name: a, ${LEVELS}, ${X}, level: 20`,
    'perf_domains[0].level: 20 is not one of the levels 10, 30',
  ],
  [
    'a level outside the limits',
    `name: a, ${LEVELS}, ${X}, level: 30, limits: { max: 10 }`,
    'perf_domains[0].level: level 30 is outside the limits',
  ],
  [
    'limits that are not levels',
    `name: a, ${LEVELS}, ${X}, limits: { max: 20 }`,
    'perf_domains[0].limits.max: 20 is not one of the levels 10, 30',
  ],
  [
    'limits upside down',
    `name: a, ${LEVELS}, ${X}, limits: { min: 30, max: 10 }`,
    'perf_domains[0].limits.min: min is above max',
  ],
])('%s is refused', (_name, domain, problem) => {
  expect(() => domainsOf(domain)).toThrow(problem)
})

test('two domains with the same name, or with different units, are refused', () => {
  const a = `name: a, ${LEVELS}, ${X}`
  expect(() => domainsOf(a, a)).toThrow('perf_domains[1].name: two performance domains are named a')
  expect(() => domainsOf(a, `name: b, ${LEVELS}, ${X}, power_unit: abstract`)).toThrow(
    'perf_domains[1].power_unit: all domains have one unit, and a has milliwatt',
  )
})

test('the name of a power domain is refused', () => {
  const text = `vendor: acme\nperf_domains: [{ name: gpu, ${LEVELS}, ${X} }]\npower_domains: [{ name: gpu }]`
  expect(() => createTestAgent(text)).toThrow('perf_domains[0].name: a power domain is named gpu already')
})
