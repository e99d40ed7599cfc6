/**
 * Records of known kernel bugs: `NAME.findings.yaml` beside a scenario. A finding says which expectations fail on which
 * kernels, the symptom, and the cause in the driver's source.
 */
import { existsSync } from 'node:fs'
import semver from 'semver'
import { z } from 'zod'
import { ConfigError } from '../../src/platform/core/config-error.js'
import { ConfigSource } from '../../src/platform/file/config-source.js'
import { target } from '../support/architectures.js'
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
      /** Members of a family; default: all. */
      members: z.array(z.string()).optional(),
      /** Linux releases, as a range of semantic versions. */
      kernels: z
        .string()
        .refine(range => semver.validRange(range) !== null, 'is no range of versions, such as ">=7.2"'),
      /** Only with these variants; default: with each. */
      variants: z.array(z.string()).optional(),
      /** Only for guests of this architecture. */
      arch: z.enum(['arm64', 'arm']).optional(),
      /** Only for kernels with a patch whose file name or subject has this text. */
      patched: z.string().optional(),
      /** Only for kernels without such a patch. */
      unpatched: z.string().optional(),
      /** Expectations that are not met: all of these and no others. `says` is a pattern for what was found instead. */
      fails: z.array(failed).default([]),
      /** At least one of these is not met; chance decides which, for example when the kernel uses freed memory. */
      oneFails: z.array(failed).default([]),
      /** These may fail or not: in a race, or when the kernel uses freed memory. */
      mayFail: z.array(failed).default([]),
      /** When the guest's log has this text, anything may fail: SCMI is broken from there on. */
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

/** Reads the record beside a scenario or a family with `members`; empty if there is none. Throws LabError with file and field. */
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
    ({ kernels, variants, arch, patched, unpatched }) =>
      semver.satisfies(release, kernels) &&
      (variants?.includes(kernel.variant) ?? true) &&
      (arch === undefined || arch === target().name) &&
      (patched === undefined || hasPatch(patched)) &&
      (unpatched === undefined || !hasPatch(unpatched)),
  )
}

/** Whether a run failed exactly as recorded; without a finding: whether it passed. */
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
