/** The powercap domains that a board told of. */
import * as POWERCAP from '../../protocols/powercap.js'
import type { Values } from '../../wire/fields.js'
import { type Draft, draftsOf, Names, nameOf, type Section } from '../draft.js'
import { putFastChannels } from '../fast-channels.js'
import { medianUs, microseconds } from '../quantities.js'
import type { Answer, Told } from '../told.js'

const UNIT_MASK = 3 << 23
/** A domain without a parent tells its own id, or this. */
const NO_PARENT = 0xffff_ffff
const UNCAPPED = 0
const ACCURACY_STEPS = 1000

export function powercaps(told: Told): Section {
  const names = new Names()
  const parents = new Map<Draft, number>()
  const drafts = draftsOf(told, 'POWERCAP_DOMAIN_ATTRIBUTES', (draft, answer) => {
    domain(told, draft, answer, names)
    if (answer) parents.set(draft, Number(answer.reply.parent_id))
  })
  for (const draft of drafts) {
    const parent = parents.get(draft)
    if (parent === undefined || parent === draft.id || parent === NO_PARENT) continue
    draft.put('parent', drafts.find(({ id }) => id === parent)?.name)
  }
  return { key: 'powercaps', drafts, notes: [] }
}

function domain(told: Told, draft: Draft, answer: Answer | undefined, names: Names): void {
  const { id } = draft
  names.give(draft, nameOf(told, answer, 'POWERCAP_DOMAIN_NAME_GET', id), 'powercap')
  if (!answer) {
    draft.guess('cap', 1)
    return
  }
  const { reply } = answer
  const flags = Number(reply.attributes)
  const unit = Object.entries(POWERCAP.UNITS).find(([, bits]) => (flags & UNIT_MASK) === bits)?.[0]
  draft.put('unit', unit)
  const cap = told.number('POWERCAP_CAP_GET', id, 'power_cap')
  putCap(draft, reply, cap)
  putPai(told, draft, reply)
  if (Number(reply.sustainable_power) > 0) draft.put('sustainable_power', Number(reply.sustainable_power))
  if (Number(reply.accuracy) > 0) draft.put('accuracy', Number(reply.accuracy) / ACCURACY_STEPS)
  if (flags & POWERCAP.MONITORED) {
    const power = told.number('POWERCAP_MEASUREMENTS_GET', id, 'power')
    if (power === undefined) draft.guess('power', 0)
    else draft.put('power', power)
  }
  if (flags & POWERCAP.ASYNC_CAP_SET) {
    const latency = medianUs(told.answers('POWERCAP_CAP_SET', id).flatMap(({ exchange }) => exchange.delayedNs ?? []))
    draft.put('async', latency === undefined ? {} : { latency: microseconds(latency) })
  }
  if (!(flags & POWERCAP.CAP_NOTIFICATIONS)) draft.put('notify', false)
  if (flags & POWERCAP.FAST_CHANNELS) putFastChannels(told, draft, 'POWERCAP_DESCRIBE_FASTCHANNEL')
}

function putCap(draft: Draft, reply: Values, cap: number | undefined): void {
  const [min, max, step] = [Number(reply.min_power_cap), Number(reply.max_power_cap), Number(reply.power_cap_step)]
  if (min !== max) draft.put('cap_range', { min, max, step })
  if (cap === undefined) draft.unseen.push('cap')
  if (cap === UNCAPPED) draft.put('enabled', false)
  else if (cap !== undefined && cap !== max && min !== max) draft.put('cap', cap)
  if (min === max) draft.put('cap', max)
}

function putPai(told: Told, draft: Draft, reply: Values): void {
  const [min, max, step] = [Number(reply.min_pai), Number(reply.max_pai), Number(reply.pai_step)]
  const pai = told.number('POWERCAP_PAI_GET', draft.id, 'pai')
  if (min !== max) {
    draft.put('pai_range', { min: microseconds(min), max: microseconds(max), step: microseconds(step) })
    if (pai !== undefined && pai !== min) draft.put('pai', microseconds(pai))
  } else if (min > 0) draft.put('pai', microseconds(min))
}
