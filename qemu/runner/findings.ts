/**
 * The record of what kernels are known to do wrong: `NAME.findings.yaml` beside a scenario. Each finding says for which
 * kernels which expectations fail, what one sees, and what in the driver's source is the cause.
 */
import { existsSync } from 'node:fs'
import semver from 'semver'
import { z } from 'zod'
import { ConfigError } from '../../src/platform/core/config-error.js'
import { ConfigSource } from '../../src/platform/file/config-source.js'
import { LabError } from '../support/errors.js'
import { readFileText } from '../support/given-file.js'
import type { Failure } from './checks.js'
import type { TestKernel } from './kernels.js'

const pattern = z.string().transform((text, context) => {
  try {
    return new RegExp(text)
  } catch (error) {
    context.addIssue((error as Error).message)
    return z.NEVER
  }
})

const failed = z.strictObject({ what: z.string(), says: pattern.optional() })

const findingSchema = z.array(
  z
    .strictObject({
      /** Which scenarios of a file with several; default: all. */
      members: z.array(z.string()).optional(),
      /** Linux releases, as a range of semantic versions. */
      kernels: z
        .string()
        .refine(range => semver.validRange(range) !== null, 'is no range of versions, such as ">=7.2"'),
      /** Only with these variants; default: with each. */
      variants: z.array(z.string()).optional(),
      /** Only with a patch whose file name or subject has this text. */
      patched: z.string().optional(),
      /** Only without such a patch. */
      unpatched: z.string().optional(),
      /** The expectations that are not met: all of these and no other, each with what is found instead, as a pattern. */
      fails: z.array(failed).default([]),
      /** One or more of these, where chance decides which, as when the kernel uses memory that it has freed. */
      oneFails: z.array(failed).default([]),
      /** Those that may be met or not, as in a race, or when the kernel uses what lies in memory that it has freed. */
      mayFail: z.array(failed).default([]),
      /** Anything may fail in a guest whose log says this: SCMI is broken from there on, whatever a scenario does. */
      onceLogSays: pattern.optional(),
      symptom: z.string(),
      cause: z.string(),
    })
    .refine(
      ({ fails, oneFails, mayFail, onceLogSays }) =>
        fails.length + oneFails.length + mayFail.length > 0 || onceLogSays !== undefined,
      { path: ['fails'], error: 'names what fails' },
    ),
)

export type Finding = z.infer<typeof findingSchema>[number]

/** Reads a record of the scenario, or of `members`; empty if there is none. Throws LabError with file and field. */
export function readFindings(path: string, members: readonly string[] = []): Finding[] {
  if (!existsSync(path)) return []
  const { data, error } = findingSchema.safeParse(parseFile(path))
  if (error) {
    const [issue] = error.issues
    throw new LabError(`${path}: ${issue!.path.join('.')}: ${issue!.message}`)
  }
  const unknown = data.flatMap(finding => finding.members ?? []).find(member => !members.includes(member))
  if (unknown !== undefined) throw new LabError(`${path}: members: "${unknown}" is none of ${members.join(', ')}`)
  return data
}

const BYTES_MAX = 4_000_000

/** As platform files are read: nobody has looked at these either. */
function parseFile(path: string): unknown {
  try {
    return new ConfigSource(readFileText(path, BYTES_MAX), path).data()
  } catch (error) {
    throw error instanceof ConfigError ? new LabError(error.message) : error
  }
}

/** The finding that is about this kernel. */
export function findingFor(findings: readonly Finding[], kernel: TestKernel): Finding | undefined {
  const release = semver.coerce(kernel.release)!
  const hasPatch = (text: string): boolean =>
    kernel.patches.some(patch => `${patch.path} ${patch.subject}`.includes(text))
  return findings.find(
    ({ kernels, variants, patched, unpatched }) =>
      semver.satisfies(release, kernels) &&
      (variants?.includes(kernel.variant) ?? true) &&
      (patched === undefined || hasPatch(patched)) &&
      (unpatched === undefined || !hasPatch(unpatched)),
  )
}

/** Whether a run failed as it is recorded: in each of these ways, and in no other. No finding: not at all. */
export function isRecorded(
  { failures, console }: { failures: readonly Failure[]; console: string },
  finding: Finding | undefined,
): boolean {
  const { fails = [], oneFails = [], mayFail = [], onceLogSays } = finding ?? {}
  if (onceLogSays?.test(console)) return true
  const fits = ({ what, says }: Finding['fails'][number], failure: Failure): boolean =>
    failure.what === what && (says?.test(failure.said) ?? true)
  const isThere = (recorded: Finding['fails'][number]): boolean => failures.some(failure => fits(recorded, failure))
  return (
    failures.every(failure => [...fails, ...oneFails, ...mayFail].some(recorded => fits(recorded, failure))) &&
    fails.every(isThere) &&
    (oneFails.length === 0 || oneFails.some(isThere))
  )
}
