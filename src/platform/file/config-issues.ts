/** Turns zod's issues into sentences for the operator: what is wrong, and what to write instead. */
import type { z } from 'zod'
import { type ConfigPath, show } from '../core/config-error.js'

type Issue = z.core.$ZodIssue

/** A problem at a path. `key`: the key itself is wrong; `missing`: the key is missing. */
export interface Problem {
  path: ConfigPath
  text: string
  place: 'key' | 'value' | 'missing'
}

/** The parts of a JSON Schema that list the keys of a map. */
export interface KnownKeys {
  properties?: Record<string, KnownKeys>
  items?: KnownKeys
  anyOf?: KnownKeys[]
}

/** Longer lists of allowed values are replaced by a suggestion, if there is one. */
const LISTED_VALUES = 12
/** A suggestion may differ from the text by this many letters. */
const TYPO_LETTERS = 2

const TYPE_NAMES: Record<string, string> = {
  string: 'text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
}

/** The problems behind one issue. `schema` is the JSON Schema of the whole file. */
export function explain(issue: Issue, schema: KnownKeys, base: ConfigPath = []): Problem[] {
  const path = [...base, ...(issue.path as (string | number)[])]
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(key => ({
      path: [...path, key],
      // Computed for the first problem only: known keys and suggestions for 100,000 keys would take long.
      get text() {
        return unknownKey(key, keysAt(schema, path))
      },
      place: 'key',
    }))
  }
  if (issue.input === undefined && path.length > 0 && issue.code !== 'custom') {
    return [{ path, text: `${path[path.length - 1]} is missing${missingHint(issue)}`, place: 'missing' }]
  }
  if (issue.code === 'invalid_union' && issue.message === 'Invalid input') return explainUnion(issue, schema, path)
  return [{ path, text: sentence(issue), place: issue.code === 'invalid_key' ? 'key' : 'value' }]
}

/** A union is explained by its only alternative of the same type as the value, if there is exactly one. */
function explainUnion(issue: z.core.$ZodIssueInvalidUnion, schema: KnownKeys, path: ConfigPath): Problem[] {
  const ofThisType = issue.errors.filter(
    errors => !errors.some(error => error.code === 'invalid_type' && error.path.length === 0),
  )
  if (ofThisType.length === 1) return ofThisType[0]!.flatMap(error => explain(error, schema, path))
  const wanted = new Set(issue.errors.map(errors => wantedBy(errors[0]!)))
  return [{ path, text: `${show(issue.input)} is not ${[...wanted].join(' or ')}`, place: 'value' }]
}

function sentence(issue: Issue): string {
  const input = show(issue.input)
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === null) return `has no value; write ${wantedBy(issue)}`
      return `${input} is not ${wantedBy(issue)}`
    case 'invalid_value':
      return notKnown(input, issue.values.map(String))
    case 'too_small':
      return limit(issue, 'small', 'short', 'few', `at least ${issue.minimum}`)
    case 'too_big':
      return limit(issue, 'large', 'long', 'many', `at most ${issue.maximum}`)
    case 'invalid_key':
      return issue.issues[0]?.code === 'custom' ? issue.issues[0].message : 'this key is not allowed here'
    default:
      return issue.message
  }
}

type LimitIssue = z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig

function limit({ origin, input }: LimitIssue, number: string, length: string, count: string, bound: string): string {
  if (origin === 'string') return `${show(input)} is too ${length}; ${bound} characters`
  if (origin !== 'array') return `${show(input)} is too ${number}; ${bound}`
  const entries = (input as unknown[]).length
  return `${entries} ${entries === 1 ? 'entry is' : 'entries are'} too ${count}; ${bound}`
}

/** Message for a value outside a list of allowed ones. */
export function notKnown(input: string, values: readonly string[]): string {
  const close = values.length > LISTED_VALUES ? closest(input, values) : undefined
  if (close !== undefined) return `${input} is unknown; did you mean ${close}?`
  return `${input} is not one of ${values.join(', ')}`
}

function wantedBy(issue: Issue): string {
  if (issue.code === 'invalid_value') return `one of ${issue.values.map(String).join(', ')}`
  if (issue.code === 'invalid_type') return TYPE_NAMES[issue.expected] ?? issue.expected
  return 'another value'
}

function missingHint(issue: Issue): string {
  if (issue.code === 'invalid_value' && issue.values.length <= LISTED_VALUES) return `; write ${wantedBy(issue)}`
  if (issue.code === 'invalid_type') return `; write ${wantedBy(issue)}`
  return ''
}

function unknownKey(key: string, known: string[]): string {
  const close = closest(key, known)
  const hint = close === undefined ? 'known keys' : `did you mean ${close}? Known keys`
  return `is not a known key; ${hint}: ${known.join(', ')}`
}

/** The keys that the map at `path` can have. */
function keysAt(schema: KnownKeys, path: ConfigPath): string[] {
  let nodes = alternatives(schema)
  for (const part of path) {
    nodes = nodes.flatMap(node => {
      const next = typeof part === 'number' ? node.items : node.properties?.[part]
      return next ? alternatives(next) : []
    })
  }
  return [...new Set(nodes.flatMap(node => Object.keys(node.properties ?? {})))]
}

function alternatives(node: KnownKeys): KnownKeys[] {
  return node.anyOf ? node.anyOf.flatMap(alternatives) : [node]
}

/** The candidate closest to `word`, if it is close enough for a typing mistake. */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates
    .map(candidate => ({ candidate, letters: distance(word.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, letters }) => letters <= Math.min(TYPO_LETTERS, candidate.length - 1))
    .sort((a, b) => a.letters - b.letters)
  return ranked[0]?.candidate
}

/** Letters to insert, delete or replace to turn `a` into `b` (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
