/**
 * What becomes of wrong answers, and what is on record about it: `NAME.outcomes.yaml` beside a sweep. A record has for each
 * message the answers with an outcome other than `ok`, by outcome. An answer whose outcome is not the same in each run stands
 * under each outcome that was seen, `ok` too.
 */
import { existsSync } from 'node:fs'
import semver from 'semver'
import { z } from 'zod'
import { ConfigError } from '../../../src/platform/core/config-error.js'
import { ConfigSource } from '../../../src/platform/file/config-source.js'
import { yamlOf } from '../../../src/platform/file/yaml-text.js'
import { LabError } from '../../support/errors.js'
import { readFileText } from '../../support/given-file.js'

/** From harmless to worst. Of several, the worst counts. */
export const OUTCOMES = ['ok', 'not asked', 'use fails', 'probe fails', 'splat', 'hang', 'crash'] as const
export type Outcome = (typeof OUTCOMES)[number]

/** Outcomes that are the kernel's fault, whatever it is told. */
export const FAULTS: readonly Outcome[] = ['splat', 'hang', 'crash']

/** Answers by outcome, without those that are ok. */
export type Recorded = Partial<Record<Outcome, string[]>>

const outcomes = z.partialRecord(z.enum(OUTCOMES), z.array(z.string()))
const recordSchema = z.array(
  z.strictObject({
    /** Linux releases, as a range of semantic versions; the first record of the message for a kernel counts. */
    kernels: z.string().refine(range => semver.validRange(range) !== null, 'is no range of versions, such as ">=7.2"'),
    messages: z.record(z.string(), outcomes),
  }),
)
export type OutcomeRecord = z.infer<typeof recordSchema>

const BYTES_MAX = 4_000_000

/** Reads a record; without a file nothing is on record. Throws LabError with file and field. */
export function readOutcomes(path: string): OutcomeRecord {
  if (!existsSync(path)) return []
  const { data, error } = recordSchema.safeParse(parse(path))
  if (!error) return data
  const [issue] = error.issues
  throw new LabError(`${path}: ${issue!.path.join('.')}: ${issue!.message}`)
}

function parse(path: string): unknown {
  try {
    return new ConfigSource(readFileText(path, BYTES_MAX), path).data()
  } catch (error) {
    throw error instanceof ConfigError ? new LabError(error.message) : error
  }
}

/** What is on record of a message: nothing but `ok` where other messages are; undefined where the kernel has no record. */
export function recordedFor(record: OutcomeRecord, release: string, message: string): Recorded | undefined {
  const version = semver.coerce(release)
  const fitting = record.filter(({ kernels }) => version !== null && semver.satisfies(version, kernels))
  if (fitting.length === 0) return undefined
  return fitting.find(({ messages }) => messages[message])?.messages[message] ?? {}
}

/** Outcomes by answer as a record has them. */
export function toRecord(found: ReadonlyMap<string, Outcome>): Recorded {
  const record: Recorded = {}
  for (const [answer, outcome] of found) if (outcome !== 'ok') (record[outcome] ??= []).push(answer)
  return Object.fromEntries(OUTCOMES.flatMap(outcome => (record[outcome] ? [[outcome, record[outcome]]] : [])))
}

/** The answers with an outcome that is not on record, and those of the record that were not given. */
export function unrecorded(found: ReadonlyMap<string, Outcome>, known: Recorded): string[] {
  const isRecorded = (answer: string, outcome: Outcome): boolean => {
    const recorded = OUTCOMES.filter(one => known[one]?.includes(answer))
    return recorded.length === 0 ? outcome === 'ok' : recorded.includes(outcome)
  }
  const differing = [...found.keys()].filter(answer => !isRecorded(answer, found.get(answer)!))
  const notGiven = Object.values(known)
    .flat()
    .filter(answer => !found.has(answer))
  return [...differing, ...new Set(notGiven)]
}

/** The text to put into the record, for people. */
export const recordText = (message: string, recorded: Recorded): string => yamlOf({ [message]: recorded }).trimEnd()
