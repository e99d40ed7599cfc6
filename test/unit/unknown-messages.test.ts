/** Replies to unknown messages (SCMI v3.2 §4.1.4), on a platform with every kind of resource. */
import { describe, expect, test } from 'vitest'
import {
  NEGOTIATE_PROTOCOL_VERSION,
  PROTOCOL_MESSAGE_ATTRIBUTES,
} from '../../src/protocols/declaration/define-protocol.js'
import type { Protocol } from '../../src/protocols/declaration/protocol.js'
import { packHeader } from '../../src/wire/header.js'
import { NOT_FOUND, NOT_SUPPORTED } from '../../src/wire/status.js'
import { createTestAgent, message, everyProtocol as protocols, type TestAgent } from '../support/agent.js'
import { EVERYTHING } from '../support/everything.js'

const NOT_SUPPORTED_PLATFORM = `${EVERYTHING}unknown_message: NOT_SUPPORTED\n`
/** No protocol has this id. */
const UNKNOWN_PROTOCOL = 0x7f

function send({ exchange }: TestAgent, protocolId: number, messageId: number, ...words: number[]): number {
  return new DataView(exchange(message(packHeader(protocolId, messageId, 0, 1), ...words)).buffer).getInt32(4, true)
}

/** The ids that no version of a protocol has. */
function unusedIds({ commands }: Protocol): number[] {
  return Array.from({ length: 256 }, (_, id) => id).filter(id => !commands.some(command => command.id === id))
}

/** Ids of commands that the protocol has in its last version, but not in this one. */
function newerIds({ commandsOf, versions }: Protocol, version: number): number[] {
  const commands = commandsOf(version)
  return commandsOf(versions[versions.length - 1]!).flatMap((command, id) => {
    return command && !commands[id] && id !== NEGOTIATE_PROTOCOL_VERSION ? [id] : []
  })
}

describe.each(protocols.map(protocol => ({ protocol, name: protocol.name })))('$name', ({ protocol }) => {
  test('an unknown message is NOT_FOUND, whatever its payload', () => {
    const agent = createTestAgent(EVERYTHING)
    for (const id of unusedIds(protocol)) expect(send(agent, protocol.id, id, 0, 0)).toBe(NOT_FOUND)
  })

  test('an unknown message is NOT_SUPPORTED if the platform file says so', () => {
    const agent = createTestAgent(NOT_SUPPORTED_PLATFORM)
    for (const id of unusedIds(protocol)) expect(send(agent, protocol.id, id)).toBe(NOT_SUPPORTED)
  })

  test('the attributes of an unknown message are NOT_FOUND, whatever the file says', () => {
    for (const platform of [EVERYTHING, NOT_SUPPORTED_PLATFORM]) {
      const agent = createTestAgent(platform)
      for (const id of [...unusedIds(protocol), 0x100, 0xffff_ffff]) {
        expect(send(agent, protocol.id, PROTOCOL_MESSAGE_ATTRIBUTES, id)).toBe(NOT_FOUND)
      }
    }
  })

  test('a command of a later version is unknown in an earlier one, announced or negotiated', () => {
    for (const version of protocol.versions) {
      const announced = createTestAgent(EVERYTHING, { versions: { [protocol.name]: version } })
      const negotiated = createTestAgent(EVERYTHING, { versions: { [protocol.name]: protocol.versions.at(-1)! } })
      expect(send(negotiated, protocol.id, NEGOTIATE_PROTOCOL_VERSION, version)).toBe(0)
      for (const id of newerIds(protocol, version)) {
        for (const agent of [announced, negotiated]) expect(send(agent, protocol.id, id)).toBe(NOT_FOUND)
      }
    }
  })

  test('a version that is not served is NOT_SUPPORTED', () => {
    const agent = createTestAgent(EVERYTHING)
    expect(send(agent, protocol.id, NEGOTIATE_PROTOCOL_VERSION, 0x7fff_0000)).toBe(NOT_SUPPORTED)
  })

  test('without an event queue, subscriptions are known, but NOT_SUPPORTED', () => {
    const agent = createTestAgent(EVERYTHING, { events: false })
    for (const { id, requestMin, needsEvents } of agent.agent.protocols[protocol.id]!.commands.filter(
      c => c !== undefined,
    )) {
      if (!needsEvents) continue
      expect(send(agent, protocol.id, id, ...new Array(requestMin / 4).fill(0))).toBe(NOT_SUPPORTED)
      expect(send(agent, protocol.id, PROTOCOL_MESSAGE_ATTRIBUTES, id)).toBe(NOT_FOUND)
    }
  })
})

test('an unknown protocol is NOT_SUPPORTED, whatever the file says', () => {
  for (const platform of [EVERYTHING, NOT_SUPPORTED_PLATFORM]) {
    expect(send(createTestAgent(platform), UNKNOWN_PROTOCOL, 0)).toBe(NOT_SUPPORTED)
  }
})
