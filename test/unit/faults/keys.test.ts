/** Each key of a fault rule that changes bytes has an example here that shows it; a key without one fails the test. */
import { expect, test } from 'vitest'
import { edit } from '../../../src/faults/edit.js'
import { ACTIONS, ARRIVALS, type CheckedRule, type FaultRule, faultRule } from '../../../src/faults/rules/rule.js'
import { protocols } from '../../../src/protocols/index.js'
import { packHeader } from '../../../src/wire/header.js'

const CLOCK = 0x14
const RATE_GET = 0x6
const clock = protocols.find(({ id }) => id === CLOCK)!
const rateGet = clock.commands.find(({ id }) => id === RATE_GET)!
/** Header, SUCCESS, 48 MHz. */
const REPLY = new Uint8Array(Uint32Array.of(packHeader(CLOCK, RATE_GET, 0, 1), 0, 48e6, 0).buffer)

/** Keys about other things: when and how often a message arrives, whether the command is executed, what used.len says. */
const OTHER: readonly (keyof FaultRule)[] = [...ARRIVALS, 'duplicate', 'execute', 'used_length']

const EXAMPLES: Partial<FaultRule> = {
  status: 'BUSY',
  fields: { rate: 1 },
  extend: 4,
  words: { 2: 1 },
  bytes: { 8: 1 },
  header: { token: '+1' },
  truncate: 8,
  rewrite: bytes => bytes.slice(4),
}

test.each(ACTIONS.filter(key => !OTHER.includes(key)))('%s', key => {
  const rule = faultRule.parse({ [key]: EXAMPLES[key] }) as CheckedRule
  expect(rule[key], 'no example').toBeDefined()
  expect(edit(REPLY, rule, rateGet)).not.toEqual(REPLY)
})
