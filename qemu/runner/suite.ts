/** Runs scenarios on kernels, several at a time, and compares each outcome with its record. */
import { type Finding, findingFor } from './findings.js'
import type { TestKernel } from './kernels.js'
import type { Entry } from './load.js'
import { type Outcome, runScenario } from './run.js'
import { Slots } from './slots.js'

/** `unfit`: the scenario is not for this kernel. */
export type Verdict = 'as expected' | 'differs' | 'unfit'

export interface Result extends Outcome {
  entry: Entry
  kernel: TestKernel
  /** What is recorded for this kernel. */
  finding?: Finding
  verdict: Verdict
}

export interface SuiteOptions {
  jobs: number
  signal: AbortSignal
  onStart(entry: Entry, kernel: TestKernel): void
  onStep(entry: Entry, kernel: TestKernel, step: string): void
  onResult(result: Result): void
}

/** Resolves with all results, in the order of the scenarios, kernel by kernel. Rejects when the user stops it. */
export async function runSuite(
  entries: readonly Entry[],
  kernels: readonly TestKernel[],
  options: SuiteOptions,
): Promise<Result[]> {
  const slots = new Slots(options.jobs)
  const pairs = kernels.flatMap(kernel => entries.map(entry => ({ entry, kernel })))
  return Promise.all(
    pairs.map(({ entry, kernel }) =>
      slots.use(async () => {
        options.onStart(entry, kernel)
        const onStep = (step: string) => options.onStep(entry, kernel, step)
        const outcome = await runScenario(entry, kernel, { slots, signal: options.signal, onStep })
        const finding = findingFor(entry.findings, kernel)
        const result = {
          ...outcome,
          entry,
          kernel,
          ...(finding ? { finding } : {}),
          verdict: verdictOf(outcome, finding),
        }
        options.onResult(result)
        return result
      }),
    ),
  )
}

/** Reality matches the record: what fails is what is recorded, and nothing is recorded that does not fail. */
function verdictOf({ misfit, failures }: Outcome, finding: Finding | undefined): Verdict {
  if (misfit) return 'unfit'
  const failed = new Set(failures.map(({ what }) => what))
  const recorded = new Set(finding?.fails)
  return failed.size === recorded.size && [...failed].every(what => recorded.has(what)) ? 'as expected' : 'differs'
}
