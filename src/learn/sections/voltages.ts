/** The voltage domains that a board told of. */
import { OFF, ON } from '../../platform/voltages/model.js'
import * as VOLTAGE from '../../protocols/voltage.js'
import { DENIED, SUCCESS } from '../../wire/status.js'
import { type Draft, draftsOf, Names, nameOf, type Section } from '../draft.js'
import { medianUs, microseconds, microvolts } from '../quantities.js'
import { grantsOf, putValues } from '../ranges.js'
import type { Answer, Told } from '../told.js'

const COUNT = 0xffff
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
  const attributes = told.number('PROTOCOL_ATTRIBUTES', undefined, 'attributes')
  const names = new Names()
  const count = attributes === undefined ? undefined : attributes & COUNT
  const drafts = draftsOf(told, 'VOLTAGE_DOMAIN_ATTRIBUTES', count, (draft, answer) =>
    domain(told, draft, answer, names),
  )
  return { key: 'voltages', drafts, notes: [] }
}

function domain(told: Told, draft: Draft, answer: Answer | undefined, names: Names): void {
  const { id } = draft
  names.give(draft, nameOf(told, answer, 'VOLTAGE_DOMAIN_NAME_GET', id), 'voltage')
  const current = told.number('VOLTAGE_LEVEL_GET', id, 'voltage_level')
  putValues(draft, told.list('VOLTAGE_DESCRIBE_LEVELS', id), current, WORDS)
  putMode(told, draft)
  const isDenied = (command: string): boolean => {
    const answers = told.answers(command, id)
    return answers.length > 0 && answers.every(({ status }) => status === DENIED)
  }
  const denied = [
    ...(isDenied('VOLTAGE_CONFIG_SET') ? ['mode'] : []),
    ...(isDenied('VOLTAGE_LEVEL_SET') ? ['level'] : []),
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
  const done = told.answers('VOLTAGE_LEVEL_SET', id).filter(({ status }) => status === SUCCESS)
  const read = told.answers('VOLTAGE_LEVEL_GET', id).filter(({ status }) => status === SUCCESS)
  const sets = done.map(set => ({ at: told.at(set), value: Number(set.request.voltage_level) }))
  const grants = grantsOf(
    sets,
    read.map(get => ({ at: told.at(get), value: Number(get.reply.voltage_level) })),
  )
  if (grants.size > 0)
    draft.put('grants', Object.fromEntries([...grants].map(([asked, got]) => [asked, microvolts(got)])))
  if (!answer || Math.floor(Number(answer.reply.attributes) / VOLTAGE.ASYNC_LEVEL_SET) % 2 === 0) return
  const latency = medianUs(done.flatMap(({ exchange }) => exchange.delayedNs ?? []))
  draft.put('async', latency === undefined ? {} : { latency: microseconds(latency) })
}
