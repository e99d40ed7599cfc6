/** The content of a platform file in the making: identity, protocols, sections, recorded answers. */
import type { Protocol } from '../protocols/declaration/protocol.js'
import { versionText } from '../wire/version.js'
import type { Draft, Section } from './draft.js'
import type { Told } from './told.js'

/** A line of `recorded`. */
export interface RecordedLine {
  protocol: string | number
  message?: string | number
  request?: string
  status?: string | number
  reply?: string
  /** For people. */
  note?: string
}

export interface Board {
  identity: Record<string, unknown>
  /** What of the identity the trace does not tell. */
  unseen: string[]
  plugins: string[]
  /** By name. */
  protocols: Record<string, Record<string, unknown>>
  sections: Section[]
  recorded: RecordedLine[]
  /** Lines at the beginning and at the end, for people. */
  head: string[]
  foot: string[]
}

/** The draft of a resource that a command named; `list` is that of pins, groups or functions. */
export function draftOf(board: Board, section: string, id: number, list?: string): Draft | undefined {
  const found = board.sections.find(other => other.key === section && other.list === list)
  return found?.drafts.find(draft => draft.id === id)
}

/** What the file says about a protocol: its version, if it is not the last one, and how much may be pending. */
export function protocolKeys({ announced, version, protocol }: Told): Record<string, unknown> {
  const isLast = version === protocol.versions.at(-1) && (announced === undefined || announced >= version)
  const known = announced === undefined ? undefined : lastKnown(protocol, announced)
  return isLast || known === undefined ? {} : { version: versionText(known) }
}

const lastKnown = ({ versions }: Protocol, announced: number): number | undefined =>
  versions.findLast(version => version <= announced) ?? versions[0]
