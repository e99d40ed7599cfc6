/** Fault rules in files: what a file may look like, and what is said about a wrong one. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { readRulesFile } from '../../../src/faults/rules/rules-file.js'
import { ConfigError } from '../../../src/platform/core/config-error.js'
import { protocols } from '../../../src/protocols/index.js'

const known = { protocols, agents: ['guest'] }
const RULE = { message: 'CLOCK_RATE_GET', where: { clock_id: '10..20' }, delay: '5 ms' }

function read(text: string) {
  const folder = mkdtempSync(join(tmpdir(), 'rules-file-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'rules.yaml')
  writeFileSync(path, text)
  try {
    return readRulesFile(path, known)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    throw new Error((error as Error).message.replaceAll(`${folder}/`, ''))
  }
}

describe('a file of rules', () => {
  it.each([
    ['a list in YAML', '- { message: CLOCK_RATE_GET, where: { clock_id: 10..20 }, delay: 5 ms }'],
    ['a map', 'faults:\n  - { message: CLOCK_RATE_GET, where: { clock_id: 10..20 }, delay: 5 ms }'],
    ['a list in JSON', JSON.stringify([RULE])],
    ['a map in JSON', JSON.stringify({ faults: [RULE] }, undefined, 2)],
  ])('%s', (_, text) => {
    const rules = read(text)
    expect(rules.map(({ given }) => given)).toEqual([RULE])
    expect(rules[0]!.match).toMatchObject({ rule: { on: 'response', delay: 5000 }, wanted: [{ name: 'clock_id' }] })
  })

  it('keeps the order, and repeats entries', () => {
    const rules = read(`
- { protocol: base, status: BUSY, times: 1 }
- { repeat: 2, message: CLOCK_ATTRIBUTES, where: { clock_id: "{i}" }, drop: true }
`)
    expect(rules.map(({ given }) => given)).toEqual([
      { protocol: 'base', status: 'BUSY', times: 1 },
      { message: 'CLOCK_ATTRIBUTES', where: { clock_id: '0' }, drop: true },
      { message: 'CLOCK_ATTRIBUTES', where: { clock_id: '1' }, drop: true },
    ])
  })

  it('of the README', () => {
    const readme = readFileSync(join(import.meta.dirname, '../../../src/faults/README.md'), 'utf8')
    const [, text] = /```yaml\n(# rules\.yaml[\s\S]*?)```/.exec(readme)!
    expect(read(text!)).toHaveLength(2)
  })

  it('may have no rules', () => {
    expect(read('[]')).toEqual([])
    expect(read('faults: []')).toEqual([])
  })
})

describe('a wrong file is one line with place, field and what is allowed', () => {
  it.each([
    ['', 'rules.yaml:1:1: faults is missing; write a list'],
    ['drop', 'rules.yaml:1:1: is not a list of fault rules, nor a map with the key faults'],
    ['- drop', 'rules.yaml:1:3: [0]: drop is not a map'],
    ['fault: []', 'rules.yaml:1:1: fault: is not a known key; did you mean faults? Known keys: faults'],
    [
      '- drop: true\n- drop: true\n  tims: 3',
      'rules.yaml:3:3: [1].tims: is not a known key; did you mean times? Known keys: on, agent, protocol, ',
    ],
    ['faults:\n- { drop: yes please }', 'rules.yaml:2:11: faults[0].drop: yes please is not one of true'],
    ['- {}', 'rules.yaml:1:3: [0]: it does nothing; give at least one of drop, delay, hold'],
    ['- { drop: true, agent: gest }', 'rules.yaml:1:24: [0].agent: gest is not one of guest'],
    [
      '- { drop: true, message: CLOCK_RATE_GETT, protocol: clock }',
      'rules.yaml:1:26: [0].message: CLOCK_RATE_GETT is unknown; did you mean CLOCK_RATE_GET?',
    ],
    [
      '- { drop: true, message: CLOCK_RATE_GET, where: { clock: 1 } }',
      'rules.yaml:1:58: [0].where.clock: unknown field; there are clock_id',
    ],
    [
      '- { drop: true, message: CLOCK_RATE_GET, where: { clock_id: 20..10 } }',
      'rules.yaml:1:61: [0].where.clock_id: 20..10 is not a range, which begins with its smallest value; write e.g. 10, or 10..20',
    ],
    [
      '- { drop: true, message: CLOCK_RATE_GET, where: { clock_id: all } }',
      'rules.yaml:1:61: [0].where.clock_id: all is not a whole number or a range; write e.g. 10, or 10..20',
    ],
    ['- { rewrite: x }', 'rules.yaml:1:5: [0].rewrite: is not a known key; known keys: on, '],
    ['- { repeat: 1001, drop: true }', 'rules.yaml:1:1: 1001 entries are too many; at most 1000'],
    ['- [', 'rules.yaml:1:4: '],
  ])('%j', (text, message) => {
    expect(() => read(text)).toThrow(message)
    expect(() => read(text)).not.toThrow(/\n|undefined|Invalid|object Object/)
  })

  it('that is not there', () => {
    expect(() => readRulesFile('/none/rules.yaml', known)).toThrow('/none/rules.yaml: there is no such file')
    expect(() => readRulesFile('/', known)).toThrow('/: is a folder; give a file')
  })
})
