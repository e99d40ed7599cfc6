import { describe, expect, test } from 'vitest'
import { UNCAPPED } from '../../../src/platform/powercaps/domain.js'
import { powercaps } from '../../../src/platform/powercaps/index.js'
import { createTestAgent } from '../../support/agent.js'

function setUp(...domains: string[]) {
  const list = domains.map(domain => `  - { ${domain} }`).join('\n')
  const { platform, time } = createTestAgent(`vendor: acme\npowercaps:\n${list}\n`)
  return { domains: platform.model(powercaps), time }
}

const domainsOf = (...domains: string[]) => setUp(...domains).domains
const RANGE = 'cap_range: { min: 1 W, max: 5 W, step: 1 W }'

describe('defaults of a file', () => {
  test('the highest cap is in force, power is not monitored', () => {
    const [domain] = domainsOf(`name: a, ${RANGE}`).list
    expect(domain).toMatchObject({
      unit: 'microwatt',
      cap: 5_000_000,
      paiUs: 100_000,
      sustainablePower: 0,
      accuracy: 0,
    })
    expect(domain?.source).toBeUndefined()
    expect(domain?.latencyUs).toBeUndefined()
  })

  test('a cap without a range is fixed, and so is the averaging interval', () => {
    const [limit] = domainsOf('name: a, cap: 2 W, pai: 5 ms').named('a').caps
    expect(limit.capRange).toEqual({ min: 2_000_000, max: 2_000_000, step: 0 })
    expect(limit.intervalRange).toEqual({ min: 5000, max: 5000, step: 0 })
    expect([limit.isConfigurable, limit.hasIntervals]).toEqual([false, false])
  })
})

test.each([
  ['microwatt', '5000', 5000],
  ['microwatt', '5 mW', 5000],
  ['milliwatt', '5000', 5000],
  ['milliwatt', '5 W', 5000],
  ['abstract', '5000', 5000],
])('in %s, %s is %i', (unit, cap, value) => {
  expect(domainsOf(`name: a, unit: ${unit}, cap: ${cap}`).named('a').cap).toBe(value)
})

test('a range ends at its last whole step, and is fixed if that is its first', () => {
  const { capRange, intervalRange } = domainsOf(
    `name: a, cap_range: { min: 1 W, max: 5.5 W, step: 1 W }, pai_range: { min: 2 s, max: 3 s, step: 5 s }`,
  ).named('a').caps[0]
  expect(capRange).toEqual({ min: 1_000_000, max: 5_000_000, step: 1_000_000 })
  expect(intervalRange).toEqual({ min: 2_000_000, max: 2_000_000, step: 0 })
})

test('accuracy is kept in thousandths of a percent', () => {
  expect(domainsOf('name: a, cap: 1 W, accuracy: 2.305').named('a').accuracy).toBe(2305)
})

test('parents may come after their children', () => {
  const domains = domainsOf(`name: a, ${RANGE}, parent: b`, `name: b, ${RANGE}`)
  expect(domains.named('a').parent).toBe(domains.named('b'))
})

test('a domain that is not enabled starts without a cap', () => {
  expect(domainsOf(`name: a, ${RANGE}, cap: 2 W, enabled: false`).named('a').cap).toBe(UNCAPPED)
})

describe('measurements', () => {
  test('come at the end of each averaging interval while an agent subscribes', () => {
    const { domains, time } = setUp(`name: a, ${RANGE}, pai: 10 ms, power: 2 W`)
    const domain = domains.named('a')
    domains.bindPower(domain, { read: nowUs => nowUs / 10 })
    const measured: number[] = []
    domains.on('measured', (_, power) => measured.push(power))
    time.advance(50_000)
    domains.watch(domain)
    domains.watch(domain)
    time.advance(20_000)
    domains.unwatch(domain)
    time.advance(10_000)
    domains.unwatch(domain)
    time.advance(50_000)
    expect(measured).toEqual([6000, 7000, 8000])
    expect(domains.measure(domain)).toBe(13_000)
  })

  test('are whole numbers of 32 bits, whatever the source gives', () => {
    const domains = domainsOf(`name: a, ${RANGE}`)
    const domain = domains.named('a')
    const powers = [2.5, -1, 1e12]
    const measured = powers.map(power => {
      domains.setPower(domain, power)
      return domains.measure(domain)
    })
    expect(measured).toEqual([3, 0, 0xffff_ffff])
  })

  test('come at once when the host sets a power', () => {
    const domains = domainsOf(`name: a, ${RANGE}, power: 2 W`)
    const domain = domains.named('a')
    const measured: number[] = []
    domains.on('measured', (_, power) => measured.push(power))
    domains.setPower(domain, 1)
    domains.watch(domain)
    domains.setPower(domain, 7)
    expect(measured).toEqual([7])
    domains.unwatch(domain)
  })
})

test('an unknown name is an error that lists the known ones', () => {
  expect(() => domainsOf('name: a, cap: 1', 'name: b, cap: 1').named('c')).toThrow('there are a, b')
})

test.each([
  ['no cap', 'name: a', 'powercaps[0]: a powercap domain needs one of cap (fixed) or cap_range'],
  ['a fixed cap of 0', 'name: a, cap: 0', 'powercaps[0].cap: must be above 0'],
  ['a range from 0', 'name: a, cap_range: { min: 0, max: 1, step: 1 }', 'powercaps[0].cap_range.min: must be above 0'],
  ['a step of 0', 'name: a, cap_range: { min: 1, max: 2, step: 0 }', 'powercaps[0].cap_range.step: must be above 0'],
  [
    'a range upside down',
    'name: a, cap_range: { min: 2, max: 1, step: 1 }',
    'powercaps[0].cap_range.max: max is below',
  ],
  ['a cap beyond its range', `name: a, ${RANGE}, cap: 6 W`, 'powercaps[0].cap: 6000000 is not within cap_range'],
  ['a cap between steps', `name: a, ${RANGE}, cap: 1.5 W`, 'powercaps[0].cap: 1500000 is not within cap_range'],
  ['an interval of 0', 'name: a, cap: 1, pai: 0', 'powercaps[0].pai: must be longer than 0'],
  [
    'an interval that is too long',
    'name: a, cap: 1, pai: 72 min',
    'powercaps[0].pai: must be longer than 0 and at most',
  ],
  [
    'an interval beyond its range',
    'name: a, cap: 1, pai_range: { min: 1 s, max: 2 s, step: 1 s }, pai: 3 s',
    'powercaps[0].pai: 3000000 us is not within pai_range',
  ],
  [
    'a unit on an abstract power',
    'name: a, unit: abstract, cap: 1 W',
    'powercaps[0].cap: an abstract power is a plain',
  ],
  ['fractions of milliwatts', 'name: a, unit: milliwatt, cap: 1 uW', 'powercaps[0].cap: 1 uW is not a whole number of'],
  ['a power that does not fit', 'name: a, cap: 5000 W', 'powercaps[0].cap: 5000000000 microwatts is too large'],
  ['a power without a known unit', 'name: a, cap: 5 V', '5 V is not a power; write a whole number of the domain'],
  ['a fraction of the unit', 'name: a, cap: 1.5', '1.5 is not a power'],
  ['a parent that is not there', 'name: a, cap: 1, parent: b', 'powercaps[0].parent: b is not a powercap domain'],
  ['a domain in itself', 'name: a, cap: 1, parent: a', 'powercaps[0].parent: a is its own ancestor'],
])('refuses %s', (_, domain, message) => {
  expect(() => domainsOf(domain)).toThrow(message)
})

test('refuses domains in a circle', () => {
  expect(() =>
    domainsOf('name: a, cap: 1, parent: b', 'name: b, cap: 1, parent: c', 'name: c, cap: 1, parent: b'),
  ).toThrow('powercaps[1].parent: b is its own ancestor')
})

test('refuses parents with an abstract unit', () => {
  expect(() => domainsOf('name: a, cap: 1, parent: b', 'name: b, cap: 1, unit: abstract')).toThrow(
    "powercaps[0].parent: b has an abstract unit, so it can't be a parent",
  )
})

test('refuses two domains of one name', () => {
  expect(() => domainsOf('name: a, cap: 1', 'name: a, cap: 1')).toThrow(
    'powercaps[1].name: two powercap domains are named a',
  )
})
