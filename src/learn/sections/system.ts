/** What a board told of its system power. */
import * as SYSTEM from '../../protocols/system.js'
import type { Section } from '../draft.js'
import type { Told } from '../told.js'

const STATE_SET = 'SYSTEM_POWER_STATE_SET'

export function system(told: Told): Section {
  const id = told.protocol.commands.find(({ name }) => name === STATE_SET)!.id
  const asked = told.answers('PROTOCOL_MESSAGE_ATTRIBUTES').find(({ request }) => Number(request.message_id) === id)
  const flags = Number(asked?.reply.attributes ?? 0)
  const map = {
    ...(flags & SYSTEM.WARM_RESET ? { warm_reset: true } : {}),
    ...(flags & SYSTEM.SUSPEND ? { suspend: true } : {}),
  }
  const notes = asked ? [] : ['not seen: warm_reset, suspend']
  return { key: 'system', drafts: [], map, notes }
}
