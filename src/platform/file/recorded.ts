/** The `recorded` list of a platform file: answers of a board that no model gives, by request. */
import { z } from 'zod'
import { show } from '../core/config-error.js'
import { statusSchema } from '../core/entry.js'
import type { RecordedAnswer } from '../core/platform-config.js'
import { notKnown } from './config-issues.js'

/** What it needs of a protocol declaration. */
interface ProtocolInfo {
  id: number
  name: string
  commands: readonly { id: number; name: string }[]
}

/** More than a file has room for. */
const ANSWERS_MAX = 0xffff
/** Protocol ids below are reserved (SCMI v3.2 §4.1.2). */
const PROTOCOL_MIN = 0x10
const BYTE_MAX = 0xff
/** Far more than agents have room for. */
const BYTES_MAX = 4096

const HEX = new RegExp(`^(?:[0-9a-f]{2} ?){0,${BYTES_MAX}}$`, 'i')

/** Numbers are taken apart, since YAML takes 00000100 for one. */
const hex = z
  .union([z.string(), z.number()])
  .transform((input, context) => {
    if (typeof input === 'string' && HEX.test(input)) return input.replaceAll(' ', '').toLowerCase()
    const message = `${show(input)} is not bytes; write two hex digits for each, in quotes, such as "0a000000"`
    context.addIssue({ code: 'custom', message, input })
    return ''
  })
  .default('')

const nameOrId = (what: string, min: number) =>
  z.union([z.string(), z.int().min(min).max(BYTE_MAX)], {
    error: ({ input }) => `${show(input)} is not ${what}; write a name, or a number from ${min} to ${BYTE_MAX}`,
  })

/** Adds nothing to `context` if the name is known. */
function idOf(
  given: string | number,
  known: readonly { id: number; name: string }[],
  field: string,
  context: z.RefinementCtx,
): number {
  if (typeof given === 'number') return given
  const found = known.find(({ name }) => name === given)
  if (!found) {
    const message = notKnown(given, [...new Set(known.map(({ name }) => name)), 'a number'])
    context.addIssue({ code: 'custom', message, path: [field], input: given })
  }
  return found?.id ?? 0
}

export function recordedSchema(protocols: readonly ProtocolInfo[]): z.ZodType<RecordedAnswer[]> {
  const answer = z
    .strictObject({
      protocol: nameOrId('a protocol', PROTOCOL_MIN).describe('Name or id; one without a message is listed, no more'),
      message: nameOrId('a message', 0).optional().describe('Name or id'),
      request: hex.describe('Payload of the request as hex digits, in quotes; default: none'),
      status: statusSchema.default(0).describe('Default: SUCCESS'),
      reply: hex.describe('What follows the status, as hex digits, in quotes; default: nothing'),
    })
    .transform(({ protocol, message, request, status, reply }, context): RecordedAnswer => {
      const protocolId = idOf(protocol, protocols, 'protocol', context)
      const commands = protocols.find(({ id }) => id === protocolId)?.commands ?? []
      const messageId = message === undefined ? undefined : idOf(message, commands, 'message', context)
      return { protocolId, messageId, request, status, reply: Uint8Array.from(Buffer.from(reply, 'hex')) }
    })
  return z.array(answer).max(ANSWERS_MAX).default([]) as z.ZodType<RecordedAnswer[]>
}
