/** Compiles fault rules: names become ids; errors name the allowed values. */
import { z } from 'zod'
import { ConfigError } from '../../platform/core/config-error.js'
import { closest, explain, type KnownKeys, notKnown } from '../../platform/file/config-issues.js'
import type { Command, Event, Protocol } from '../../protocols/declaration/protocol.js'
import type { Fields } from '../../wire/fields.js'
import { SUCCESS } from '../../wire/status.js'
import { checkValues, type Wanted, wantedValues, wordsOf } from './field-values.js'
import {
  ACTIONS,
  ARRIVALS,
  type CheckedEvent,
  type CheckedRule,
  type EventMessage,
  eventMessage,
  type FaultRule,
  faultRule,
  type MessageKind,
  messageKind,
} from './rule.js'

/** The messages that a rule matches. */
export interface Compiled {
  rule: CheckedRule
  /** Protocol and message ids, if given; several messages if several protocols have the name. */
  protocolId: number | undefined
  messageIds: ReadonlySet<number> | undefined
  /** What `where` asks for. */
  wanted: readonly Wanted[] | undefined
}

/** A rule that can be added: as its author wrote it, and checked. */
export interface ReadyRule {
  given: FaultRule
  match: Compiled
}

/** Protocol ids have 8 bits (SCMI v3.2 §4.1.2). */
const IDS = 256

/** Protocol and message in one number. */
export const messageKey = (protocolId: number, messageId: number): number => (protocolId << 8) | messageId

/** What rules can name. */
export interface Known {
  protocols: readonly Protocol[]
  agents: readonly string[]
}

/** Checks a rule. Throws ConfigError for the author of the rule. */
export function compileRule(given: FaultRule, known: Known): ReadyRule {
  const rule = parse('fault rule', faultRule, given)
  return inPlace('fault rule', () => ({ given: { ...given }, match: compileChecked(rule, known) }))
}

/** The same for a rule that fits the schema. Paths of errors start within the rule. */
export function compileChecked(rule: CheckedRule, known: Known): Compiled {
  checkCombination(rule)
  const { protocolId, messageIds, messages } = resolve(rule.on, rule, known)
  const isNamed = rule.message !== undefined
  const matched = messages.flatMap(message => (rule.on === 'response' ? message.request : message.sent))
  const wanted = rule.where && wantedValues(rule.where, matched, isNamed)
  const sent = messages.flatMap(message => message.sent)
  if (rule.fields) checkValues(rule.fields, sent, 'fields', isNamed)
  return { rule, protocolId, messageIds, wanted }
}

export interface CompiledEvent extends CheckedEvent {
  protocolId: number
  messageId: number
}

/** Checks a message to send. Throws ConfigError. */
export function compileEvent(given: EventMessage, known: Known): CompiledEvent {
  const event = parse('message to send', eventMessage, given)
  return inPlace('message to send', () => {
    const { protocolId, messages } = resolve(event.type, event, known)
    const { id, sent } = messages[0] ?? { id: Number(event.message), sent: [] }
    // Responses and delayed responses begin with their status.
    const status = event.type === 'notification' ? [] : [SUCCESS]
    const words = event.fields ? [...status, ...wordsOf(event.fields, sent)] : event.words
    return { ...event, words, protocolId: protocolId!, messageId: id }
  })
}

function parse<T extends z.ZodType>(what: string, schema: T, given: unknown): z.output<T> {
  const result = schema.safeParse(given, { reportInput: true })
  if (result.success) return result.data
  const keys = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as KnownKeys
  const { path, text } = explain(result.error.issues[0]!, keys)[0]!
  throw new ConfigError(path, text, what)
}

/** Adds to errors what they are about. */
function inPlace<T>(what: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new ConfigError(error.path, error.problem, what)
  }
}

function checkCombination(rule: CheckedRule): void {
  const arrivals = ARRIVALS.filter(key => rule[key] !== undefined)
  if (arrivals.length > 1) throw new ConfigError([arrivals[1]!], `can't be combined with ${arrivals[0]}`)
  if (!ACTIONS.some(key => rule[key] !== undefined)) {
    throw new ConfigError([], `it does nothing; give at least one of ${ACTIONS.join(', ')}`)
  }
  const never = rule.drop ? 'drop' : rule.break ? 'break' : undefined
  const vain = never && ACTIONS.find(key => rule[key] !== undefined && key !== never && key !== 'execute')
  if (vain) throw new ConfigError([vain], `has no effect together with ${never}: the message never arrives`)
  const notFor = (kind: MessageKind, ...keys: (keyof CheckedRule)[]) => {
    const wrong = rule.on === kind ? keys.find(key => rule[key] !== undefined) : undefined
    if (wrong) throw new ConfigError([wrong], `can't be used with on: ${kind}`)
  }
  notFor('delayed', 'execute', 'break', 'used_length')
  notFor('notification', 'execute', 'break', 'used_length', 'status', 'token')
}

/** A declared message: the request's fields, and its own fields after header and status. */
interface Declared {
  key: number
  id: number
  name: string
  request: Fields
  sent: Fields
}

interface Resolved {
  protocolId: number | undefined
  messageIds: ReadonlySet<number> | undefined
  /** Declared messages; none for an undeclared number. */
  messages: Declared[]
}

function resolve(
  kind: MessageKind,
  names: Pick<CheckedRule, 'agent' | 'protocol' | 'message'>,
  known: Known,
): Resolved {
  if (names.agent !== undefined && !known.agents.includes(names.agent)) {
    throw new ConfigError(['agent'], notKnown(names.agent, known.agents))
  }
  const { protocols, protocolId } = resolveProtocol(names.protocol, known.protocols)
  const all = protocols.flatMap(protocol => declared(kind, protocol))
  if (names.message === undefined) return { protocolId, messageIds: undefined, messages: all }
  const number = asNumber(names.message)
  const messages = all.filter(({ id, name }) => (number === undefined ? name === names.message : id === number))
  if (number !== undefined) {
    const protocolIds = protocolId === undefined ? Array.from({ length: IDS }, (_, id) => id) : [protocolId]
    return { protocolId, messageIds: new Set(protocolIds.map(id => messageKey(id, number))), messages }
  }
  if (messages.length === 0) throw new ConfigError(['message'], noMessage(kind, String(names.message), protocols))
  return { protocolId, messageIds: new Set(messages.map(({ key }) => key)), messages }
}

function resolveProtocol(given: string | number | undefined, all: readonly Protocol[]) {
  if (given === undefined) return { protocols: all, protocolId: undefined }
  const number = asNumber(given)
  const protocols = all.filter(({ id, name }) => (number === undefined ? name === given : id === number))
  if (number === undefined && protocols.length === 0) {
    const names = all.map(({ name }) => name)
    throw new ConfigError(['protocol'], notKnown(String(given), names))
  }
  return { protocols, protocolId: number ?? protocols[0]!.id }
}

/** A number, possibly as text: command lines pass text. */
function asNumber(given: string | number): number | undefined {
  if (typeof given === 'number') return given
  const number = /^(\d+|0x[0-9a-f]+)$/i.test(given) ? Number(given) : undefined
  return number !== undefined && number <= 0xff ? number : undefined
}

const MESSAGE_NAMES = {
  response: 'command',
  delayed: 'command with a delayed response',
  notification: 'notification',
} as const

/** The error for an unknown message, with what exists. */
function noMessage(kind: MessageKind, name: string, protocols: readonly Protocol[]): string {
  const namesOf = (which: MessageKind): string[] => [
    ...new Set(protocols.flatMap(protocol => declared(which, protocol).map(message => message.name))),
  ]
  const names = namesOf(kind)
  const what = MESSAGE_NAMES[kind]
  const other = messageKind.options.find(which => namesOf(which).includes(name))
  if (names.length === 0) return `${name} is unknown: ${protocols[0]?.name ?? 'this protocol'} has no ${what}`
  if (other) return `${name} is a ${MESSAGE_NAMES[other]}, not a ${what}`
  // A hundred names would not help.
  if (protocols.length > 1 && !closest(name, names))
    return `no protocol has a ${what} ${name}; name the protocol as well`
  return notKnown(name, names)
}

/** All messages of this kind that a protocol sends, in every layout, newest first. */
function declared(kind: MessageKind, { id: protocolId, commands, events }: Protocol): Declared[] {
  const list: readonly (Command | Event)[] = kind === 'notification' ? events : commands
  const messages = list.flatMap(message => {
    const sent = sentFields(kind, message)
    if (!sent) return []
    const { id, name, since } = message
    const request = 'request' in message ? message.request : []
    return [{ key: messageKey(protocolId, id), id, name, request, sent, since }]
  })
  return messages.sort((a, b) => b.since - a.since)
}

/** The fields after header and status; undefined: no such message. */
export function sentFields(kind: MessageKind, message: Command | Event): Fields | undefined {
  if ('fields' in message) return message.fields
  return kind === 'delayed' ? message.delayed : message.reply
}
