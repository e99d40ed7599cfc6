/** What YAML texts mean, and where it is in them: as another library says, which knows positions but is slow. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Document, isAlias, isMap, isSeq, parseAllDocuments, parseDocument, type Scalar, stringify } from 'yaml'
import type { YamlNode } from '../../../src/platform/file/yaml-nodes.js'
import { YamlText, YamlTextError, yamlOf } from '../../../src/platform/file/yaml-text.js'

const ROOT = join(import.meta.dirname, '../../..')
const OPTIONS = { prettyErrors: false, logLevel: 'error' } as const

/** The data of a text, or that it is refused. */
function ours(text: string): { data: unknown } | undefined {
  try {
    return { data: new YamlText(text).data ?? null }
  } catch (error) {
    expect(error).toBeInstanceOf(YamlTextError)
    return undefined
  }
}

function theirs(text: string): { data: unknown } | undefined {
  const [document, second] = parseAllDocuments(text, OPTIONS) as Document.Parsed[]
  if (second || (document && document.errors.length + document.warnings.length > 0)) return undefined
  try {
    return { data: document?.toJS() ?? null }
  } catch {
    // An alias without an anchor.
    return undefined
  }
}

const filesIn = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.yaml'))
    .map(file => join(folder, file))

const FILES = ['src/platform/presets', 'qemu/scenarios', 'test/vectors'].flatMap(filesIn)

/** Where each value of the text begins, by its path. */
function starts(node: YamlNode | undefined, path = ''): [string, number][] {
  if (!node) return []
  const within = [
    ...(node.items ?? []).flatMap((item, i) => starts(item, `${path}/${i}`)),
    ...[...(node.entries ?? [])].flatMap(([key, { value }]) => starts(value, `${path}/${key}`)),
  ]
  return [[path, node.start], ...within]
}

function theirStarts(document: Document.Parsed, text: string): [string, number][] {
  const startsOf = (node: unknown, path: string): [string, number][] => {
    const start = (node as Scalar).range![0]
    const here: [string, number] = [path, start]
    if (isAlias(node)) return [here, ...startsOf(node.resolve(document), path).slice(1)]
    if (isSeq(node)) return [here, ...node.items.flatMap((item, i) => startsOf(item, `${path}/${i}`))]
    if (isMap(node)) {
      return [here, ...node.items.flatMap(({ key, value }) => startsOf(value, `${path}/${(key as Scalar).source}`))]
    }
    const { type, source } = node as Scalar
    if (type === 'PLAIN' && source === '') return [[path, -1]]
    // We point at the text, they at the sign before it.
    return [[path, type?.startsWith('BLOCK') ? text.indexOf('\n', start) + 1 : start]]
  }
  return startsOf(document.contents, '')
}

test.each(FILES)('%s: the same data, in the same places', file => {
  const text = readFileSync(join(ROOT, file), 'utf8')
  expect(ours(text)).toEqual(theirs(text))
  const offsets = starts(new YamlText(text).root())
  expect(offsets.length).toBeGreaterThan(5)
  expect(offsets).toEqual(theirStarts(parseDocument(text, OPTIONS), text))
})

const SMALL = [
  'vendor: acme\nclocks:\n  - { name: cpu, rates: [600 MHz, 1.2 GHz] }\n  - name: "uart"\n    rate: 24 MHz # fixed\n    enabled: true\n',
  "a: &x [1, -2.5, 'it''s', \"\\t\"]\nb: *x\nc:\n- d\n-\n  e: |\n    two\n    lines\n  f: >-\n    one\n    line\n",
  'seed: 7\n\n# a comment\nplain: text over\n  two lines\n? key\n: { x: , "y": ~, z }\nlist:\n  - - 1\n    - 2\n  -\n',
]

/** Texts that mean something else without quotes, and signs of YAML. */
const word = fc.oneof(
  fc.constantFrom(
    'a',
    '',
    '~',
    'no',
    'Null',
    'TRUE',
    '1_0',
    '0x1F',
    '0o17',
    '017',
    '+1',
    '1.',
    '.5',
    '1e3',
    '-.INF',
    '.nan',
    '1:30',
  ),
  fc.constantFrom(
    '24 MHz',
    '1.8 GHz',
    '- x',
    '# x',
    'x # y',
    'a: b',
    '<<',
    '*a',
    '&a',
    '!t',
    '@',
    '`',
    '%',
    '\t',
    ' x ',
    'é\u2028',
    '2001-01-01',
  ),
  fc.string({ unit: fc.constantFrom(...'ab1 .,:-[]{}#&*!|>\'"%@\n\\') }),
)
const value = fc.letrec(tie => ({
  node: fc.oneof(
    { maxDepth: 4 },
    word,
    fc.double({ noNaN: true }),
    fc.integer(),
    fc.constant(null),
    fc.boolean(),
    tie('list'),
    tie('map'),
  ),
  list: fc.array(tie('node'), { maxLength: 4 }),
  map: fc.dictionary(word, tie('node'), { maxKeys: 4 }),
})).node
const RUNS = { numRuns: 300 }

describe('random', () => {
  test('data that the other library writes', () => {
    const style = fc.record({
      collectionStyle: fc.constantFrom('any' as const, 'flow' as const, 'block' as const),
      indent: fc.integer({ min: 1, max: 5 }),
      indentSeq: fc.boolean(),
      lineWidth: fc.constantFrom(20, 80),
      singleQuote: fc.constantFrom(true, false, null),
    })
    const check = fc.property(value, style, (data, options) => {
      const text = stringify(data, options)
      const other = theirs(text)
      // It refuses some of its own texts.
      if (other) expect(ours(text)).toEqual(other)
    })
    fc.assert(check, RUNS)
  })

  test('data that we write', () => {
    const check = fc.property(value, data => {
      expect(ours(yamlOf(data))).toEqual({ data })
    })
    fc.assert(check, RUNS)
  })

  /** One of the libraries may refuse what the other takes. */
  test('small files with a mistake', () => {
    const sign = fc.constantFrom(...' \n\t:-,[]{}#&*!|>\'"%@?~01a', '\n  ', ': ', '- ', ' #', '\r\n')
    const edits = fc.array(fc.tuple(fc.nat(), fc.nat(3), sign), { minLength: 1, maxLength: 3 })
    const check = fc.property(fc.constantFrom(...SMALL), edits, (file, list) => {
      const text = list.reduce((before, [at, deleted, added]) => {
        const place = at % before.length
        return before.slice(0, place) + added + before.slice(place + deleted)
      }, file)
      const [mine, other] = [ours(text), theirs(text)]
      if (mine && other) expect(mine).toEqual(other)
    })
    fc.assert(check, RUNS)
  })
})
