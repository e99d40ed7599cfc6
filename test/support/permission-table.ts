/**
 * Every command in every version × every word of its request that is a resource's id × whose resource that is, made from
 * the protocols' declarations. The other words take some values each, so that selectors, flags and counts that give the id
 * its meaning are among them.
 */
import type { Command, Protocol } from '../../src/protocols/declaration/protocol.js'
import type { Field, Fields, Values } from '../../src/wire/fields.js'
import { statusName } from '../../src/wire/status.js'
import type { Random } from '../driver/random.js'
import { everyProtocol } from './agent.js'
import { isIdField, permissionSite, type Site } from './permission-site.js'

export const OWNERS = ['own', 'denied', 'beyond'] as const
type Owner = (typeof OWNERS)[number]

/** Ids as the guest numbers resources. Another agent's have none there, and come as `beyond`. */
const IDS: Record<Owner, readonly number[]> = { own: [0, 2], denied: [1], beyond: [3, 9, 0x7fff_ffff] }
const BOARD = 0x8000
const IDS_OF: Record<string, typeof IDS> = {
  'MISC_CONTROL ctrl_id': { own: [0, 2, BOARD], denied: [1, BOARD + 1], beyond: [3, BOARD + 3, 0xffff] },
  // Platform ids. CPU 0 is another agent's; an agent that manages that agent's machine may start it.
  'LMM_RESET_VECTOR_SET cpu_id': { own: [1, 3], denied: [2], beyond: [4, 9, 0x7fff_ffff] },
  'PINCTRL identifier': { own: [0, 2], denied: [1], beyond: [4, 9, 0x7fff_ffff] },
  'PINCTRL function_id': { own: [0, 2], denied: [1, 3], beyond: [4, 9, 0x7fff_ffff] },
}
/** Whether a message uses the id: without bit 10 of attributes, function_id is ignored. */
const COUNTS_IF: Record<string, (values: Values) => boolean> = {
  'PINCTRL function_id': values => (Number(values.attributes) & 0x400) !== 0,
}
/** Values for the other words: flags and selectors of various commands, and small numbers. */
const WORDS = [0, 1, 2, 0x400, 0x401, 0x4_0000, 0x5_0000, 0x2000_0000]

/** A message of Performance and of Powercap that has fast channels. */
const WITH_CHANNELS = 5

const MALFORMED = ['INVALID_PARAMETERS', 'PROTOCOL_ERROR']
/** Allowed statuses for each owner; at least one message of a row must get the last one. */
const ANSWERS: Record<Exclude<Owner, 'own'>, readonly string[]> = {
  denied: [...MALFORMED, 'DENIED'],
  beyond: [...MALFORMED, 'NOT_FOUND'],
}

export interface Row {
  protocol: Protocol
  version: number
  command: Command
  /** The word that is an id. */
  field: string
  owner: Owner
}

export const titleOf = ({ protocol, version, command, field, owner }: Row): string =>
  `${protocol.name} ${version >>> 16}.${version & 0xffff} ${command.name} ${field} ${owner}`

const scalarsOf = (command: Command): Fields => command.request.filter(({ kind }) => kind !== 'list')
const isWide = ({ kind }: Field): boolean => kind === 'u64' || kind === 's64'
const nameOf = (field: Field): string => (field.kind === 'optional' ? '' : field.name)

/** Commands of all protocols in all versions, without those that only Base has. */
export function commandsOfAll(): { protocol: Protocol; version: number; command: Command }[] {
  return everyProtocol
    .filter(({ name }) => name !== 'base')
    .flatMap(protocol =>
      protocol.versions.flatMap(version =>
        protocol.commandsOf(version).flatMap(command => (command ? [{ protocol, version, command }] : [])),
      ),
    )
}

export function permissionTable(): Row[] {
  return commandsOfAll().flatMap(row =>
    scalarsOf(row.command)
      .map(nameOf)
      .filter(isIdField)
      .flatMap(field => OWNERS.map(owner => ({ ...row, field, owner }))),
  )
}

/** Telemetry has no status of its own for an event that is not there. */
const answersTo = ({ field, owner }: Row): readonly string[] =>
  field === 'de_id' && owner === 'beyond' ? MALFORMED.toReversed() : ANSWERS[owner as Exclude<Owner, 'own'>]

const ofField = <T>(table: Record<string, T>, command: Command, field: string): T | undefined =>
  Object.entries(table).find(([key]) => {
    const [name, of] = key.split(' ')
    return of === field && command.name.startsWith(name!)
  })?.[1]

export interface Outcome {
  messages: number
  problems: string[]
}

/** Sends the row's messages as the guest, from whom `denied` was taken. */
export function tryRow(row: Row): Outcome {
  const { protocol, version, command, owner } = row
  const site = permissionSite({ [protocol.name]: version })
  site.deny()
  const secrets = site.secrets()
  const answered = new Set<string>()
  const problems = new Set<string>()
  let messages = 0
  for (const values of valuesOf(row)) {
    const words = wordsOf(command.request, values)
    const reply = site.asGuest(protocol.id, command.id, ...words)
    const answer = statusName(reply[0]!)
    messages++
    answered.add(answer)
    if (owner !== 'own' && !answersTo(row).includes(answer)) problems.add(`${answer} to [${words.join(', ')}]`)
    const leak = site.leak(protocol, version, command.id, reply)
    if (leak) problems.add(`${leak} in the reply to [${words.join(', ')}]`)
    // Ends delayed operations before the next message.
    site.time.advance(1000)
  }
  const expected = owner === 'own' ? 'SUCCESS' : answersTo(row).at(-1)!
  if (!answered.has(expected)) problems.add(`never ${expected}, only ${[...answered].join(', ')}`)
  if (site.secrets() !== secrets && !mayStartOthers(row)) problems.add('changed what is denied, or another agent’s')
  const subscribed = afterStir(site)
  if (subscribed) problems.add(subscribed)
  return { messages, problems: [...problems].map(problem => `${titleOf(row)}: ${problem}`) }
}

/** LMM_RESET_VECTOR_SET may name CPUs of other machines, unless the machine's id is `beyond`. */
const mayStartOthers = ({ command, field, owner }: Row): boolean =>
  command.name === 'LMM_RESET_VECTOR_SET' && field === 'lm_id' && owner === 'own'

/** A leak in the events when everything changes. */
function afterStir(site: Site): string | undefined {
  site.stir()
  return site.leaksOfEvents()[0]
}

/** All combinations of words: `field` has the owner's ids, other id fields the guest's own. */
function valuesOf({ command, field, owner }: Row): Generator<Values> {
  return requestsOf(command, field, name => {
    const ids = ofField(IDS_OF, command, name) ?? IDS
    // A clock's parent is another clock.
    return name === field ? ids[owner] : ids.own
  })
}

/** Requests for the sake of one word that is an id; `idsOf` gives the values of each such word. */
export function* requestsOf(
  command: Command,
  field: string,
  idsOf: (name: string) => readonly number[],
): Generator<Values> {
  const counts = ofField(COUNTS_IF, command, field)
  const choices = scalarsOf(command).map(declared => {
    const name = nameOf(declared)
    if (isIdField(name)) return idsOf(name)
    return name === 'message_id' ? [...WORDS, WITH_CHANNELS] : WORDS
  })
  const names = scalarsOf(command).map(nameOf)
  const total = choices.reduce((product, { length }) => product * length, 1)
  for (let i = 0; i < total; i++) {
    const values: Values = {}
    let rest = i
    choices.forEach((choice, k) => {
      values[names[k]!] = choice[rest % choice.length]!
      rest = Math.floor(rest / choice.length)
    })
    if (!counts || counts(values)) yield values
  }
}

/** The request's words; lists get as many entries as its fields say, of small numbers. */
export function wordsOf(fields: Fields, values: Values): number[] {
  return fields.flatMap(field => {
    if (field.kind === 'list') {
      const count = Math.min(field.count?.(values) ?? 0, 2)
      return Array.from({ length: count }, () => field.entry.map((_, i) => (i === 0 ? 0xc0 : 1))).flat()
    }
    const value = Number(values[nameOf(field)])
    return isWide(field) ? [value, 0] : [value]
  })
}

/** Words for random messages: ids of all owners, flags, counts, and invalid values. */
const ANY = [
  ...WORDS,
  3,
  4,
  5,
  7,
  9,
  0x1f,
  0x8000,
  0x8001,
  0x8002,
  0x8003,
  0x2_0000,
  0x4000_0000,
  0x8000_0000,
  0xffff_ffff,
]

/** Sends `count` random messages of all protocols in some of their versions, as the guest. */
export function tryRandomly(random: Random, count: number): Outcome {
  const versions = Object.fromEntries(
    everyProtocol.filter(({ name }) => name !== 'base').map(({ name, versions }) => [name, random.pick(versions)]),
  )
  const site = permissionSite(versions)
  const commands = commandsOfAll().filter(({ protocol, version }) => versions[protocol.name] === version)
  site.deny()
  const problems: string[] = []
  for (let i = 0; i < count && problems.length === 0; i++) {
    const { protocol, version, command } = random.pick(commands)
    const values: Values = {}
    for (const field of scalarsOf(command)) values[nameOf(field)] = random.pick(ANY)
    const words = wordsOf(command.request, values)
    const secrets = i % 16 === 0 ? site.secrets() : undefined
    const reply = site.asGuest(protocol.id, command.id, ...words)
    const problem = site.leak(protocol, version, command.id, reply)
    const what = `${protocol.name} ${command.name} [${words.join(', ')}]`
    if (problem) problems.push(`${what}: ${problem}`)
    if (secrets !== undefined && command.name !== 'LMM_RESET_VECTOR_SET' && site.secrets() !== secrets) {
      problems.push(`${what}: changed what is denied, or another agent’s`)
    }
    site.time.advance(100)
    if (i % 256 === 0) {
      const told = afterStir(site)
      if (told) problems.push(`${what}: ${told}`)
    }
  }
  return { messages: count, problems }
}
