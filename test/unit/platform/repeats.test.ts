import { describe, expect, test } from 'vitest'
import { clocks } from '../../../src/platform/clocks/index.js'
import { Platform, type ResourceKind } from '../../../src/platform/core/platform.js'
import { parsePlatformConfig } from '../../../src/platform/file/config.js'
import { ConfigSource } from '../../../src/platform/file/config-source.js'
import { errorOf } from '../../support/config-error.js'

const dataOf = (text: string): unknown => new ConfigSource(text, 'a.yaml').data()

test.each([
  ['[{ repeat: 3, name: "c{i}" }]', [{ name: 'c0' }, { name: 'c1' }, { name: 'c2' }]],
  ['[{ repeat: { count: 2, from: 7 }, name: "c{i}_{ i }" }]', [{ name: 'c7_7' }, { name: 'c8_8' }]],
  [
    '[{ repeat: { count: 3, from: 5 }, a: ["{i % 3}", "{i/2}"] }]',
    [{ a: ['2', '2'] }, { a: ['0', '3'] }, { a: ['1', '3'] }],
  ],
  ['[{ name: x }, { repeat: 1, b: { c: "{i}", d: 5 } }, y]', [{ name: 'x' }, { b: { c: '0', d: 5 } }, 'y']],
  // The innermost one counts.
  [
    '[{ repeat: 2, name: "{i}", in: [{ repeat: 2, name: "{i}" }] }]',
    [0, 1].map(i => ({ name: String(i), in: [{ name: '0' }, { name: '1' }] })),
  ],
  // No repeat, no placeholder; other braces stay.
  ['[{ name: "{i}" }, { repeat: 1, name: "{j} {i * 2} {}" }]', [{ name: '{i}' }, { name: '{j} {i * 2} {}' }]],
  // `repeat` works only in lists.
  ['{ repeat: 5, name: "{i}" }', { repeat: 5, name: '{i}' }],
])('%s', (text, data) => {
  expect(dataOf(text)).toEqual(data)
})

test('copies have no list and no map in common', () => {
  const [first, second] = dataOf('[{ repeat: 2, name: "{i}", in: [{ x: 1 }] }]') as { in: { x: number }[] }[]
  first!.in[0]!.x = 2
  first!.in.push({ x: 3 })
  expect(second!.in).toEqual([{ x: 1 }])
})

test('a key named __proto__ is a key of the copies', () => {
  const copies = dataOf('[{ repeat: 2, __proto__: { x: "{i}" } }]') as object[]
  expect(copies.map(copy => Object.getOwnPropertyDescriptor(copy, '__proto__')?.value)).toEqual([
    { x: '0' },
    { x: '1' },
  ])
  expect(copies.map(copy => Object.getPrototypeOf(copy))).toEqual([Object.prototype, Object.prototype])
})

describe('errors', () => {
  const LIMIT = 'is not a number of entries; write 1 to 100000'
  test.each([
    ['[{ repeat: 0 }]', `a.yaml:1:12: [0].repeat: 0 ${LIMIT}`],
    ['[{ repeat: 1.5 }]', `a.yaml:1:12: [0].repeat: 1.5 ${LIMIT}`],
    ['[{ repeat: many }]', `a.yaml:1:12: [0].repeat: many ${LIMIT}`],
    ['[{ repeat: 100001 }]', `a.yaml:1:12: [0].repeat: 100001 ${LIMIT}`],
    ['[{ repeat: {} }]', `a.yaml:1:12: [0].repeat.count: nothing ${LIMIT}`],
    [
      '[{ repeat: { count: 1, from: -1 } }]',
      'a.yaml:1:30: [0].repeat.from: -1 is not a number of entries; write 0 to 100000',
    ],
    ['[{ repeat: { count: 1, to: 1 } }]', 'a.yaml:1:28: [0].repeat.to: is not a known key; known keys: count, from'],
    [
      '[{ repeat: 1000, a: [{ repeat: 1000 }] }]',
      'a.yaml:1:12: [0].repeat: expands the file to more than 100000 entries',
    ],
    ['[{ repeat: 50001 }, { repeat: 50000 }]', 'a.yaml:1:31: [1].repeat: expands the file to more than 100000 entries'],
  ])('%s', (text, message) => {
    expect(errorOf(() => dataOf(text))).toBe(message)
  })

  test.each([
    [
      'clocks: [{ name: a, rate: 5 }, { repeat: 3, name: "c{i}", rate: 24 MHzz }]',
      /^a\.yaml:2:65: clocks\[1\]\.rate: 24 MHzz is not a freq/,
    ],
    ['clocks: [{ repeat: 2, name: c, rate: 5 }]', /^a\.yaml:2:29: clocks\[1\]\.name: two clocks are named c; /],
    [
      'clocks: [{ repeat: 2, name: "c{i}", rate: 5 }, { name: d, rte: 5 }]',
      /^a\.yaml:2:59: clocks\[2\]\.rte: is not a known key/,
    ],
  ])('are reported at the place of the repeat: %s', (text, message) => {
    const kinds = [clocks as ResourceKind]
    const build = () =>
      parsePlatformConfig(`vendor: a\n${text}`, 'a.yaml', [], kinds, config => new Platform(config, kinds))
    expect(errorOf(build)).toMatch(message)
  })
})
