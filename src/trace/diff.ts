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

/** Changes of the order that are looked for, of one agent and protocol: the time grows with their square. */
const MOVED_MAX = 1000

/** The groups that differ. What is out of order by more than 1,000 messages is compared without the order. */
export function diffRecordings(one: Recording, two: Recording, ignored: Ignored): ChangedGroup[] {
  const [groups, others] = [groupsOf(one, ignored), groupsOf(two, ignored)]
  return [...new Set([...groups.keys(), ...others.keys()])].flatMap(name => {
    const [agent = '', protocol = ''] = name.split('\n')
    const changes = changesOf(groups.get(name) ?? [], others.get(name) ?? [])
    return changes.length > 0 ? { agent, protocol, changes } : []
  })
}

function changesOf(entries: Entry[], others: Entry[]): Change[] {
  // What only one trace has is a change in any case. Without it the comparison is fast, even if all readings differ.
  const [ours, theirs] = [keysOf(entries), keysOf(others)]
  const ourCommon = entries.filter(({ key }) => theirs.has(key))
  const theirCommon = others.filter(({ key }) => ours.has(key))
  const common = inOrder(ourCommon, theirCommon) ?? inAnyOrder(ourCommon, theirCommon)
  const changes: Change[] = []
  for (let i = 0, j = 0; i < entries.length || j < others.length; i++, j++) {
    for (; i < entries.length && !common.has(entries[i]!); i++)
      changes.push({ sign: '-', message: entries[i]!.message })
    for (; j < others.length && !common.has(others[j]!); j++) changes.push({ sign: '+', message: others[j]!.message })
  }
  return changes
}

const keysOf = (entries: readonly Entry[]): ReadonlySet<string> => new Set(entries.map(({ key }) => key))

/** The entries of both that are the same in the same order, as many as possible; undefined: that would take too long. */
function inOrder(entries: Entry[], others: Entry[]): ReadonlySet<Entry> | undefined {
  const parts = diffArrays(entries, others, { comparator: (a, b) => a.key === b.key, maxEditLength: MOVED_MAX })
  if (!parts) return undefined
  // The library returns the entries of the second trace for what is in both.
  const [gone, come] = [new Set<Entry>(), new Set<Entry>()]
  for (const { added, removed, value } of parts) {
    for (const entry of value)
      if (added) come.add(entry)
      else if (removed) gone.add(entry)
  }
  return new Set([...entries.filter(entry => !gone.has(entry)), ...others.filter(entry => !come.has(entry))])
}

/** The entries that both have, where the order is too different to be compared. */
function inAnyOrder(entries: readonly Entry[], others: readonly Entry[]): ReadonlySet<Entry> {
  const waiting = new Map<string, Entry[]>()
  for (const entry of entries) {
    const some = waiting.get(entry.key)
    if (some) some.push(entry)
    else waiting.set(entry.key, [entry])
  }
  for (const some of waiting.values()) some.reverse()
  const common = new Set<Entry>()
  for (const other of others) {
    const entry = waiting.get(other.key)?.pop()
    if (entry) common.add(entry).add(other)
  }
  return common
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
