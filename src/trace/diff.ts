/**
 * Compares two traces: finds messages that only one of them has. Compares per agent and protocol, because the order
 * between those may vary.
 */
import { diffArrays } from 'diff'
import { comparable, type Ignored } from './compare.js'
import type { Recording, TracedMessage } from './reader.js'

export interface Change {
  /** Only in the first trace, or only in the second. */
  sign: '-' | '+'
  message: TracedMessage
}

export interface ChangedGroup {
  agent: string
  protocol: string
  changes: Change[]
}

/** A message and its compared text. */
interface Entry {
  key: string
  message: TracedMessage
}

/** The groups that differ. */
export function diffRecordings(one: Recording, two: Recording, ignored: Ignored): ChangedGroup[] {
  const [groups, others] = [groupsOf(one, ignored), groupsOf(two, ignored)]
  return [...new Set([...groups.keys(), ...others.keys()])].flatMap(name => {
    const [agent = '', protocol = ''] = name.split('\n')
    const changes = changesOf(groups.get(name) ?? [], others.get(name) ?? [])
    return changes.length > 0 ? { agent, protocol, changes } : []
  })
}

function changesOf(entries: Entry[], others: Entry[]): Change[] {
  const parts = diffArrays(entries, others, { comparator: (a, b) => a.key === b.key })
  return parts.flatMap(({ added, removed, value }): Change[] =>
    added || removed ? value.map(({ message }) => ({ sign: added ? '+' : '-', message })) : [],
  )
}

function groupsOf({ events }: Recording, ignored: Ignored): Map<string, Entry[]> {
  const groups = new Map<string, Entry[]>()
  for (const event of events) {
    if (event.what !== 'message' || ignored.has(event.message) || ignored.has(event.protocol)) continue
    const name = `${event.agent}\n${event.protocol}`
    const entry = { key: comparable(event, ignored), message: event }
    const group = groups.get(name)
    if (group) group.push(entry)
    else groups.set(name, [entry])
  }
  return groups
}
