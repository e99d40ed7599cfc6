/** Platform files that are too large, and names that every JavaScript object has; `npm run torture -- files` has more. */
import { describe, expect, test } from 'vitest'
import { definePlatform, loadPlatform } from '../../../src/loading/load.js'
import { ConfigError } from '../../../src/platform/core/config-error.js'
import { setFromText } from '../../../src/platform/core/property.js'
import { VirtualTime } from '../../../src/platform/core/time.js'
import { HERTZ, parseQuantity } from '../../../src/platform/core/unit-text.js'

const load = (text: string) => loadPlatform({ text, name: 'a.yaml' }, { time: new VirtualTime() })

async function problemOf(text: string): Promise<string> {
  const error: unknown = await load(text).then(
    () => 'it is fine',
    error => error,
  )
  expect(error).toBeInstanceOf(ConfigError)
  return (error as ConfigError).message
}

const each = (count: number, line: (i: number) => string) => Array.from({ length: count }, (_, i) => line(i)).join('\n')
const chain = (count: number, line: (i: number, parent: string) => string) =>
  each(count, i => line(i, i === 0 ? '' : `x${i - 1}`))
const TOO_DEEP = 'lists and maps are nested more than 100 deep'

describe('errors name the limit', () => {
  test.each([
    ['lists', `a: ${'['.repeat(100_000)}${']'.repeat(100_000)}`, `a.yaml:1:104: ${TOO_DEEP}`],
    ['JSON', `{"a": ${'{"a": '.repeat(100_000)}1${'}'.repeat(100_001)}`, expect.stringContaining(TOO_DEEP)],
    ['blocks', `a:\n  ${'- '.repeat(100_000)}x`, expect.stringContaining(TOO_DEEP)],
    ['keys', `${'? '.repeat(100_000)}x`, expect.stringContaining(TOO_DEEP)],
    ['an alias in itself', 'a: &x [*x]', 'a.yaml:1:8: *x is inside its own anchor &x'],
    ['an alias in a map in itself', 'a: &x { b: [{ c: *x }] }', 'a.yaml:1:18: *x is inside its own anchor &x'],
    ['aliases', `a: &a0 [x]\n${each(200, i => `b${i}: &a${i + 1} [*a${i}]`)}`, `a.yaml:100:11: b98: ${TOO_DEEP}`],
    ['length', '#'.repeat(1_000_001), 'a.yaml:1:1: is longer than 1000000 characters'],
    ['commas', `a: [${'1,'.repeat(200_000)}]`, 'a.yaml:1:1: has more than 100000 lines and commas'],
    ['lines', '\n'.repeat(100_001), 'a.yaml:1:1: has more than 100000 lines and commas'],
    [
      'parts',
      `a: [${'?,'.repeat(70_000)}]`.replaceAll('?', 'b:'),
      expect.stringContaining('has more than 200000 keys, values, '),
    ],
    [
      'values',
      `vendor: a\nclocks: [{ repeat: 10000, name: a, rates: [${'1,'.repeat(200)}] }]`,
      'a.yaml:2:20: clocks[0].repeat: expands the file to more than 1000000 values',
    ],
    [
      'characters',
      `vendor: a\nclocks: [{ repeat: 10000, name: ${'x'.repeat(1000)} }]`,
      'a.yaml:2:20: clocks[0].repeat: expands the file to more than 4000000 characters',
    ],
    ['keys', 'a: 1\n"a": 2', 'a.yaml:2:2: a is written twice'],
    ['a list as a key', '? [a]\n: 1', 'a.yaml:1:3: a key must be a text, not a list or a map'],
    ['agents', `vendor: a\nagents: [{ repeat: 256, name: 'a{i}' }]`, expect.stringMatching(/at most 255$/)],
    [
      'clocks',
      `vendor: a\nclocks:\n${chain(9000, (i, parent) => `- { name: x${i}, ${parent ? `parents: [${parent}], divider: [1]` : 'rate: 1'} }`)}`,
      'a.yaml:104:26: clocks[101].parents: x101 has more than 100 levels of ancestors',
    ],
    [
      'power domains',
      `vendor: a\npower_domains:\n${chain(9000, (i, parent) => `- { name: x${i}${parent && `, parents: [${parent}]`} }`)}`,
      'a.yaml:104:26: power_domains[101].parents: x101 has more than 100 levels of ancestors',
    ],
    [
      'power caps',
      `vendor: a\npowercaps:\n${chain(9000, (i, parent) => `- { name: x${i}, cap: 1${parent && `, parent: ${parent}`} }`)}`,
      'a.yaml:104:33: powercaps[101].parent: x101 has more than 100 levels of ancestors',
    ],
  ])('%s', async (_, text, problem) => {
    expect(await problemOf(text)).toEqual(problem)
  })

  test('a hundred levels, values by alias and clocks above each other are fine', async () => {
    const clocks = chain(
      101,
      (i, parent) => `- { name: x${i}, ${parent ? `parents: [${parent}], divider: *d` : 'rate: 1'} }`,
    )
    const { platform } = await load(
      `vendor: a\nseed: &s 1\nprotocols: {}\nclocks:\n- { name: d, rate: *s, rates: &d [1] }\n${clocks}`,
    )
    expect(platform.config.sections.clocks).toHaveLength(102)
    expect(await problemOf(`vendor: a\nb: ${'['.repeat(90)}${']'.repeat(90)}`)).toMatch(
      /^a\.yaml:2:1: b: is not a known/,
    )
  })

  test('the first of many unknown keys is reported, and the beginning of a long text', async () => {
    expect(await problemOf(`vendor: a\n${each(40_000, i => `k${i}: 1`)}`)).toMatch(
      /^a\.yaml:2:1: k0: is not a known key/,
    )
    const problem = await problemOf(`vendor: a\nclocks: [{ name: a, rate: ${'9'.repeat(10_000)} Hz }]`)
    expect(problem.length).toBeLessThan(200)
    const many = await problemOf(
      `vendor: a\nclocks: [{ repeat: 9000, name: 'c{i}', rate: 1 }, { name: a, parents: [b] }]`,
    )
    expect(many.length).toBeLessThan(800)
  })

  test('a definition in a program', () => {
    let deep: unknown = []
    for (let i = 0; i < 100_000; i++) deep = [deep]
    expect(() => definePlatform({ vendor: 'a', devices: deep })).toThrow(
      new ConfigError([], TOO_DEEP, 'definePlatform'),
    )
    expect(() => definePlatform({ vendor: () => 'a' })).toThrow(ConfigError)
  })
})

describe.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])('%s', name => {
  test.each([
    ['a key', `${name}: { a: 1 }`],
    ['a key of a resource', `clocks: [{ name: a, rate: 1, ${name}: 1 }]`],
    ['a protocol', `protocols: { ${name}: { version: 1.0 } }`],
    ['a section', `agents: [{ name: a, resources: { ${name}: [a] } }]`],
    ['a plug-in', `plugins: [${name}]`],
    ['a parent', `clocks: [{ name: a, parents: [${name}] }]`],
    ['a type', `sensors: [{ name: a, type: ${name}, value: 1 }]`],
  ])('is no %s', async (_, text) => {
    expect(await problemOf(`vendor: a\n${text}`)).toMatch(/^a\.yaml:2:/)
  })

  test('may be the name of a resource and of an agent', async () => {
    const { platform } = await load(
      `vendor: a\nclocks: [{ name: ${name}, rate: 1 }]\nagents: [{ name: ${name}, resources: { clocks: [${name}] } }]`,
    )
    expect(platform.config.agents).toMatchObject([{ name, resources: { clocks: [name] } }])
  })

  test('is no unit and no value', () => {
    expect(parseQuantity(`5 ${name}`, HERTZ)).toBeUndefined()
    const set: unknown[] = []
    const flag = {
      name: 'on',
      description: '',
      type: 'flag' as const,
      read: () => true,
      set: (v: unknown) => set.push(v),
    }
    expect(() => setFromText(flag, 'clock.a.on', name)).toThrow(`clock.a.on can't be ${name}`)
    expect(set).toEqual([])
  })
})
