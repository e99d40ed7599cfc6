/** A run as data: what every report is made from, what `--json` writes, and what `--baseline` reads. */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { whyUnreadable } from '../../src/support/path-error.js'
import { LabError } from '../support/errors.js'
import type { Finding } from './findings.js'
import type { TestKernel } from './kernels.js'
import type { Result } from './suite.js'

const failure = z.object({ what: z.string(), because: z.string(), said: z.string() })

const result = z.object({
  scenario: z.string(),
  summary: z.string(),
  /** Label of the kernel. */
  kernel: z.string(),
  /** What happened. `unfit`: the scenario is not for this kernel. */
  outcome: z.enum(['passed', 'failed', 'unfit']),
  /** Whether that is what is recorded for this kernel; of no meaning for `unfit`. */
  asRecorded: z.boolean(),
  /** Why it is not for this kernel. */
  misfit: z.string().optional(),
  ms: z.number(),
  failures: z.array(failure),
  /** What is known of this kernel in this scenario. */
  finding: z.object({ fails: z.array(z.string()), symptom: z.string(), cause: z.string() }).optional(),
  /** Evidence, of failures only. */
  steps: z.array(z.object({ text: z.string(), atMs: z.number() })),
  log: z.array(z.string()),
  messages: z.array(z.string()),
  /** The command that does it again and ends in a shell. */
  reproduce: z.string(),
})

const kernel = z.object({
  label: z.string(),
  /** What the user named: a version, a tree, an Image. */
  source: z.string(),
  release: z.string(),
  variant: z.string(),
  patches: z.array(z.string()),
  /** Lines of its configuration that set something; none if the kernel does not carry it. */
  config: z.array(z.string()),
})

const runRecord = z.object({
  format: z.literal('scmi-lab run 1'),
  began: z.string(),
  ms: z.number(),
  command: z.string(),
  versions: z.record(z.string(), z.string()),
  kernels: z.array(kernel),
  results: z.array(result),
})

export type RunRecord = z.infer<typeof runRecord>
export type ResultRecord = z.infer<typeof result>
export type KernelRecord = z.infer<typeof kernel>

/** Reads what `--json` wrote. Throws LabError if it is something else. */
export function readRunRecord(path: string): RunRecord {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new LabError(`--baseline ${path}: ${whyUnreadable(error)}`)
  }
  const { data } = runRecord.safeParse(parseJson(text))
  if (!data) throw new LabError(`--baseline ${path}: this is not what "scmi-lab run --json" writes`)
  return data
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export const differs = ({ outcome, asRecorded }: ResultRecord): boolean => outcome !== 'unfit' && !asRecorded

/** What a run was, beside its results. */
export interface RunFacts {
  began: Date
  command: string
  versions: Record<string, string>
}

export function makeRunRecord(
  kernels: readonly TestKernel[],
  results: ResultRecord[],
  { began, command, versions }: RunFacts,
): RunRecord {
  return {
    format: 'scmi-lab run 1',
    began: began.toISOString(),
    ms: Date.now() - began.getTime(),
    command,
    versions,
    kernels: kernels.map(({ label, source, release, variant, patches, config }) => ({
      label,
      source,
      release,
      variant,
      patches: patches.map(({ subject }) => subject),
      config: [...(config ?? [])].filter(([, value]) => value !== 'n').map(([name, value]) => `${name}=${value}`),
    })),
    results,
  }
}

const findingRecord = ({ fails, oneFails, symptom, cause }: Finding): ResultRecord['finding'] => ({
  fails: [...fails, ...oneFails].map(({ what }) => what),
  symptom,
  cause,
})

/** A result as data. Evidence is kept of failures only: of what passes, nobody asks. */
export function resultRecord(result: Result, reproduce: string): ResultRecord {
  const { entry, kernel, finding, asRecorded, misfit, failures, ms } = result
  const hasFailed = failures.length > 0
  return {
    scenario: entry.name,
    summary: entry.scenario.summary,
    kernel: kernel.label,
    outcome: misfit ? 'unfit' : hasFailed ? 'failed' : 'passed',
    asRecorded,
    ...(misfit ? { misfit } : {}),
    ms,
    failures,
    ...(finding ? { finding: findingRecord(finding) } : {}),
    steps: hasFailed ? result.steps : [],
    log: result.log,
    messages: hasFailed ? result.messages : [],
    reproduce,
  }
}
