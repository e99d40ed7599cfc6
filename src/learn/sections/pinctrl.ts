/** The pins, groups and functions that a board told of. */
import { TYPE_NAMES } from '../../platform/pins/settings.js'
import * as PINCTRL from '../../protocols/pinctrl.js'
import { FUNCTION, GROUP, PIN } from '../../protocols/pinctrl-view.js'
import type { Values } from '../../wire/fields.js'
import { NOT_FOUND, SUCCESS } from '../../wire/status.js'
import { Draft, Names, type Section } from '../draft.js'
import type { Answer, Told } from '../told.js'

const COUNT = 0xffff
const GROUPS_AT = 16
const SELECTOR_AT = 16
const SELECTOR = 0x3
const OEM_MIN = 0xc0

/** Without `kind` of an id there is nothing to look up. */
const KINDS = [
  { selector: PIN, list: 'pins', kind: 'pin' },
  { selector: GROUP, list: 'groups', kind: 'group' },
  { selector: FUNCTION, list: 'functions', kind: 'function' },
] as const

export function pinctrl(told: Told): Section[] {
  const counts = told.reply('PROTOCOL_ATTRIBUTES')
  const low = Number(counts?.attributes_low ?? 0)
  const numbers = [low & COUNT, low >>> GROUPS_AT, Number(counts?.attributes_high ?? 0) & COUNT]
  const sections = KINDS.map(({ selector, list, kind }, i): Section => {
    const names = new Names()
    const drafts = idsOf(told, selector, numbers[i]!).map(id => named(told, new Draft(id), selector, kind, names))
    return { key: 'pinctrl', list, drafts, notes: [] }
  })
  const [pins, groups, functions] = sections.map(({ drafts }) => new Map(drafts.map(draft => [draft.id, draft])))
  addMissingPins(told, sections[0]!.drafts, pins!, groups!)
  for (const draft of groups!.values()) putMembers(told, draft, GROUP, 'pins', pins!)
  for (const draft of functions!.values()) putFunction(told, draft, groups!, pins!)
  for (const draft of pins!.values()) putSettings(told, draft, PIN, functions!)
  for (const draft of groups!.values()) putSettings(told, draft, GROUP, functions!)
  return sections
}

const about = (told: Told, command: string, selector: number, id: number): readonly Answer[] =>
  told.answers(command, id).filter(({ request }) => Number(request.flags) === selector)

/** Ids that were asked about and are there, and the last one that is counted. */
function idsOf(told: Told, selector: number, count: number): number[] {
  const asked = ['PINCTRL_ATTRIBUTES', 'PINCTRL_NAME_GET'].flatMap(command =>
    told.idsOf(command).map(id => ({ command, id })),
  )
  const there = asked.filter(({ command, id }) => {
    const answers = about(told, command, selector, id)
    return id < count && answers.some(({ status }) => status !== NOT_FOUND)
  })
  const ids = new Set(there.map(({ id }) => id))
  if (count > 0) ids.add(count - 1)
  return [...ids].sort((a, b) => a - b)
}

function named(told: Told, draft: Draft, selector: number, kind: string, names: Names): Draft {
  const reply = (command: string): Values | undefined =>
    about(told, command, selector, draft.id).find(({ status }) => status === SUCCESS)?.reply
  const name = reply('PINCTRL_NAME_GET')?.name ?? reply('PINCTRL_ATTRIBUTES')?.name
  names.give(draft, name === undefined ? undefined : String(name), kind)
  const flags = Number(reply('PINCTRL_ATTRIBUTES')?.attributes ?? 0)
  if (flags & PINCTRL.GPIO_FUNCTION) draft.put('gpio', true)
  return draft
}

/** Groups can have pins that nobody asked about. */
function addMissingPins(
  told: Told,
  drafts: Draft[],
  pins: Map<number, Draft>,
  groups: ReadonlyMap<number, Draft>,
): void {
  const names = new Names()
  for (const { name } of drafts) names.give(new Draft(0), name, 'pin')
  for (const id of groups.keys()) {
    for (const pin of membersOf(told, id, GROUP)) {
      if (pins.has(pin)) continue
      const draft = new Draft(pin)
      names.give(draft, undefined, 'pin')
      pins.set(pin, draft)
      drafts.push(draft)
    }
  }
  drafts.sort((a, b) => a.id - b.id)
}

const membersOf = (told: Told, id: number, selector: number): number[] =>
  told.list('PINCTRL_LIST_ASSOCIATIONS', id, { flags: selector })?.entries.map(entry => Number(entry.identifier)) ?? []

function putMembers(told: Told, draft: Draft, selector: number, key: string, known: ReadonlyMap<number, Draft>): void {
  const members = membersOf(told, draft.id, selector).flatMap(id => known.get(id)?.name ?? [])
  if (members.length > 0) draft.put(key, members)
  else {
    const [any] = known.values()
    draft.guess(key, any ? [any.name] : [])
  }
}

function putFunction(
  told: Told,
  draft: Draft,
  groups: ReadonlyMap<number, Draft>,
  pins: ReadonlyMap<number, Draft>,
): void {
  const attributes = about(told, 'PINCTRL_ATTRIBUTES', FUNCTION, draft.id).find(({ status }) => status === SUCCESS)
  const ofPins = (Number(attributes?.reply.attributes ?? 0) & PINCTRL.PIN_ONLY_FUNCTION) !== 0 || groups.size === 0
  if (ofPins) putMembers(told, draft, FUNCTION, 'pins', pins)
  else putMembers(told, draft, FUNCTION, 'groups', groups)
}

/** Values and function at start, where the kernel read them. */
function putSettings(told: Told, draft: Draft, selector: number, functions: ReadonlyMap<number, Draft>): void {
  const answers = told.answers('PINCTRL_SETTINGS_GET', draft.id).filter(({ request, status }) => {
    return status === SUCCESS && ((Number(request.attributes) >>> SELECTOR_AT) & SELECTOR) === selector
  })
  const configs: Record<string, unknown> = {}
  const oem: Record<string, unknown> = {}
  for (const { reply } of answers) {
    for (const { type, value } of (reply.configs as Values[] | undefined) ?? []) {
      const name = TYPE_NAMES[Number(type)]
      if (name !== undefined) configs[name] ??= Number(value)
      else if (Number(type) >= OEM_MIN) oem[`0x${Number(type).toString(16)}`] ??= Number(value)
    }
  }
  if (Object.keys(oem).length > 0) configs.oem = oem
  if (Object.keys(configs).length > 0) draft.put('configs', configs)
  const selected = answers[0] && Number(answers[0].reply.function_selected)
  const name = selected === undefined || selected === PINCTRL.NO_FUNCTION ? undefined : functions.get(selected)?.name
  if (selector === PIN && name !== undefined) draft.put('function', name)
}
