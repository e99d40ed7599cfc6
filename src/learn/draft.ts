/** An entry of the platform file in the making: its keys, and what the trace did not tell. */
import { NOT_FOUND, STATUS_NAMES, SUCCESS } from '../wire/status.js'
import type { Answer, Told } from './told.js'

export class Draft {
  readonly id: number
  readonly values: Record<string, unknown> = {}
  /** Keys whose values are defaults, because the trace does not tell them. */
  readonly unseen: string[] = []
  readonly notes: string[] = []

  constructor(id: number) {
    this.id = id
  }

  get name(): string {
    return String(this.values.name)
  }

  /** Nothing for undefined. */
  put(key: string, value: unknown): this {
    if (value !== undefined) this.values[key] = value
    return this
  }

  /** A default, where the file needs one. */
  guess(key: string, value?: unknown): this {
    this.unseen.push(key)
    return this.put(key, value)
  }

  note(text: string): this {
    this.notes.push(text)
    return this
  }

  /** An oddity that the file has to name. */
  odd(oddity: string): this {
    const oddities = (this.values.oddities as string[] | undefined) ?? []
    if (!oddities.includes(oddity)) this.values.oddities = [...oddities, oddity]
    return this
  }

  answer(command: string, status: number): void {
    this.values.answers = { ...(this.values.answers as object | undefined), [command]: statusKey(status) }
  }
}

/** A status as the file has it. */
export const statusKey = (status: number): string | number => STATUS_NAMES[-status] ?? status

/** A section of the platform file in the making. */
export interface Section {
  key: string
  /** Of a section that has several lists: which one. */
  list?: string
  drafts: Draft[]
  /** Of a section that is no list. */
  map?: Record<string, unknown>
  notes: string[]
}

/** Names that are taken. Power and performance domains share theirs. */
export class Names {
  readonly #taken = new Set<string>()
  /** For each text, the first number that may be free. */
  readonly #next = new Map<string, number>()

  /** Gives the draft a name of its own, and the name of messages if that is another one. */
  give(draft: Draft, wireName: string | undefined, kind: string): void {
    const told = wireName === undefined || isPrintable(wireName) ? wireName : undefined
    const plain = told === undefined || told === '' ? `${kind}_${draft.id}` : told
    let name = plain
    for (let i = this.#next.get(plain) ?? 1; this.#taken.has(name); i++) {
      const end = `_${i}`
      name = plain.slice(0, NAME_MAX - end.length) + end
      this.#next.set(plain, i + 1)
    }
    this.#taken.add(name)
    draft.put('name', name)
    if (told !== undefined && told !== name) draft.put('wire_name', told)
    if (wireName === undefined) draft.unseen.push('name')
    else if (told === undefined) draft.note('its name has characters that are not printable')
  }
}

const NAME_MAX = 63
const isPrintable = (text: string): boolean => /^[ -~]{0,63}$/.test(text)

/** The whole name of a resource: that of the command for names, or the short one. */
export function nameOf(
  told: Told,
  attributes: Answer | undefined,
  nameCommand: string,
  id: number,
): string | undefined {
  const name = told.reply(nameCommand, id)?.name ?? attributes?.reply.name
  return name === undefined ? undefined : String(name)
}

/** PROTOCOL_ATTRIBUTES: how many ids are counted; other bits are the protocol's own. */
const COUNT = 0xffff

/**
 * A draft for each resource that the board has. `attributes` is the command that the kernel asks of each; NOT_FOUND is a hole.
 * The last id that the protocol counts must be there, or fewer would be counted.
 */
export function draftsOf(
  told: Told,
  attributes: string,
  describe: (draft: Draft, answer: Answer | undefined) => void,
): Draft[] {
  const word = told.number('PROTOCOL_ATTRIBUTES', undefined, 'attributes')
  const count = word === undefined ? undefined : word & COUNT
  const asked = told.idsOf(attributes).filter(id => count === undefined || id < count)
  const drafts: Draft[] = []
  for (const id of asked) {
    const answer = told.first(attributes, id)
    const isHole = answer?.status === NOT_FOUND
    if (isHole && id !== (count ?? 0) - 1) continue
    drafts.push(described(new Draft(id), answer?.status === SUCCESS ? answer : undefined, describe))
  }
  const last = (count ?? 0) - 1
  if (last >= 0 && !asked.includes(last)) {
    drafts.push(
      described(new Draft(last), undefined, describe).note('nothing is known of it, but the ids are counted up to it'),
    )
  }
  return drafts
}

function described(
  draft: Draft,
  answer: Answer | undefined,
  describe: (draft: Draft, answer: Answer | undefined) => void,
): Draft {
  describe(draft, answer)
  return draft
}
