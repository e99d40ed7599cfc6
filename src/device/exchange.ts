/** Dispatch of a message that is in no ring: for clients in this process, replays and tests. Allocates; not hot. */
import type { Agent } from '../protocols/declaration/agent.js'
import { MessageWriter, RequestReader } from '../wire/message.js'
import { dispatch } from './dispatch.js'

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/**
 * Executes a whole message for `agent`, with the first `capacity` bytes of `memory` (not a Buffer) as the reply buffer.
 * Returns a copy of the reply, empty if there is none.
 */
export function exchange(
  agent: Agent,
  message: Uint8Array,
  capacity: number,
  memory: Uint8Array = new Uint8Array(capacity),
): Uint8Array {
  const request = new RequestReader(viewOf(message))
  request.open(0, message.length)
  const reply = new MessageWriter(viewOf(memory))
  reply.open(0, capacity)
  return memory.slice(0, dispatch(agent, request, message.length, reply, capacity))
}
