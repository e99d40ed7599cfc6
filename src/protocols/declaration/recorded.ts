/**
 * Answers that the platform file has as they were recorded on a board (`recorded`). They come before what the model would
 * answer. A protocol that the platform has no model of is served from them alone. Not hot: only messages with recorded
 * answers come here.
 */
import type { Platform } from '../../platform/core/platform.js'
import type { RecordedAnswer } from '../../platform/core/platform-config.js'
import { IDS } from '../../wire/header.js'
import { type MessageWriter, RequestReader } from '../../wire/message.js'
import { COMMS_ERROR, NOT_FOUND, NOT_SUPPORTED, PROTOCOL_ERROR, statusName } from '../../wire/status.js'
import { PROTOCOL_VERSION } from './define-protocol.js'
import type { AgentProtocol, Command, Protocol } from './protocol.js'

/** Answers by message id, then by the request's payload as hex digits. */
export type Records = ReadonlyMap<number, ReadonlyMap<string, readonly RecordedAnswer[]>>

/** What is recorded of each protocol, by id. */
export function recordsOf({ config }: Platform): ReadonlyMap<number, Records> {
  const protocols = new Map<number, Map<number, Map<string, RecordedAnswer[]>>>()
  for (const answer of config.recorded) {
    const messages = entryOf(protocols, answer.protocolId, () => new Map<number, Map<string, RecordedAnswer[]>>())
    if (answer.messageId === undefined) continue
    const requests = entryOf(messages, answer.messageId, () => new Map<string, RecordedAnswer[]>())
    entryOf(requests, answer.request, (): RecordedAnswer[] => []).push(answer)
  }
  return protocols
}

function entryOf<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  let value = map.get(key)
  if (value === undefined) map.set(key, (value = create()))
  return value
}

const bare = (id: number): Command => ({
  id,
  name: `0x${id.toString(16)}`,
  request: [],
  reply: [],
  requestMin: 0,
  requestFixed: true,
  replyMin: 0,
  since: 0,
  needsEvents: false,
  needsShared: false,
  changes: false,
  delayed: undefined,
  attributes: () => 0,
  handler: () => NOT_SUPPORTED,
})

/** A protocol that is served from recorded answers alone; `declared` gives names and layouts, if the protocol is known. */
export function recordedProtocol(id: number, records: Records, declared: Protocol | undefined): Protocol {
  const known = declared?.commands.filter(command => records.has(command.id)) ?? []
  const others = [...records.keys()].filter(message => !known.some(command => command.id === message))
  const commands = [...known, ...others.map(bare)]
  const [version] = records.get(PROTOCOL_VERSION)?.get('') ?? []
  const word = version && version.reply.length >= 4 ? new DataView(version.reply.buffer).getUint32(0, true) : undefined
  const usual = word ?? declared?.usual ?? 0x10000
  return {
    id,
    name: declared?.name ?? `0x${id.toString(16)}`,
    versions: [usual],
    usual,
    negotiateSince: 0,
    resource: undefined as never,
    takesPadding: false,
    notFirm: '',
    attach: () => ({}),
    show: () => ({}),
    commands,
    events: declared?.events ?? [],
    commandsOf(version) {
      const table: (Command | undefined)[] = []
      for (const command of commands) if (command.since <= version || !table[command.id]) table[command.id] = command
      return table
    },
  }
}

/**
 * The commands of a protocol, recorded answers first. `isAlone`: there is no model, and all other requests are answered
 * that they are not recorded.
 */
export function withRecords(
  commands: readonly (Command | undefined)[],
  records: Records,
  isAlone: boolean,
): (Command | undefined)[] {
  return Array.from(
    { length: isAlone ? IDS : Math.max(commands.length, ...[...records.keys()].map(id => id + 1)) },
    (_, id) => {
      const model = isAlone ? undefined : commands[id]
      const answers = records.get(id)
      if (!answers && !isAlone) return model
      return answering(commands[id] ?? bare(id), answers ?? new Map(), model)
    },
  )
}

/** A command with these answers. What is not recorded goes to `model`, or is told once. */
function answering(
  command: Command,
  answers: ReadonlyMap<string, readonly RecordedAnswer[]>,
  model: Command | undefined,
): Command {
  /** How many answers were given, by request. */
  const given = new Map<readonly RecordedAnswer[], number>()
  return {
    ...command,
    requestMin: 0,
    requestFixed: false,
    replyMin: 0,
    handler(state, request, reply, protocol) {
      const { header } = request
      const payload = request.rest()
      const found = answers.get(Buffer.from(payload.buffer).toString('hex'))
      if (!found)
        return model
          ? byModel(model, header, payload, { state, reply, protocol })
          : unrecorded(command, answers.size > 0, protocol)
      const count = given.get(found) ?? 0
      given.set(found, Math.min(count + 1, found.length))
      const answer = found[Math.min(count, found.length - 1)]!
      const { protocol: declared, agent } = protocol
      agent.platform.tellOnce(
        `${declared.name} ${command.name}: the answer is one of those recorded in the platform file`,
      )
      for (const byte of answer.reply) reply.u8(byte)
      return answer.status
    },
  }
}

interface Call {
  state: Parameters<Command['handler']>[0]
  reply: MessageWriter
  protocol: AgentProtocol
}

/** Runs the command of the model on a copy of its payload, after the checks of its size that dispatch left out. */
function byModel(model: Command, header: number, payload: Uint8Array, { state, reply, protocol }: Call): number {
  const { requestMin, requestFixed, replyMin } = model
  if (payload.length < requestMin || (requestFixed && payload.length > requestMin)) return PROTOCOL_ERROR
  if (reply.room(1) < replyMin) return COMMS_ERROR
  const bytes = new DataView(new ArrayBuffer(4 + payload.length))
  bytes.setUint32(0, header, true)
  new Uint8Array(bytes.buffer).set(payload, 4)
  const request = new RequestReader(bytes)
  request.open(0, bytes.byteLength)
  return model.handler(state, request, reply, protocol)
}

/**
 * `isKnown`: other requests of this message are recorded. The log tells of it once for each message: guests decide what their
 * requests hold, so that is not in the text.
 */
function unrecorded({ name }: Command, isKnown: boolean, { protocol, agent }: AgentProtocol): number {
  const { platform } = agent
  const status = isKnown ? NOT_FOUND : platform.config.unknownMessage
  platform.tellOnce(`${protocol.name} ${name}: a request is not recorded in the platform file: ${statusName(status)}`)
  return status
}
