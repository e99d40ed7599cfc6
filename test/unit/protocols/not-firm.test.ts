/** Versions of protocols that no specification of ours describes: announced only if the platform file says so, and marked. */
import { expect, test } from 'vitest'
import { agentTables } from '../../../src/observe/agent-tables.js'
import { protocols } from '../../../src/protocols/index.js'
import { createTestAgent, senderTo } from '../../support/agent.js'

const BASE = 0x10
const [VERSION, NEGOTIATE, VENDOR] = [0x0, 0x10, 0x3]
const [V2_1, V3] = [0x20001, 0x30000]
const CAPS = 'powercaps: [{ name: soc, cap_range: { min: 1, max: 9, step: 1 } }]'

const versionsOf = (text: string) => {
  const { agent } = createTestAgent(`vendor: acme\n${CAPS}\n${text}`)
  return Object.fromEntries(agentTables(agent).protocols!.map(({ name, version }) => [name, version]))
}

test('Base is 2.1 and Powercap 2.0 unless the file asks for more, which is marked', () => {
  expect(versionsOf('')).toEqual({ base: '2.1', powercap: '2.0' })
  expect(versionsOf('protocols: { base: { version: 3.0 }, powercap: { version: 3.0 } }')).toEqual({
    base: '3.0 (not firm)',
    powercap: '3.0 (not firm)',
  })
})

test('a driver that knows Base 2.1 negotiates it, and finds the same messages before and after', () => {
  const { exchange } = createTestAgent('vendor: acme\nprotocols: { base: { version: 3.0 } }')
  const send = senderTo(exchange, BASE)
  expect(send(VERSION)).toEqual([0, V3])
  const before = send(VENDOR)
  expect(send(NEGOTIATE, V2_1)).toEqual([0])
  expect(send(VENDOR)).toEqual(before)
})

test('the newest version of every other protocol is the one that is announced', () => {
  const later = protocols.filter(({ versions, usual }) => versions.at(-1) !== usual)
  expect(later.map(({ name }) => name)).toEqual(['base', 'powercap'])
  for (const { notFirm } of later) expect(notFirm).not.toBe('')
})
