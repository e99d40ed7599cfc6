/** Compares messages of traces, ignoring fields such as times and readings. */
import { hexText, type Payload } from '../observe/messages.js'
import type { Value } from '../wire/fields.js'
import type { TracedMessage } from './reader.js'

/** Names of fields, messages and protocols to ignore; `status` and `bytes` count as fields. */
export type Ignored = ReadonlySet<string>

/** Names of the fields that differ between two messages of the same kind. */
export function differingFields(one: TracedMessage, other: TracedMessage, ignored: Ignored): string[] {
  const [a, b] = [leavesOf(one, ignored), leavesOf(other, ignored)]
  const paths = [...new Set([...a.keys(), ...b.keys()])].filter(path => a.get(path) !== b.get(path))
  return [...new Set(paths.map(path => path.slice(path.lastIndexOf('.') + 1)))]
}

/** A text that is equal for messages that do not differ. */
export function comparable(message: TracedMessage, ignored: Ignored): string {
  const leaves = [...leavesOf(message, ignored)].map(([path, text]) => `${path}=${text}`)
  return [message.kind, message.protocol, message.message, ...leaves].join('\n')
}

/** All compared values, by path. */
function leavesOf(message: TracedMessage, ignored: Ignored): Map<string, string> {
  const leaves = new Map<string, string>()
  if (ignored.has(message.message) || ignored.has(message.protocol)) return leaves
  const add = (path: string, name: string, value: Value | undefined): void => {
    if (ignored.has(name)) return
    if (!Array.isArray(value)) {
      leaves.set(`${path}.${name}`, String(value ?? 'no answer'))
      return
    }
    leaves.set(`${path}.${name}`, `${value.length} entries`)
    value.forEach((entry, i) => {
      for (const [field, inner] of Object.entries(entry)) add(`${path}.${name}[${i}]`, field, inner)
    })
  }
  const addPayload = (path: string, payload: Payload): void => {
    if (payload instanceof Uint8Array) add(path, 'bytes', hexText(payload))
    else for (const [field, value] of Object.entries(payload)) add(path, field, value)
  }
  addPayload('request', message.request)
  if (message.kind !== 'notification') add('', 'status', message.status)
  addPayload('reply', message.reply)
  return leaves
}
