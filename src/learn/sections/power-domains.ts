/** The power domains that a board told of. */
import { OFF, ON } from '../../platform/power-domains/model.js'
import * as POWER from '../../protocols/power.js'
import { DENIED, SUCCESS } from '../../wire/status.js'
import { type Draft, draftsOf, type Names, nameOf, type Section } from '../draft.js'
import type { Answer, Told } from '../told.js'

const CONTEXT_LOST = 0x4000_0000
const STATE_ID = 0x0fff_ffff

export function powerDomains(told: Told, names: Names): Section {
  const drafts = draftsOf(told, 'POWER_DOMAIN_ATTRIBUTES', (draft, answer) => domain(told, draft, answer, names))
  return { key: 'power_domains', drafts, notes: drafts.length > 0 ? ['parents are not told'] : [] }
}

function domain(told: Told, draft: Draft, answer: Answer | undefined, names: Names): void {
  const { id } = draft
  names.give(draft, nameOf(told, answer, 'POWER_DOMAIN_NAME_GET', id), 'power')
  const states = statesSeen(told, id)
  const others = [...new Set(states)].filter(state => state !== ON && state !== OFF)
  const nameOfState = (state: number): string =>
    state === ON ? 'on' : state === OFF ? 'off' : `state_${state & STATE_ID}${state & CONTEXT_LOST ? '_lost' : ''}`
  const named = others.map(state => ({
    name: nameOfState(state),
    id: state & STATE_ID,
    ...(state & CONTEXT_LOST ? { context_lost: true } : {}),
  }))
  const start = told.number('POWER_STATE_GET', id, 'power_state')
  if (start === undefined) draft.guess('state')
  else if (start !== OFF) draft.put('state', nameOfState(start))
  if (named.length > 0) draft.put('states', named)
  const offs = told.answers('POWER_STATE_SET', id).filter(({ request }) => Number(request.power_state) !== ON)
  if (offs.length > 0 && offs.every(({ status }) => status === DENIED)) draft.put('critical', true)
  if (!answer) return
  const flags = Number(answer.reply.attributes)
  if (flags & POWER.ASYNC_STATE_SET) draft.put('async', {}).unseen.push('latency')
  if (!(flags & POWER.SYNC_STATE_SET)) draft.put('sync', false)
  if (!(flags & POWER.STATE_CHANGED_NOTIFICATIONS)) draft.put('notify', false)
}

/** States that were read, or set with success. */
function statesSeen(told: Told, id: number): number[] {
  const read = told.answers('POWER_STATE_GET', id).filter(({ status }) => status === SUCCESS)
  const set = told.answers('POWER_STATE_SET', id).filter(({ status }) => status === SUCCESS)
  return [
    ...read.map(({ reply }) => Number(reply.power_state)),
    ...set.map(({ request }) => Number(request.power_state)),
  ].filter(state => state === ON || state === OFF || (state & STATE_ID) !== 0)
}
