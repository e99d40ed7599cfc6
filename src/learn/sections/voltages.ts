/** The voltage domains that a board told of. */
import { OFF, ON } from '../../platform/voltages/model.js'
import * as VOLTAGE from '../../protocols/voltage.js'
import { SUCCESS } from '../../wire/status.js'
import { type Draft, draftsOf, Names, nameOf, type Section } from '../draft.js'
import { medianUs, microseconds, microvolts } from '../quantities.js'
import { putGrants, putValues } from '../ranges.js'
import type { Answer, Told } from '../told.js'

/** Modes of implementations (SCMI v3.2 §4.9.2.6). */
const MODE_MIN = 8
const MODE_MAX = 15

const WORDS = {
  count: 'flags',
  value: 'level',
  list: 'levels',
  one: 'level',
  kind: 'level',
  format: microvolts,
} as const

export function voltages(told: Told): Section {
  const names = new Names()
  const drafts = draftsOf(told, 'VOLTAGE_DOMAIN_ATTRIBUTES', (draft, answer) => domain(told, draft, answer, names))
  return { key: 'voltages', drafts, notes: [] }
}

function domain(told: Told, draft: Draft, answer: Answer | undefined, names: Names): void {
  const { id } = draft
  names.give(draft, nameOf(told, answer, 'VOLTAGE_DOMAIN_NAME_GET', id), 'voltage')
  const current = told.number('VOLTAGE_LEVEL_GET', id, 'voltage_level')
  putValues(draft, told.list('VOLTAGE_DESCRIBE_LEVELS', id), current, WORDS)
  putMode(told, draft)
  const denied = [
    ...(told.isDenied('VOLTAGE_CONFIG_SET', id) ? ['mode'] : []),
    ...(told.isDenied('VOLTAGE_LEVEL_SET', id) ? ['level'] : []),
  ]
  if (denied.length > 0) draft.put('permissions', Object.fromEntries(denied.map(key => [key, false])))
  putSets(told, draft, answer)
}

function putMode(told: Told, draft: Draft): void {
  const mode = told.number('VOLTAGE_CONFIG_GET', draft.id, 'config')
  if (mode === undefined) {
    draft.guess('mode')
    return
  }
  if (mode === ON) draft.put('mode', 'on')
  else if (mode >= MODE_MIN && mode <= MODE_MAX) draft.put('mode', mode).put('modes', [mode])
  else if (mode !== OFF) draft.note(`mode ${mode} is reserved`)
}

function putSets(told: Told, draft: Draft, answer: Answer | undefined): void {
  const { id } = draft
  const [set, get] = ['VOLTAGE_LEVEL_SET', 'VOLTAGE_LEVEL_GET']
  putGrants(told, draft, { set, get, field: 'voltage_level', format: microvolts })
  if (!(Number(answer?.reply.attributes ?? 0) & VOLTAGE.ASYNC_LEVEL_SET)) return
  const done = told.answers(set, id).filter(({ status }) => status === SUCCESS)
  const latency = medianUs(done.flatMap(({ exchange }) => exchange.delayedNs ?? []))
  draft.put('async', latency === undefined ? {} : { latency: microseconds(latency) })
}
