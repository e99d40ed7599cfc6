import { expect, test } from 'vitest'
import { ACTIONS, type ActionName, type FaultTexts, ruleOf, ruleText } from '../../../src/access/web/page/fault-rule.js'
import { Faults } from '../../../src/faults/faults.js'
import type { FaultRule } from '../../../src/faults/rules/rule.js'
import { protocols } from '../../../src/protocols/index.js'

const NOTHING: FaultTexts = {
  on: 'response',
  agent: '',
  protocol: '',
  message: '',
  where: '',
  action: 'drop',
  argument: '',
  skip: '',
  times: '',
  probability: '',
}

test('the rule has no empty fields', () => {
  expect(ruleOf(NOTHING)).toEqual({ on: 'response', drop: true })
  const filled = { agent: 'a', protocol: 'clock', message: 'CLOCK_RATE_GET', where: 'clock_id=0x2, rate=1000' }
  const texts = {
    ...NOTHING,
    ...filled,
    action: 'delay',
    argument: '50 ms',
    skip: '1',
    times: '3',
    probability: '0.5',
  } as const
  expect(ruleOf(texts)).toEqual({
    on: 'response',
    agent: 'a',
    protocol: 'clock',
    message: 'CLOCK_RATE_GET',
    where: { clock_id: 2, rate: 1000 },
    delay: '50 ms',
    skip: 1,
    times: 3,
    probability: 0.5,
  })
})

const ARGUMENTS: Partial<Record<ActionName, string>> = {
  status: 'BUSY',
  delay: '50 ms',
  duplicate: '2',
  reorder: '4',
  truncate: '8',
}

test.each(Object.keys(ACTIONS) as ActionName[])('devices accept a rule that does %s', action => {
  const rule = ruleOf({ ...NOTHING, protocol: 'clock', action, argument: ARGUMENTS[action] ?? '' })
  const faults = new Faults(protocols, ['guest'])
  expect(faults.add(rule as FaultRule).given).toEqual(rule)
})

test.each([
  [{ drop: true }, 'any message: drop'],
  [
    { on: 'response', protocol: 'clock', message: 'CLOCK_RATE_GET', where: { clock_id: 3 }, status: 'BUSY', times: 1 },
    'clock CLOCK_RATE_GET clock_id=3: status BUSY (1×)',
  ],
  [
    { on: 'notification', agent: 'a', protocol: 'sensor', delay: '5 ms', skip: 2, probability: 0.5 },
    'notification of a: sensor message: delay 5 ms (after 2, probability 0.5)',
  ],
  [{ protocol: 20, words: { 1: 7 }, drop: true }, '20 message: words {"1":7}, drop'],
])('%j reads as %s', (rule, text) => {
  expect(ruleText(rule)).toBe(text)
})
