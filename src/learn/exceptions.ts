/**
 * What to do where the model answers otherwise than the board: a status of one resource goes to its `answers`; an answer that
 * depends on nothing is recorded; a value that changed in the course of the trace stays as the model has it.
 */
import { PROTOCOL_MESSAGE_ATTRIBUTES, PROTOCOL_VERSION } from '../protocols/declaration/define-protocol.js'
import { FUNCTION, GROUP, PIN } from '../protocols/pinctrl-view.js'
import { decodeSome } from '../wire/fields.js'
import { SUCCESS } from '../wire/status.js'
import { type Board, draftOf, type RecordedLine } from './board.js'
import type { Mismatch } from './compare.js'
import { statusKey } from './draft.js'
import type { Exchange } from './exchange.js'
import { idField, pushTo, type Told, viewOf } from './told.js'

/** Values that agents set, or that change by themselves. */
const CHANGING = new Set([
  ...['CLOCK_RATE_GET', 'CLOCK_CONFIG_GET', 'CLOCK_PARENT_GET', 'CLOCK_ATTRIBUTES'],
  ...['PERFORMANCE_LEVEL_GET', 'PERFORMANCE_LIMITS_GET', 'POWER_STATE_GET', 'SYSTEM_POWER_STATE_GET'],
  ...['SENSOR_READING_GET', 'SENSOR_CONFIG_GET', 'VOLTAGE_LEVEL_GET', 'VOLTAGE_CONFIG_GET'],
  ...['POWERCAP_CAP_GET', 'POWERCAP_PAI_GET', 'POWERCAP_MEASUREMENTS_GET', 'PINCTRL_SETTINGS_GET'],
])

/** Different answers to one request that are kept, one after the other. */
const ANSWERS_MAX = 8

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

const GROUPS = { [PIN]: 'pins', [GROUP]: 'groups', [FUNCTION]: 'functions' } as Readonly<Record<number, string>>

/** The id in the request, and the draft of the resource; undefined: it names none, or one that the board has not. */
function resourceOf(board: Board, { told, command, exchange }: Mismatch) {
  const field = command && idField(command.request)
  const section = told.protocol.resource?.section
  if (!command || field === undefined || section === undefined) return undefined
  const values = decodeSome(command.request, viewOf(exchange.request))
  const id = values[field]
  if (id === undefined) return undefined
  const selector = section === 'pinctrl' ? Number(values.flags ?? (Number(values.attributes) >>> 16) & 0x3) : undefined
  const list = selector === undefined ? undefined : GROUPS[selector]
  const draft = draftOf(board, section, Number(id), list)
  return draft && { id: Number(id), draft }
}

/** Adds `answers` to resources. Returns what they do not explain. */
export function addAnswers(board: Board, found: readonly Mismatch[]): Mismatch[] {
  return found.filter(mismatch => {
    const { exchange, told, command } = mismatch
    const resource = resourceOf(board, mismatch)
    const { status } = exchange
    if (!resource || !command || status === undefined || status === mismatch.status) return true
    if (status === SUCCESS && command.reply.length > 0) return true
    // What is refused at times only depends on values, or on what happened before.
    if (!told.isSteady(command.name, resource.id)) return true
    resource.draft.answer(command.name, status)
    return false
  })
}

/** Adds recorded answers. Returns what differs all the same. */
export function addRecorded(board: Board, found: readonly Mismatch[]): Mismatch[] {
  const requests = new Map<string, Mismatch>()
  const left: Mismatch[] = []
  for (const mismatch of found) {
    if (!isFixed(mismatch)) left.push(mismatch)
    else {
      const { protocolId, messageId, request } = mismatch.exchange
      const key = `${protocolId} ${messageId} ${hex(request)}`
      requests.set(key, mismatch)
    }
  }
  for (const { told, exchange, command } of requests.values()) {
    board.recorded.push(...recordedLines(told.protocol.name, command?.name ?? exchange.messageId, told.same(exchange)))
  }
  return left
}

/** Whether the board gives this answer whenever it is asked. */
function isFixed({ exchange, told, command }: Mismatch): boolean {
  if (!command) return true
  // Commands that change something are not answered without doing it.
  if (command.reply.length === 0) return false
  if (!CHANGING.has(command.name)) return true
  return told.isAlways(exchange) && !isSet(told, exchange)
}

/** Whether the trace has a command that changes this resource. */
function isSet(told: Told, { request }: Exchange): boolean {
  const id = request.length >= 4 ? viewOf(request).getUint32(0, true) : undefined
  return told.protocol.commands.some(({ name, reply, request: fields }) => {
    const isChange = reply.length === 0 && /_SET$|^RESET$/.test(name) && idField(fields) !== undefined
    return isChange && told.answers(name, id).some(({ status }) => status === SUCCESS)
  })
}

/** The answers to one request, each change once. */
function recordedLines(
  protocol: string | number,
  message: string | number,
  answers: readonly Exchange[],
): RecordedLine[] {
  const lines: RecordedLine[] = []
  let leftOut = 0
  for (const [i, { request, status = SUCCESS, reply }] of answers.entries()) {
    const before = answers[i - 1]
    if (before && before.status === status && hex(before.reply) === hex(reply)) continue
    if (lines.length === ANSWERS_MAX) leftOut++
    else {
      lines.push({
        protocol,
        message,
        ...(request.length > 0 ? { request: hex(request) } : {}),
        ...(status === SUCCESS ? {} : { status: statusKey(status) }),
        ...(reply.length > 0 ? { reply: hex(reply) } : {}),
      })
    }
  }
  if (leftOut > 0) lines.at(-1)!.note = `${leftOut} further answers are left out`
  return lines
}

/** All answers of a protocol that has no model. */
export function recordAll(
  protocol: string | number,
  exchanges: readonly Exchange[],
  told: Told | undefined,
): RecordedLine[] {
  const requests = new Map<string, Exchange[]>()
  for (const exchange of exchanges) {
    if (exchange.status === undefined) continue
    pushTo(requests, `${exchange.messageId} ${hex(exchange.request)}`, exchange)
  }
  return [...requests.values()].flatMap(some => {
    const [first] = some
    const name = told?.command(first!)?.name ?? commonName(first!.messageId)
    return recordedLines(protocol, told ? name : first!.messageId, some).map((line, i) => {
      return i === 0 && !told && typeof name === 'string' ? { ...line, note: line.note ?? name } : line
    })
  })
}

const COMMON: Readonly<Record<number, string>> = {
  [PROTOCOL_VERSION]: 'PROTOCOL_VERSION',
  1: 'PROTOCOL_ATTRIBUTES',
  [PROTOCOL_MESSAGE_ATTRIBUTES]: 'PROTOCOL_MESSAGE_ATTRIBUTES',
}
const commonName = (id: number): string | number => COMMON[id] ?? id
