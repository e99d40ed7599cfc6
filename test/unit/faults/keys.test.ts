/** Every key of a rule that changes bytes does so: a new one has an example here, and is not complete until it shows. */
import { expect, test } from 'vitest'
import { edit } from '../../../src/faults/edit.js'
import { ACTIONS, ARRIVALS, type CheckedRule, type FaultRule, faultRule } from '../../../src/faults/rule.js'
import { protocols } from '../../../src/protocols/index.js'
import { packHeader } from '../../../src/wire/header.js'

const CLOCK = 0x14
const RATE_GET = 0x6
const clock = protocols.find(({ id }) => id === CLOCK)!
const rateGet = clock.commands.find(({ id }) => id === RATE_GET)!
/** Header, SUCCESS, 48 MHz. */
const REPLY = new Uint8Array(Uint32Array.of(packHeader(CLOCK, RATE_GET, 0, 1), 0, 48e6, 0).buffer)

/** Not bytes: when a message arrives, how often, whether the command is carried out, what the ring says of it. */
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
