/**
 * One message in, one reply out: looks the command up, checks sizes, runs the handler, frames the reply. Knows no
 * virtio; hot code, nothing here allocates.
 */
import type { Agent } from '../protocols/declaration/agent.js'
import type { Command } from '../protocols/declaration/protocol.js'
import { COMMAND, HEADER_SIZE, MESSAGE_MAX, messageIdOf, protocolIdOf, REPLY_MIN, typeOf } from '../wire/header.js'
import type { MessageWriter, RequestReader } from '../wire/message.js'
import { COMMS_ERROR, DENIED, NOT_SUPPORTED, PROTOCOL_ERROR, SUCCESS } from '../wire/status.js'

/** Longest payload taken, for commands of variable length: far above what any agent's transport carries. */
export const PAYLOAD_MAX = MESSAGE_MAX - HEADER_SIZE

/**
 * Answers the request that `request` is opened on (`length` bytes, header included) into `reply` (`capacity` bytes).
 * Returns the bytes written: 0 if the request has no header or the reply no room for header and status; such a command
 * is not carried out.
 */
export function dispatch(
  agent: Agent,
  request: RequestReader,
  length: number,
  reply: MessageWriter,
  capacity: number,
): number {
  if (length < HEADER_SIZE || capacity < REPLY_MIN) {
    agent.unanswerable++
    if (length >= HEADER_SIZE) agent.reportError(request.header, COMMS_ERROR)
    return 0
  }
  const { header } = request
  reply.begin(header, SUCCESS)
  const status = execute(agent, header, request, length - HEADER_SIZE, reply, capacity - REPLY_MIN)
  if (status !== SUCCESS) reply.begin(header, status)
  return reply.written
}

function isLongerRequest(command: Command, payload: number): boolean {
  return !command.requestFixed && payload > command.requestMin && payload <= PAYLOAD_MAX
}

/** The checks in the order that every command shares, then the handler; returns the status. */
function execute(
  agent: Agent,
  header: number,
  request: RequestReader,
  payload: number,
  reply: MessageWriter,
  room: number,
): number {
  const protocol = agent.protocols[protocolIdOf(header)]
  if (protocol === undefined) {
    agent.unknownProtocol++
    return NOT_SUPPORTED
  }
  const messageId = messageIdOf(header)
  const command = protocol.commands[messageId]
  let status: number
  // A protocol that the agent may not use has no commands for it.
  if (command === undefined) status = protocol.denied ? DENIED : agent.platform.config.unknownMessage
  else if (typeOf(header) !== COMMAND) status = PROTOCOL_ERROR
  else if (payload !== command.requestMin && !isLongerRequest(command, payload)) status = PROTOCOL_ERROR
  else if (room < command.replyMin) status = COMMS_ERROR
  else if (command.needsEvents && !agent.events.available) status = NOT_SUPPORTED
  else {
    if (command.changes) agent.changed = true
    status = command.handler(protocol.state, request, reply, protocol)
    if (reply.overflow && status === SUCCESS) status = COMMS_ERROR
  }
  protocol.counts.answered(messageId, status)
  return status
}
