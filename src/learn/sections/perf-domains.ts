/** The performance domains that a board told of. */
import * as PERF from '../../protocols/perf.js'
import type { Values } from '../../wire/fields.js'
import { type Draft, draftsOf, type Names, nameOf, type Section } from '../draft.js'
import { putFastChannels } from '../fast-channels.js'
import { hertz, listOddities, microseconds } from '../quantities.js'
import { putGrants } from '../ranges.js'
import type { Answer, Told } from '../told.js'

const LATENCY = 0xffff
const RATE_LIMIT = 0xf_ffff
const V4 = 0x40000
const HZ_PER_KHZ = 1000

export function perfDomains(told: Told, names: Names): Section {
  const attributes = told.number('PROTOCOL_ATTRIBUTES', undefined, 'attributes')
  const unit = unitOf(attributes ?? PERF.POWER_MILLIWATT)
  const drafts = draftsOf(told, 'PERFORMANCE_DOMAIN_ATTRIBUTES', (draft, answer) => {
    domain(told, draft, answer, names)
    if (unit !== 'milliwatt') draft.put('power_unit', unit)
  })
  return { key: 'perf_domains', drafts, notes: [] }
}

function unitOf(attributes: number): string {
  if (attributes & PERF.POWER_MICROWATT) return 'microwatt'
  return attributes & PERF.POWER_MILLIWATT ? 'milliwatt' : 'abstract'
}

function domain(told: Told, draft: Draft, answer: Answer | undefined, names: Names): void {
  const { id } = draft
  names.give(draft, nameOf(told, answer, 'PERFORMANCE_DOMAIN_NAME_GET', id), 'perf')
  const flags = Number(answer?.reply.attributes ?? 0)
  const isIndexed = told.version >= V4 && (flags & PERF.LEVEL_INDEXING) !== 0
  const listed = told.list('PERFORMANCE_DESCRIBE_LEVELS', id)
  const entries = listed?.entries.filter(entry => Number(entry.performance_level) > 0) ?? []
  const levels = entries.map((entry, i) => level(entry, i, told.version >= V4, khzOf(answer?.reply)))
  if (levels.length > 0) draft.put('levels', levels)
  else draft.guess('levels', [{ level: 1, power: 1 }])
  if (listed && !listed.complete) draft.unseen.push('the rest of its levels')
  for (const oddity of listOddities(
    levels.map(({ level }) => Number(level)),
    'level',
  ))
    draft.odd(oddity)
  if (levels.some(({ power }) => power === 0)) draft.odd('zero_power')
  if (isIndexed) draft.put('level_indexing', true)
  if (!answer) {
    if (levels.length > 0)
      draft.guess('sustained_frequency', hertz(1e6 * Math.max(...levels.map(({ level }) => Number(level)))))
    else draft.guess('sustained_frequency', hertz(1e6))
    return
  }
  putSustained(draft, answer.reply, levels, isIndexed)
  putFlags(told, draft, answer.reply, flags)
  const indexes = isIndexed ? entries : undefined
  putStart(told, draft, levels, indexes)
}

/** The frequency of a level in kHz, where the file does not say it. */
function khzOf(reply: Values | undefined): (level: number) => number | undefined {
  const [khz, sustained] = [Number(reply?.sustained_freq ?? 0), Number(reply?.sustained_perf_level ?? 0)]
  return level => (khz > 0 && sustained > 0 ? Math.round((khz * level) / sustained) : undefined)
}

function level(
  entry: Values,
  position: number,
  isV4: boolean,
  proportional: (level: number) => number | undefined,
): Record<string, unknown> & { level: number; power: number } {
  const [value, power, latency] = [Number(entry.performance_level), Number(entry.power_cost), Number(entry.attributes)]
  const found: Record<string, unknown> & { level: number; power: number } = { level: value, power }
  found.latency = microseconds(latency & LATENCY)
  if (!isV4) return found
  const khz = Number(entry.indicative_frequency ?? 0)
  if (khz > 0 && khz !== proportional(value)) found.frequency = hertz(khz * HZ_PER_KHZ)
  if (entry.level_index !== undefined && Number(entry.level_index) !== position) found.index = Number(entry.level_index)
  return found
}

function putSustained(draft: Draft, reply: Values, levels: readonly { level: number }[], isIndexed: boolean): void {
  const [khz, sustained] = [Number(reply.sustained_freq), Number(reply.sustained_perf_level)]
  const highest = Math.max(...levels.map(({ level }) => level))
  if (sustained !== highest) draft.put('sustained_level', sustained)
  draft.put('sustained_frequency', khz === 0 ? 0 : hertz(khz * HZ_PER_KHZ))
  if (khz === 0 || sustained === 0) draft.odd('zero_sustained')
  else if (!isIndexed && (khz * HZ_PER_KHZ) % sustained !== 0) draft.odd('fractional_sustained')
}

function putFlags(told: Told, draft: Draft, reply: Values, flags: number): void {
  const denied = [...(flags & PERF.MAY_SET_LEVEL ? [] : ['level']), ...(flags & PERF.MAY_SET_LIMITS ? [] : ['limits'])]
  if (denied.length > 0) draft.put('permissions', Object.fromEntries(denied.map(key => [key, false])))
  const silent = [
    ...(flags & PERF.LEVEL_NOTIFICATIONS ? [] : ['level']),
    ...(flags & PERF.LIMITS_NOTIFICATIONS ? [] : ['limits']),
  ]
  if (silent.length > 0) draft.put('notify', Object.fromEntries(silent.map(key => [key, false])))
  const limit = Number(reply.rate_limit) & RATE_LIMIT
  if (limit > 0) draft.put('rate_limit', microseconds(limit))
  if (flags & PERF.FAST_CHANNELS) putFastChannels(told, draft, 'PERFORMANCE_DESCRIBE_FASTCHANNEL')
}

/** Level and limits at start; with indexing messages have indexes. */
function putStart(
  told: Told,
  draft: Draft,
  levels: readonly { level: number }[],
  indexes: readonly Values[] | undefined,
): void {
  const { id } = draft
  const levelOf = (word: number): number | undefined => {
    const level = indexes ? indexes.find(entry => Number(entry.level_index) === word)?.performance_level : word
    return level === undefined || !levels.some(other => other.level === Number(level)) ? undefined : Number(level)
  }
  const start = told.number('PERFORMANCE_LEVEL_GET', id, 'performance_level')
  if (start === undefined) draft.unseen.push('level')
  else if (start !== Number(draft.values.sustained_level ?? Math.max(...levels.map(({ level }) => level)))) {
    draft.put('level', levelOf(start))
  }
  const values = levels.map(({ level }) => level)
  const bound = (field: string): number | undefined => {
    const word = told.number('PERFORMANCE_LIMITS_GET', id, field)
    return word === undefined ? undefined : levelOf(word)
  }
  const [min, max] = [bound('range_min'), bound('range_max')]
  const limits = {
    ...(min !== undefined && min !== Math.min(...values) ? { min } : {}),
    ...(max !== undefined && max !== Math.max(...values) ? { max } : {}),
  }
  if (Object.keys(limits).length > 0) draft.put('limits', limits)
  const [set, get] = ['PERFORMANCE_LEVEL_SET', 'PERFORMANCE_LEVEL_GET']
  putGrants(told, draft, { set, get, field: 'performance_level', valueFor: levelOf, format: level => level })
}
