/** A run as data: all reports are made from it, `--json` writes it, and `--baseline` reads it. */
import { z } from 'zod'
import { LabError } from '../support/errors.js'
import { readFileText } from '../support/given-file.js'
import { type CoverageRecord, coverageRecord } from './coverage.js'
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
  /** Whether the outcome matches the records for this kernel; meaningless for `unfit`. */
  asRecorded: z.boolean(),
  /** Why it is not for this kernel. */
  misfit: z.string().optional(),
  ms: z.number(),
  failures: z.array(failure),
  /** The known finding about this kernel in this scenario. */
  finding: z.object({ fails: z.array(z.string()), symptom: z.string(), cause: z.string() }).optional(),
  /** Evidence; only of failures. */
  steps: z.array(z.object({ text: z.string(), atMs: z.number() })),
  log: z.array(z.string()),
  messages: z.array(z.string()),
  /** The command that repeats it and ends in a shell. */
  reproduce: z.string(),
})

const kernel = z.object({
  label: z.string(),
  /** What the user named: a version, a tree, an Image. */
  source: z.string(),
  release: z.string(),
  variant: z.string(),
  patches: z.array(z.string()),
  /** The lines of its configuration that set options; none if the kernel does not carry its configuration. */
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
  /** What ran of each kernel's SCMI drivers: with --coverage. */
  coverage: z.array(coverageRecord).optional(),
})

export type RunRecord = z.infer<typeof runRecord>
export type ResultRecord = z.infer<typeof result>
export type KernelRecord = z.infer<typeof kernel>

/** Runs of many kernels, each with the logs of its failures. */
const BYTES_MAX = 200_000_000

/** Reads a file of `--json`. Throws LabError if it is something else. */
export function readRunRecord(path: string): RunRecord {
  const { data } = runRecord.safeParse(parseJson(readFileText(path, BYTES_MAX, '--baseline ')))
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

/** A run's data, apart from its results. */
export interface RunFacts {
  began: Date
  command: string
  versions: Record<string, string>
  /** None: the kernels do not count. */
  coverage?: CoverageRecord[]
}

export function makeRunRecord(
  kernels: readonly TestKernel[],
  results: ResultRecord[],
  { began, command, versions, coverage = [] }: RunFacts,
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
    ...(coverage.length > 0 ? { coverage } : {}),
  }
}

const findingRecord = ({ fails, oneFails, symptom, cause }: Finding): ResultRecord['finding'] => ({
  fails: [...fails, ...oneFails].map(({ what }) => what),
  symptom,
  cause,
})

/** A result as data. Evidence is kept only of failures. */
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
