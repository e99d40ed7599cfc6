/** The reset domains that a board told of. */
import * as RESET from '../../protocols/reset.js'
import { NOT_SUPPORTED } from '../../wire/status.js'
import { type Draft, draftsOf, Names, nameOf, type Section } from '../draft.js'
import { microseconds } from '../quantities.js'
import type { Answer, Told } from '../told.js'

export function resets(told: Told): Section {
  const names = new Names()
  const drafts = draftsOf(told, 'RESET_DOMAIN_ATTRIBUTES', (draft, answer) => domain(told, draft, answer, names))
  return { key: 'resets', drafts, notes: [] }
}

function domain(told: Told, draft: Draft, answer: Answer | undefined, names: Names): void {
  const { id } = draft
  names.give(draft, nameOf(told, answer, 'RESET_DOMAIN_NAME_GET', id), 'reset')
  const explicit = told.answers('RESET', id).filter(({ request }) => !(Number(request.flags) & RESET.AUTONOMOUS))
  if (explicit.length > 0 && explicit.every(({ status }) => status === NOT_SUPPORTED)) draft.put('explicit', false)
  if (!answer) return
  const flags = Number(answer.reply.attributes)
  const latency = Number(answer.reply.latency)
  if (flags & RESET.ASYNC_RESET) {
    draft.put('async', latency === RESET.LATENCY_UNKNOWN ? {} : { latency: microseconds(latency) })
  }
  if (!(flags & RESET.RESET_NOTIFICATIONS)) draft.put('notify', false)
}
