/** Recorded answers: what the file may say, and what agents are answered. */
import { describe, expect, test } from 'vitest'
import { packHeader } from '../../../src/wire/header.js'
import { createTestAgent, message, senderTo } from '../../support/agent.js'
import { errorOf } from '../../support/config-error.js'

const CLOCK = 0x14
const VENDOR = 0x85

const board = (recorded: string, more = ''): string =>
  `vendor: acme\nclocks: [{ name: a, rate: 1000 }, { name: b, rate: 2000 }]\n${more}recorded:\n${recorded}`

function agentOf(text: string) {
  const { agent, platform, exchange } = createTestAgent(text)
  const told: string[] = []
  platform.tell = line => told.push(line)
  return { agent, platform, told, exchange, clock: senderTo(exchange, CLOCK), vendor: senderTo(exchange, VENDOR) }
}

describe('a protocol without a model', () => {
  const text = board(
    [
      '  - { protocol: 0x85, message: 0, reply: "00 00 03 00" }',
      '  - { protocol: 0x85, message: 3, request: "01000000", reply: "0700000008000000" }',
      '  - { protocol: 0x85, message: 3, request: "02000000", status: DENIED }',
      '  - { protocol: 0x85, message: 4, reply: "01000000" }',
      '  - { protocol: 0x85, message: 4, reply: "02000000" }',
    ].join('\n'),
  )

  test('is listed, and answers what is recorded', () => {
    const { agent, vendor } = agentOf(text)
    expect(agent.protocols[VENDOR]?.protocol.name).toBe('0x85')
    expect(agent.protocols[VENDOR]?.announced).toBe(0x30000)
    expect([vendor(0), vendor(3, 1), vendor(3, 2)]).toEqual([[0, 0x30000], [0, 7, 8], [-3]])
  })

  test('gives several answers to one request one after the other, and then the last; a new driver begins again', () => {
    const { agent, vendor } = agentOf(text)
    expect([vendor(4), vendor(4), vendor(4)]).toEqual([
      [0, 1],
      [0, 2],
      [0, 2],
    ])
    agent.restart()
    expect(vendor(4)).toEqual([0, 1])
  })

  test('tells of a message once, whatever its requests hold: guests decide how long they are', () => {
    const { vendor, told } = agentOf(text)
    for (let words = 2; words <= 100; words++) vendor(3, ...Array.from({ length: words }, (_, i) => i + words))
    expect(told).toEqual(['0x85 0x3: a request is not recorded in the platform file: NOT_FOUND'])
  })

  test('tells once that an answer is recorded, and that a request is not', () => {
    const { vendor, told } = agentOf(text)
    expect([vendor(3, 1), vendor(3, 1), vendor(3, 9), vendor(3, 9), vendor(9), vendor(9)]).toEqual([
      [0, 7, 8],
      [0, 7, 8],
      [-4],
      [-4],
      [-4],
      [-4],
    ])
    expect(told).toEqual([
      '0x85 0x3: the answer is one of those recorded in the platform file',
      '0x85 0x3: a request is not recorded in the platform file: NOT_FOUND',
      '0x85 0x9: a request is not recorded in the platform file: NOT_FOUND',
    ])
  })

  test('answers other messages as the file says of unknown ones', () => {
    expect(agentOf(board('  - { protocol: 0x85, message: 0 }', 'unknown_message: NOT_SUPPORTED\n')).vendor(7)).toEqual([
      -1,
    ])
  })

  test('can be listed without any answer, even one that has a model elsewhere', () => {
    const { agent, exchange, told } = agentOf(board('  - { protocol: voltage }'))
    expect(agent.protocols[0x17]?.protocol.name).toBe('voltage')
    expect(senderTo(exchange, 0x17)(0)).toEqual([-4])
    expect(told).toHaveLength(1)
  })

  test('an answer that the buffer has no room for is COMMS_ERROR', () => {
    const { exchange } = agentOf(text)
    const reply = exchange(message(packHeader(VENDOR, 3, 0, 1), 1), 12)
    expect([...new Int32Array(reply.buffer)].slice(1)).toEqual([-7])
  })
})

describe('a protocol with a model', () => {
  const text = board(
    [
      '  - { protocol: clock, message: CLOCK_RATE_GET, request: "01000000", reply: "0500000000000000" }',
      '  - { protocol: clock, message: CLOCK_RATE_GET, request: "0000", status: HARDWARE_ERROR }',
      '  - { protocol: clock, message: 0x40, request: "", reply: "2a000000" }',
    ].join('\n'),
  )

  test('answers what is recorded, and from the model what is not', () => {
    const { clock, told } = agentOf(text)
    expect([clock(6, 0), clock(6, 1), clock(6, 2)]).toEqual([[0, 1000, 0], [0, 5, 0], [-4]])
    expect(told).toEqual(['clock CLOCK_RATE_GET: the answer is one of those recorded in the platform file'])
  })

  test('has the messages that only the record has, and checks sizes as without them', () => {
    const { clock, exchange, told } = agentOf(text)
    expect(clock(0x40)).toEqual([0, 42])
    expect(clock(0x40, 1)).toEqual([-4])
    expect(told[1]).toBe('clock 0x40: a request is not recorded in the platform file: NOT_FOUND')
    // CLOCK_RATE_GET takes one word.
    expect([clock(6), clock(6, 1, 1)]).toEqual([[-10], [-10]])
    const short = exchange(message(packHeader(CLOCK, 6, 0, 1), 0), 12)
    expect([...new Int32Array(short.buffer)].slice(1)).toEqual([-7])
    expect(clock(7, 0, 1, 0)).toEqual([0])
  })
})

test.each([
  ['{ protocol: 0x85, message: 3, request: 00000100 }', 'request: 100 is not bytes; write two hex digits'],
  ['{ protocol: 0x85, message: 3, reply: "0" }', 'reply: 0 is not bytes; write two hex digits'],
  ['{ protocol: clok, message: 3 }', 'protocol: clok is unknown; did you mean clock?'],
  ['{ protocol: clock, message: RATE }', 'message: RATE is not one of PROTOCOL_VERSION'],
  ['{ protocol: 3, message: 3 }', 'protocol: 3 is too small; at least 16'],
  ['{ protocol: clock, message: 256 }', 'message: 256 is too large; at most 255'],
  ['{ protocol: clock, message: 3, status: FINE }', 'status: FINE is not'],
])('refuses %s', (line, says) => {
  expect(errorOf(() => createTestAgent(board(`  - ${line}`)))).toContain(`recorded[0].${says}`)
})
