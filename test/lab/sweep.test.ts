/** Sweeps of answers: made from declarations, judged by what the guest did, compared with a record. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { countFields, wrongAnswers } from '../../qemu/runner/sweep/answers.js'
import { readOutcomes, recordedFor, recordText, toRecord, unrecorded } from '../../qemu/runner/sweep/outcomes.js'
import { judge, sweep } from '../../qemu/runner/sweep/sweep.js'
import { compileRule } from '../../src/faults/rules/compile.js'
import { Parts } from '../../src/protocols/declaration/parts.js'
import { protocols } from '../../src/protocols/index.js'
import { encode, text, u32, u64 } from '../../src/wire/fields.js'
import { inFolder } from '../guest/lab-command.js'

const RATES = new Parts('num_rates', 'rates', [u64('rate')])
const reply = [text('name', 4), ...RATES.fields]

/** A reply of the guest's command, as a rule of this name changes it. */
function changed(name: string, payload: Uint8Array, status = 0): number[] {
  const answer = wrongAnswers(reply).find(answer => answer.name === name)!
  const message = Uint8Array.from([...new Uint8Array(Int32Array.of(0x1234, status).buffer), ...payload])
  return [...answer.rule.rewrite!(message)].slice(8)
}

const payload = encode(reply, { name: 'ab', num_rates: 0x10002, rates: [{ rate: 1n }, { rate: 2n }] })

describe('answers', () => {
  test('a field that counts is known by its list', () => {
    expect(countFields(reply)).toEqual(new Set(['num_rates']))
    expect(countFields([u32('version')])).toEqual(new Set())
  })

  test.each([
    ['status alone', []],
    ['short', [...payload.slice(0, 12)]],
    ['all ones', Array(24).fill(255)],
    ['all zeros', Array(24).fill(0)],
    ['num_rates: lowest bit', [97, 98, 0, 0, 3, 0, 1, 0]],
    ['num_rates: highest bit', [97, 98, 0, 0, 2, 0, 1, 128]],
    ['num_rates: none', [97, 98, 0, 0, 0, 0, 0, 0]],
    ['num_rates: one more', [97, 98, 0, 0, 3, 0, 1, 0]],
    ['num_rates: all ones', [97, 98, 0, 0, 255, 255, 255, 255]],
    ['num_rates: never the last', [97, 98, 0, 0, 2, 0, 1, 1]],
  ])('%s', (name, begins) => {
    const bytes = changed(name, payload)
    expect(bytes.slice(0, begins.length)).toEqual(begins)
    if (name.startsWith('num_rates')) expect(bytes.slice(8)).toEqual([...payload.slice(8)])
  })

  test('an error stays what it is', () => {
    expect(changed('all ones', Uint8Array.of(1, 2, 3, 4), -1)).toEqual([1, 2, 3, 4])
  })

  test('each is a rule that the device takes, with a name of its own, for every command', () => {
    for (const { id: protocol, commands } of protocols) {
      for (const command of commands) {
        const answers = wrongAnswers(command.reply)
        expect(new Set(answers.map(({ name }) => name)).size, command.name).toBe(answers.length)
        for (const { rule } of answers)
          compileRule({ protocol, message: command.id, ...rule }, { protocols, agents: ['guest'] })
      }
    }
  })

  test('a sweep has a member for each command of a protocol', () => {
    const names = Object.keys(sweep('everything', protocols, []))
    expect(names).toContain('clock-attributes')
    expect(names).toContain('perf-protocol-version')
    const commands = protocols.map(protocol => protocol.commandsOf(protocol.versions.at(-1)!).filter(Boolean).length)
    expect(names).toHaveLength(commands.reduce((sum, count) => sum + count, 0))
  })
})

describe('outcomes', () => {
  const before = ['driver clocks', 'driver hwmon', 'fails /sys/x']
  const WARN = '[    1.000000] WARNING: CPU: 0 PID: 1 at drivers/firmware/arm_scmi/driver.c:1 f+0x1/0x2\n'
  const OOPS =
    '[    1.000000] Unable to handle kernel NULL pointer dereference\n[    1.000000] pc : clk_get+0x10/0x20\n'
  test.each([
    ['ok', '', before],
    ['probe fails', '', ['driver clocks', 'fails /sys/x']],
    ['use fails', '', [...before, 'fails /sys/y']],
    ['splat', WARN, before],
    ['hang', '', new Error('the guest no longer answers')],
    ['crash', OOPS, 'crash' as const],
  ])('%s', (outcome, log, after) => {
    expect(judge(log, before, after).outcome).toBe(outcome)
  })

  test('an answer has one of its recorded outcomes, without one is ok, and is given', () => {
    const known = { ok: ['long'], 'use fails': ['long', 'short'], crash: ['gone'] }
    expect(
      unrecorded(
        new Map([
          ['long', 'ok'],
          ['short', 'use fails'],
          ['none', 'ok'],
          ['gone', 'crash'],
        ]),
        known,
      ),
    ).toEqual([])
    expect(
      unrecorded(
        new Map([
          ['long', 'hang'],
          ['short', 'ok'],
          ['none', 'splat'],
        ]),
        known,
      ),
    ).toEqual(['long', 'short', 'none', 'gone'])
  })

  test('a crash is told with its place', () => {
    expect(judge(OOPS, before, 'crash').details).toBe(
      'Unable to handle kernel NULL pointer dereference at clk_get+0x10/0x20',
    )
  })

  test('records have what is not ok, by outcome, and hold for releases', () => {
    const found = toRecord(
      new Map([
        ['a', 'ok'],
        ['b', 'crash'],
        ['c', 'probe fails'],
        ['d', 'crash'],
      ]),
    )
    expect(found).toEqual({ 'probe fails': ['c'], crash: ['b', 'd'] })
    inFolder(folder => {
      const path = join(folder, 'x.outcomes.yaml')
      writeFileSync(path, `- kernels: '>=7.3'\n  messages:\n    ${recordText('m', found).replaceAll('\n', '\n    ')}\n`)
      const record = readOutcomes(path)
      expect(recordedFor(record, '7.3.4', 'm')).toEqual(found)
      expect(recordedFor(record, '6.12.1', 'm')).toBeUndefined()
      // Where a kernel has a record, a message that is not in it has none but good outcomes.
      expect(recordedFor(record, '7.3.4', 'n')).toEqual({})
      writeFileSync(path, `- kernels: '*'\n  messages: { m: { explodes: [a] } }\n`)
      expect(() => readOutcomes(path)).toThrow(/x\.outcomes\.yaml: 0\.messages\.m/)
    })
  })
})
