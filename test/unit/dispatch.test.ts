import { describe, expect, test } from 'vitest'
import { packHeader } from '../../src/wire/header.js'
import { createTestAgent, message, everyProtocol as protocols } from '../support/agent.js'
import { EVERYTHING as PLATFORM } from '../support/everything.js'

const PROTOCOL_ERROR = -10
const COMMS_ERROR = -7

function statusOf(reply: Uint8Array): number {
  return new DataView(reply.buffer).getInt32(4, true)
}

/** Every command of every protocol in every version. */
const commands = protocols.flatMap(protocol =>
  protocol.versions.flatMap(version =>
    protocol.commandsOf(version).flatMap(command =>
      command
        ? [
            {
              protocol,
              version,
              command,
              name: `${protocol.name} ${version >>> 16}.${version & 0xffff} ${command.name}`,
            },
          ]
        : [],
    ),
  ),
)

describe('payload sizes', () => {
  test.each(commands)('$name accepts only its own size, or also padding', ({ protocol, version, command }) => {
    const { exchange } = createTestAgent(PLATFORM, { versions: { [protocol.name]: version } })
    const header = packHeader(protocol.id, command.id, 0, 7)
    const send = (payload: number): number => {
      const bytes = new Uint8Array(4 + payload)
      new DataView(bytes.buffer).setUint32(0, header, true)
      return statusOf(exchange(bytes))
    }
    expect(send(command.requestMin)).not.toBe(PROTOCOL_ERROR)
    if (command.requestMin > 0) expect(send(command.requestMin - 1)).toBe(PROTOCOL_ERROR)
    if (command.requestFixed) expect(send(command.requestMin + 1)).toBe(PROTOCOL_ERROR)
    expect(command.requestFixed && protocol.takesPadding).toBe(false)
    if (protocol.takesPadding)
      for (const more of [1, 4, 99]) expect(send(command.requestMin + more)).not.toBe(PROTOCOL_ERROR)
  })

  test.each(commands)('$name never writes past a reply buffer of any size', ({ protocol, version, command }) => {
    const header = packHeader(protocol.id, command.id, 0, 7)
    const bytes = new Uint8Array(4 + command.requestMin)
    new DataView(bytes.buffer).setUint32(0, header, true)
    const needed = createTestAgent(PLATFORM, { versions: { [protocol.name]: version } }).exchange(bytes).length
    for (let capacity = 0; capacity <= needed; capacity++) {
      const { exchange, agent } = createTestAgent(PLATFORM, { versions: { [protocol.name]: version } })
      const reply = exchange(bytes, capacity)
      if (capacity < 8) {
        expect(reply.length).toBe(0)
        expect(agent.unanswerable).toBe(1)
      } else if (capacity === needed) {
        expect(reply.length).toBe(needed)
      } else if (statusOf(reply) !== 0) {
        expect([reply.length, statusOf(reply)]).toEqual([8, COMMS_ERROR])
      } else {
        // Only a reply in parts can succeed in a smaller buffer.
        expect(command.reply.some(field => field.kind === 'list')).toBe(true)
      }
    }
  })
})

describe('framing', () => {
  test('a message without a whole header is not answered', () => {
    const { exchange, agent } = createTestAgent(PLATFORM)
    for (let length = 0; length < 4; length++) expect(exchange(new Uint8Array(length)).length).toBe(0)
    expect(agent.unanswerable).toBe(4)
  })

  test('the header comes back as it was sent, reserved bits and all', () => {
    const { exchange } = createTestAgent(PLATFORM)
    const header = (packHeader(0x10, 0, 0, 0x3ff) | 0xf0000000) >>> 0
    expect(new DataView(exchange(message(header)).buffer).getUint32(0, true)).toBe(header)
  })

  test.each([1, 2, 3])('type %i is not a command', type => {
    const { exchange } = createTestAgent(PLATFORM)
    expect(statusOf(exchange(message(packHeader(0x10, 0, type, 1))))).toBe(PROTOCOL_ERROR)
  })

  test('counts successes and failures by message', () => {
    const { exchange, agent } = createTestAgent(PLATFORM)
    exchange(message(packHeader(0x14, 6, 0, 1), 0))
    exchange(message(packHeader(0x14, 6, 0, 1), 0))
    exchange(message(packHeader(0x14, 6, 0, 1), 99))
    exchange(message(packHeader(0x77, 6, 0, 1), 99))
    const clock = agent.protocols[0x14]!
    expect([clock.counts.statuses(6), agent.unknownProtocol]).toEqual([
      [
        { status: 0, count: 2 },
        { status: -4, count: 1 },
      ],
      1,
    ])
  })
})

test('a restarted driver finds none of the last one’s settings', () => {
  const { exchange, agent, events } = createTestAgent(PLATFORM)
  exchange(message(packHeader(0x14, 0x9, 0, 1), 0, 1)) // RATE_NOTIFY
  exchange(message(packHeader(0x14, 0x7, 0, 1), 0, 1, 0)) // enable
  exchange(message(packHeader(0x14, 0x10, 0, 1), 0x10000)) // NEGOTIATE 1.0
  agent.restart()
  exchange(message(packHeader(0x14, 0x5, 0, 1), 0, 0, 48_000_000, 0))
  expect(events.take()).toEqual([])
  const config = exchange(message(packHeader(0x14, 0xb, 0, 1), 0, 0))
  expect(new DataView(config.buffer).getUint32(12, true)).toBe(0)
})
