/** An agent whose guest has the platform's shared memory: an array that the test reads and writes as the guest's kernel does. */
import { PROTOCOL_MESSAGE_ATTRIBUTES } from '../../src/protocols/declaration/define-protocol.js'
import { createTestAgent, senderTo, type TestAgent } from './agent.js'

export const SHARED = { address: 0x4f00_0000, size: 0x10000 }

/** Words of DESCRIBE_FASTCHANNEL's reply, as drivers read them. */
export interface Described {
  status: number
  attributes: number
  rateLimitUs: number
  channel: number
  size: number
  doorbell: number
  masks: number[]
}

export interface SharedAgent extends TestAgent {
  send: (id: number, ...words: number[]) => number[]
  guest: DataView
  describe: (...words: number[]) => Described
  /** Bit 0 of PROTOCOL_MESSAGE_ATTRIBUTES. */
  hasChannels: (messageId: number) => boolean
  /** Words of a channel. */
  read: (channel: Described) => number[]
  /** Writes a channel and rings its doorbell, as Linux does; the platform looks, if `looks`. */
  write: (channel: Described, words: number[], looks?: boolean) => void
  /** Refused writes since the last call. */
  refused: () => string[]
  /** Writes that traces would show, since the last call: message, status, request. */
  seen: () => unknown[]
}

/** `describeId`: the id of DESCRIBE_FASTCHANNEL. */
export function sharedAgent(
  text: string,
  protocol: number,
  describeId: number,
  options: Parameters<typeof createTestAgent>[1] = {},
): SharedAgent {
  const test = createTestAgent(`shared_memory: { address: ${SHARED.address}, size: ${SHARED.size} }\n${text}`, options)
  const { agent } = test
  const guest = new DataView(new ArrayBuffer(SHARED.size))
  agent.shared!.map(guest)
  const send = senderTo(test.exchange, protocol)
  const refused: string[] = []
  const seen: unknown[] = []
  agent.channelRefused = (what, values, status) => refused.push(`${what}: ${values}: ${status}`)
  agent.channelSeen = (_, messageId, status, words) => seen.push([messageId, status, ...words])
  const offsetOf = (address: number) => address - SHARED.address
  return {
    ...test,
    send,
    guest,
    describe(...words) {
      const reply = send(describeId, ...words)
      const [status = 0, attributes = 0, rateLimitUs = 0, channel = 0, high = 0, size = 0, doorbell = 0, ...rest] =
        reply
      if (status === 0 && (reply.length !== 12 || high !== 0 || rest[0] !== 0)) throw new Error('a strange description')
      return { status, attributes, rateLimitUs, channel, size, doorbell, masks: rest.slice(1) }
    },
    hasChannels: messageId => (send(PROTOCOL_MESSAGE_ATTRIBUTES, messageId)[1]! & 1) === 1,
    read: ({ channel, size }) =>
      Array.from({ length: size / 4 }, (_, i) => guest.getUint32(offsetOf(channel) + 4 * i, true)),
    write({ attributes, channel, doorbell }, words, looks = true) {
      for (const [i, word] of words.entries()) guest.setUint32(offsetOf(channel) + 4 * i, word, true)
      const width = 8 << ((attributes >> 1) & 3)
      const at = offsetOf(doorbell)
      if (attributes & 1) {
        if (width === 8) guest.setUint8(at, 1)
        else if (width === 16) guest.setUint16(at, 1, true)
        else if (width === 32) guest.setUint32(at, 1, true)
        else guest.setBigUint64(at, 1n, true)
      }
      if (looks) agent.shared!.look()
    },
    refused: () => refused.splice(0),
    seen: () => seen.splice(0),
  }
}
