/**
 * What a fault rule says, as plain data: which messages it takes, what it makes of them, when they arrive. The one schema
 * behind the programs that add rules, the scenarios of the lab, and the command line.
 */
import { z } from 'zod'
import { show } from '../platform/core/config-error.js'
import { duration } from '../platform/core/units.js'
import { COMMAND, DELAYED_RESPONSE, NOTIFICATION } from '../wire/header.js'
import { STATUS_NAMES } from '../wire/status.js'

/** Messages that a platform sends, and their types in the header (SCMI v3.2 §4.1.2). */
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
/** Protocols and messages go by name or number. */
export const nameOrNumber = z.union([u8, z.string()])
/** A field's value; numbers beyond 2^53 are written as text. Lists are lists of maps. */
const scalar = z.union([z.int(), z.string()])
export const fieldValues = z.record(z.string(), z.union([scalar, z.array(z.record(z.string(), scalar))]))
/** Positions in bytes or words from the start of the message; as keys of a map they are texts. */
const position = z.string().refine(text => /^\d{1,4}$/.test(text), 'is not a position; write a number from 0 to 9999')
const positions = (value: z.ZodType<number>) => z.record(position, value)

const match = {
  on: messageKind.default('response').describe('Which message of the platform goes wrong'),
  agent: z.string().optional().describe('Name of the agent; default: any'),
  protocol: nameOrNumber.optional().describe('Name or number of the protocol; default: any'),
  message: nameOrNumber.optional().describe('Name or number of the command or notification; default: any'),
  token: token.optional().describe('Token of the command; default: any'),
  where: z
    .record(z.string(), scalar)
    .optional()
    .describe("Values that fields must have, by their names: the command's, or those of the delayed response itself"),
  skip: z.int().min(0).optional().describe('Matching messages that go through before the first that is hit'),
  times: count.optional().describe('Messages that are hit; default: all'),
  probability: z.number().min(0).max(1).optional().describe('Of being hit, for each matching message'),
  seed: z.int().min(0).max(0xffff_ffff).optional().describe('Of the random numbers; default 0'),
}

const edits = {
  execute: z
    .boolean()
    .optional()
    .describe('Whether the command is carried out; default: not if it is dropped or gets a status'),
  status: z
    .union([z.enum(STATUS_NAMES), z.int().min(-0x8000_0000).max(0x7fff_ffff)])
    .optional()
    .describe('Status by name or number; nothing follows it'),
  fields: fieldValues.optional().describe('Values for fields of the payload, by their names'),
  extend: z.int().min(1).max(4096).optional().describe('Bytes added at the end, zeros'),
  words: positions(u32).optional().describe('32-bit words by position: 0 is the header, 1 the status of a response'),
  bytes: positions(u8).optional().describe('Bytes by position in the message'),
  header: z
    .strictObject({
      token: z.union([token, relativeToken]).optional(),
      protocol: u8.optional(),
      message: u8.optional(),
      type: z.int().min(0).max(3).optional(),
    })
    .optional()
    .describe('Fields of the header; a token such as "+1" is relative to the right one'),
  truncate: z.int().min(0).max(4096).optional().describe('Bytes of the message that are left, its header included'),
  used_length: u32.optional().describe('What the driver is told it has received, whatever was written'),
  rewrite: z
    .custom<(message: Uint8Array) => Uint8Array>(value => typeof value === 'function', 'is not a function')
    .optional()
    .describe('For programs: makes the bytes that arrive from the bytes that would'),
}

const delivery = {
  drop: z.literal(true).optional().describe('It never arrives'),
  delay: duration.optional().describe('It arrives that much later'),
  hold: z.literal(true).optional().describe('It arrives when the rule is released or removed'),
  reorder: z.int().min(2).max(1024).optional().describe('So many are collected, and arrive in reverse order'),
  duplicate: count.optional().describe('So many more of it arrive on the event queue'),
  break: z.literal(true).optional().describe('The command queue stops, as if the device had broken down'),
}

export const faultRule = z.strictObject({ ...match, ...edits, ...delivery })

/** As it is written. */
export type FaultRule = z.input<typeof faultRule>
/** With its defaults, durations in microseconds. */
export type CheckedRule = z.output<typeof faultRule>

/** Keys of which a rule can have one: when the message arrives. */
export const ARRIVALS = ['drop', 'delay', 'hold', 'reorder', 'break'] as const
/** Keys that make a rule do something. */
export const ACTIONS = [...Object.keys(delivery), ...Object.keys(edits)] as (keyof FaultRule)[]

/** A message that a program or a person sends in the platform's name, on the event queue. */
export const eventMessage = z.strictObject({
  agent: z.string().optional().describe('Name of the agent; default: all'),
  type: messageKind.default('notification'),
  protocol: nameOrNumber,
  message: nameOrNumber,
  token: token.default(0),
  words: z.array(u32).max(1023).default([]).describe('The payload, status included'),
  fields: fieldValues.optional().describe('The payload by the names of its fields, instead of words'),
  count: count.default(1).describe('So many of it'),
  rate: z.number().min(0.1).max(1_000_000).optional().describe('So many a second; default: all at once'),
})
export type EventMessage = z.input<typeof eventMessage>
export type CheckedEvent = z.output<typeof eventMessage>
