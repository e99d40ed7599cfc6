/** Runs scenarios on kernels, several at a time, and compares each outcome with its record. */
import type { FaultRule } from '../../src/faults/rules/rule.js'
import type { Guest } from '../guest/guest.js'
import { InterruptedError } from '../support/errors.js'
import { type Finding, findingFor, isRecorded } from './findings.js'
import type { TestKernel } from './kernels.js'
import type { Entry } from './load.js'
import { type Outcome, type RunOptions, runScenario } from './run.js'
import { Slots } from './slots.js'

export interface Result extends Outcome {
  entry: Entry
  kernel: TestKernel
  /** The finding about this kernel. */
  finding?: Finding
  /** Whether the outcome matches the record. */
  asRecorded: boolean
}

export interface SuiteOptions {
  /** How many guests run at once. */
  jobs: number
  /** Fault rules of all devices, before those of the scenarios. */
  faults?: readonly FaultRule[]
  /** The only guest waits for a debugger on this port. */
  gdb?: number | undefined
  signal: AbortSignal
  onStep(entry: Entry, kernel: TestKernel, step: string): void
  onResult(result: Result): void
  /** Called when a scenario is over or has failed, before its guest is ended. */
  onEnd?: (guest: Guest, result: Result) => Promise<void>
}

export type OneOptions = Omit<RunOptions, 'onEnd'> & Pick<SuiteOptions, 'onEnd'>

/** Runs one scenario on one kernel, and compares the outcome with the record. The caller holds a slot. */
export async function runOne(entry: Entry, kernel: TestKernel, { onEnd, ...options }: OneOptions): Promise<Result> {
  const judge = (outcome: Outcome): Result => {
    const finding = findingFor(entry.findings, kernel)
    const asRecorded = outcome.misfit !== undefined || isRecorded(outcome, finding)
    return { ...outcome, entry, kernel, ...(finding ? { finding } : {}), asRecorded }
  }
  const atEnd = onEnd && ((guest: Guest, outcome: Outcome) => onEnd(guest, judge(outcome)))
  return judge(await runScenario(entry, kernel, { ...options, onEnd: atEnd }))
}

/**
 * Resolves with all results, kernel by kernel, in the order of the scenarios. When the user stops it, or because of a bug in
 * the lab, it ends all guests and rejects.
 */
export async function runSuite(
  entries: readonly Entry[],
  kernels: readonly TestKernel[],
  { jobs, faults, gdb, signal, onStep, onResult, onEnd }: SuiteOptions,
): Promise<Result[]> {
  const slots = new Slots(jobs)
  const broken = new AbortController()
  const stopped = AbortSignal.any([signal, broken.signal])
  const run = async (entry: Entry, kernel: TestKernel): Promise<Result> => {
    if (stopped.aborted) throw new InterruptedError()
    const result = await runOne(entry, kernel, {
      slots,
      faults: faults ?? [],
      gdb,
      signal: stopped,
      onStep: step => onStep(entry, kernel, step),
      ...(onEnd ? { onEnd } : {}),
    })
    onResult(result)
    return result
  }
  const pairs = kernels.flatMap(kernel => entries.map(entry => ({ entry, kernel })))
  const runs = pairs.map(({ entry, kernel }) =>
    slots
      .use(() => run(entry, kernel))
      .catch(error => {
        broken.abort()
        throw error
      }),
  )
  const endings = await Promise.allSettled(runs)
  const failure = endings.find(ending => ending.status === 'rejected' && !(ending.reason instanceof InterruptedError))
  if (failure) throw (failure as PromiseRejectedResult).reason
  return Promise.all(runs)
}
