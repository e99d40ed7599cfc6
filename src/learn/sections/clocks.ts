/** The clocks that a board told of. */
import * as CLOCK from '../../protocols/clock.js'
import { V2, V3 } from '../../protocols/clock-view.js'
import { SUCCESS } from '../../wire/status.js'
import { type Draft, draftsOf, Names, nameOf, type Section } from '../draft.js'
import { hertz, medianUs, microseconds } from '../quantities.js'
import { putGrants, putValues } from '../ranges.js'
import type { Answer, Told } from '../told.js'

const CONFIG_TYPE = 0xff

const WORDS = {
  count: 'num_rates_flags',
  value: 'rate',
  list: 'rates',
  one: 'rate',
  kind: 'rate',
  format: hertz,
} as const

export function clocks(told: Told): Section {
  const names = new Names()
  const drafts = draftsOf(told, 'CLOCK_ATTRIBUTES', (draft, answer) => clock(told, draft, answer, names))
  const byId = new Map(drafts.map(draft => [draft.id, draft]))
  for (const draft of drafts) putParents(told, draft, byId)
  return { key: 'clocks', drafts, notes: [] }
}

function clock(told: Told, draft: Draft, answer: Answer | undefined, names: Names): void {
  const { id } = draft
  names.give(draft, nameOf(told, answer, 'CLOCK_NAME_GET', id), 'clock')
  const flags = Number(answer?.reply.attributes ?? 0)
  putValues(draft, told.list('CLOCK_DESCRIBE_RATES', id), told.number('CLOCK_RATE_GET', id, 'rate'), WORDS)
  if (answer) draft.put('enabled', (flags & CLOCK.ENABLED) !== 0 || undefined)
  else draft.guess('enabled')
  putPermissions(told, draft, flags)
  if (told.version >= V2 && answer) {
    const both = CLOCK.RATE_CHANGED_NOTIFICATIONS + CLOCK.RATE_REQUESTED_NOTIFICATIONS
    if ((flags & both) === 0) draft.put('notify', false)
    const delay = Number(answer.reply.enable_delay ?? 0)
    if (delay > 0) draft.put('enable_delay', microseconds(delay))
  }
  if (told.version >= V3 && flags & CLOCK.EXTENDED_CONFIG) putExtended(told, draft)
  putSets(told, draft)
}

function putPermissions(told: Told, draft: Draft, flags: number): void {
  const { id } = draft
  const word = told.number('CLOCK_GET_PERMISSIONS', id, 'permissions')
  if (word !== undefined) {
    const may = { state: CLOCK.MAY_SET_STATE, parent: CLOCK.MAY_SET_PARENT, rate: CLOCK.MAY_SET_RATE }
    const denied = Object.entries(may).filter(([, flag]) => !(word & flag))
    if (denied.length > 0) draft.put('permissions', Object.fromEntries(denied.map(([key]) => [key, false])))
    return
  }
  const denied = { state: told.isDenied('CLOCK_CONFIG_SET', id), rate: told.isDenied('CLOCK_RATE_SET', id) }
  const keys = Object.entries(denied).filter(([, is]) => is)
  if (keys.length > 0) draft.put('permissions', Object.fromEntries(keys.map(([key]) => [key, false])))
  else if (told.version < V3 || flags & CLOCK.RESTRICTED) draft.unseen.push('permissions')
}

/** The configuration types that were read; without any, one that firmware mostly has. */
function putExtended(told: Told, draft: Draft): void {
  const oem: Record<string, number> = {}
  for (const { status, request, reply } of told.answers('CLOCK_CONFIG_GET', draft.id)) {
    const type = Number(request.flags) & CONFIG_TYPE
    const value = Number(reply.extended_config_val)
    if (status !== SUCCESS || type === 0) continue
    if (type === 1 && value >= 1 && value <= 99) draft.values.duty_cycle ??= value
    else if (type === 2) draft.values.phase ??= value
    else if (type >= 0x80) oem[`0x${type.toString(16)}`] ??= value
  }
  if (Object.keys(oem).length > 0) draft.put('oem', oem)
  if (!['duty_cycle', 'phase', 'oem'].some(key => key in draft.values)) draft.guess('oem', { '0x80': 0 })
}

function putSets(told: Told, draft: Draft): void {
  const { id } = draft
  putGrants(told, draft, { set: 'CLOCK_RATE_SET', get: 'CLOCK_RATE_GET', field: 'rate', format: hertz })
  const later = told.answers('CLOCK_RATE_SET', id).flatMap(({ status, request, exchange }) => {
    return status === SUCCESS && Number(request.flags) & CLOCK.ASYNC ? (exchange.delayedNs ?? []) : []
  })
  const latency = medianUs(later)
  if (latency !== undefined) draft.put('latency', microseconds(latency))
}

function putParents(told: Told, draft: Draft, byId: ReadonlyMap<number, Draft>): void {
  const listed = told.list('CLOCK_POSSIBLE_PARENTS_GET', draft.id)
  const ids = listed?.entries.map(entry => Number(entry.clock_id)) ?? []
  const parents = ids.flatMap(id => byId.get(id)?.name ?? [])
  if (parents.length === 0) return
  draft.put('parents', parents)
  if (!listed?.complete) draft.unseen.push('the rest of its parents')
  const parent = told.number('CLOCK_PARENT_GET', draft.id, 'parent_id')
  const name = parent === undefined ? undefined : byId.get(parent)?.name
  if (name === undefined) draft.unseen.push('parent')
  else if (name !== parents[0] && parents.includes(name)) draft.put('parent', name)
}
