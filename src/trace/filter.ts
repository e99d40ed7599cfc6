/** Filters messages of a trace by terms such as `protocol=clock`, `status!=SUCCESS`, `latency>1ms`, `clock_id=3`. */
import { parseQuantity, SECONDS } from '../platform/core/unit-text.js'
import { OperatorError } from '../support/errors.js'
import { thereAre } from '../support/known-names.js'
import type { Value } from '../wire/fields.js'
import type { TracedMessage } from './reader.js'

const KEYS = ['kind', 'agent', 'protocol', 'message', 'status', 'token', 'latency'] as const
type Key = (typeof KEYS)[number]

const isKey = (name: string): name is Key => KEYS.some(key => key === name)

interface Term {
  name: string
  operator: string
  passes(value: Value): boolean
  /** Whether any message had that field. */
  used: boolean
}

export class MessageFilter {
  readonly #terms: readonly Term[]

  /** All terms must match. Throws OperatorError. */
  constructor(terms: readonly string[]) {
    this.#terms = terms.map(parseTerm)
  }

  passes(message: TracedMessage): boolean {
    let passes = true
    for (const term of this.#terms) {
      const values = isKey(term.name) ? valuesOfKey(message, term.name) : fieldsNamed(message, term.name)
      if (values.length > 0) term.used = true
      const holds = term.operator === '!=' ? values.length > 0 && values.every(term.passes) : values.some(term.passes)
      passes &&= holds
    }
    return passes
  }

  /** After the last message: throws OperatorError if a term names a field that no message has. */
  check(): void {
    const unused = this.#terms.find(term => !term.used && !isKey(term.name))
    if (!unused) return
    throw new OperatorError(
      `--filter ${unused.name}: no message of the trace has that field; besides fields ${thereAre(KEYS)}`,
    )
  }
}

function parseTerm(text: string): Term {
  const [, name, operator, wanted] = /^\s*(\w+)\s*(!=|=|<|>)\s*(.+?)\s*$/.exec(text) ?? []
  if (name === undefined || operator === undefined || wanted === undefined) {
    throw new OperatorError(`--filter ${text}: write NAME=VALUE, NAME!=VALUE, NAME<NUMBER or NAME>NUMBER`)
  }
  return {
    name,
    operator,
    passes: operator.endsWith('=') ? equality(operator, wanted) : order(text, name, operator, wanted),
    used: false,
  }
}

/** Comma-separated alternatives; `*` matches anything. */
function equality(operator: string, wanted: string): Term['passes'] {
  const patterns = wanted.split(',').map(word => {
    const escaped = word
      .trim()
      .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
    return new RegExp(`^${escaped}$`, 'i')
  })
  const numbers = wanted
    .split(',')
    .filter(word => word.trim() !== '' && !Number.isNaN(Number(word)))
    .map(Number)
  const isOne = (value: Value): boolean =>
    patterns.some(pattern => pattern.test(String(value))) || numbers.includes(Number(value))
  return operator === '=' ? isOne : value => !isOne(value)
}

function order(text: string, name: string, operator: string, wanted: string): Term['passes'] {
  const limit = name === 'latency' ? parseQuantity(wanted, SECONDS) : Number(wanted)
  if (limit === undefined || Number.isNaN(limit)) {
    const example = name === 'latency' ? 'a time such as 1ms' : 'a number'
    throw new OperatorError(`--filter ${text}: ${wanted} is not ${example}`)
  }
  return value => (operator === '<' ? Number(value) < limit : Number(value) > limit)
}

/** Empty if messages of its kind lack the key: a notification has no status. */
function valuesOfKey(message: TracedMessage, key: Key): Value[] {
  const { kind, timeNs, answeredNs } = message
  if (key === 'status' && kind === 'command') return [message.status ?? 'no answer']
  if (key === 'latency')
    return kind === 'notification' || kind === 'fast channel' || answeredNs === undefined
      ? []
      : [(answeredNs - timeNs) / 1e9]
  const value = message[key]
  return value === undefined ? [] : [value]
}

/** Fields of request and reply, including those in lists. */
function fieldsNamed({ request, reply }: TracedMessage, name: string): Value[] {
  const found: Value[] = []
  const look = (value: Value): void => {
    if (!Array.isArray(value)) return
    for (const values of value) {
      for (const [field, inner] of Object.entries(values)) {
        if (field === name) found.push(inner)
        look(inner)
      }
    }
  }
  for (const payload of [request, reply]) if (!(payload instanceof Uint8Array)) look([payload])
  return found
}
