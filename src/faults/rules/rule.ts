/**
 * The schema of fault rules: which messages they match, how they change them, when these arrive. Used by programs, the
 * lab's scenarios, the command line and files.
 */
import { z } from 'zod'
import { show } from '../../platform/core/config-error.js'
import { duration } from '../../platform/core/units.js'
import { COMMAND, DELAYED_RESPONSE, NOTIFICATION } from '../../wire/header.js'
import { STATUS_NAMES } from '../../wire/status.js'

/** Messages of a platform, and their types in the header (SCMI v3.2 §4.1.2). */
export const MESSAGE_TYPES = { response: COMMAND, delayed: DELAYED_RESPONSE, notification: NOTIFICATION } as const
export type MessageKind = keyof typeof MESSAGE_TYPES
export const messageKind = z.enum(['response', 'delayed', 'notification'])

const u8 = z.int().min(0).max(0xff)
const u32 = z.int().min(0).max(0xffff_ffff)
const count = z.int().min(1).max(1_000_000)
const token = z.int().min(0).max(0x3ff)
const relativeToken = z.string().regex(/^[+-]\d{1,4}$/, {
  error: ({ input }) => `${show(input)} is not a token; write a number from 0 to 1023, or one such as "+1"`,
})
/** Protocols and messages are given by name or number. */
export const nameOrNumber = z.union([u8, z.string()])
/** A field's value; integers beyond 2^53 are text. Lists are lists of maps. */
const scalar = z.union([z.int(), z.string()])
export const fieldValues = z.record(z.string(), z.union([scalar, z.array(z.record(z.string(), scalar))]))
/** Positions in bytes or words from the start of the message; keys of a map, hence text. */
const position = z.string().refine(text => /^\d{1,4}$/.test(text), 'is not a position; write a number from 0 to 9999')
const positions = (value: z.ZodType<number>) => z.record(position, value)

const match = {
  on: messageKind.default('response').describe('Kind of message that the rule affects'),
  agent: z.string().optional().describe('Name of the agent; default: any'),
  protocol: nameOrNumber.optional().describe('Name or number of the protocol; default: any'),
  message: nameOrNumber.optional().describe('Name or number of the command or notification; default: any'),
  token: token.optional().describe('Token of the command; default: any'),
  where: z
    .record(z.string(), scalar)
    .optional()
    .describe(
      'Required field values by name, or ranges of them such as "10..20": of the command, or of the delayed response itself',
    ),
  skip: z.int().min(0).optional().describe('Matching messages to let through before the first hit'),
  times: count.optional().describe('Number of hits; default: unlimited'),
  probability: z.number().min(0).max(1).optional().describe('Probability of a hit, for each matching message'),
  seed: z.int().min(0).max(0xffff_ffff).optional().describe('Seed of the random numbers; default: 0'),
}

const edits = {
  execute: z.boolean().optional().describe('Whether the command is executed; default: not if drop or status is given'),
  status: z
    .union([z.enum(STATUS_NAMES), z.int().min(-0x8000_0000).max(0x7fff_ffff)])
    .optional()
    .describe('Status by name or number; the reply ends after it'),
  fields: fieldValues.optional().describe('New values of payload fields, by name'),
  extend: z.int().min(1).max(4096).optional().describe('Number of zero bytes to append'),
  words: positions(u32)
    .optional()
    .describe('New 32-bit words by position: 0 is the header, 1 the status of a response'),
  bytes: positions(u8).optional().describe('New bytes by position in the message'),
  header: z
    .strictObject({
      token: z.union([token, relativeToken]).optional(),
      protocol: u8.optional(),
      message: u8.optional(),
      type: z.int().min(0).max(3).optional(),
    })
    .optional()
    .describe('New header fields; a token such as "+1" is relative to the correct one'),
  truncate: z
    .int()
    .min(0)
    .max(4096)
    .optional()
    .describe('Length in bytes to truncate the message to, including the header'),
  used_length: u32.optional().describe('Length reported to the driver, whatever was written'),
  rewrite: z
    .custom<(message: Uint8Array) => Uint8Array>(value => typeof value === 'function', 'is not a function')
    .optional()
    .describe('For programs: a function from the original bytes to the delivered bytes'),
}

const delivery = {
  drop: z.literal(true).optional().describe('The message never arrives'),
  delay: duration.optional().describe('The message arrives this much later'),
  hold: z.literal(true).optional().describe('The message arrives when the rule is released or removed'),
  reorder: z.int().min(2).max(1024).optional().describe('This many messages are collected and arrive in reverse order'),
  duplicate: count.optional().describe('Number of additional copies on the event queue'),
  break: z.literal(true).optional().describe('The command queue stops, as if the device were broken'),
}

export const faultRule = z.strictObject({ ...match, ...edits, ...delivery })

/** At most this many rules in a file: each is looked at for every message. */
const RULES_MAX = 1000
/** The rules of a file, which can't hold functions. */
export const fileRules = z.array(faultRule.omit({ rewrite: true })).max(RULES_MAX)

/** As written by its author. */
export type FaultRule = z.input<typeof faultRule>
/** With defaults, and durations in microseconds. */
export type CheckedRule = z.output<typeof faultRule>

/** Keys that decide when the message arrives; a rule can have one of them. */
export const ARRIVALS = ['drop', 'delay', 'hold', 'reorder', 'break'] as const
/** Keys that make a rule do something. */
export const ACTIONS = [...Object.keys(delivery), ...Object.keys(edits)] as (keyof FaultRule)[]

/** A message that a program or person sends as the platform, on the event queue. */
export const eventMessage = z.strictObject({
  agent: z.string().optional().describe('Name of the agent; default: all'),
  type: messageKind.default('notification'),
  protocol: nameOrNumber,
  message: nameOrNumber,
  token: token.default(0),
  words: z.array(u32).max(1023).default([]).describe('Words of the payload, including the status'),
  fields: fieldValues.optional().describe('Payload fields by name, instead of words'),
  count: count.default(1).describe('Number of copies'),
  rate: z.number().min(0.1).max(1_000_000).optional().describe('Copies per second; default: all at once'),
})
export type EventMessage = z.input<typeof eventMessage>
export type CheckedEvent = z.output<typeof eventMessage>
