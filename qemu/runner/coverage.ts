/** The coverage of a run: what the scenarios ran of each kernel's SCMI drivers, as data for reports. */
import { z } from 'zod'
import { type AddedLines, addedLines } from '../coverage/added.js'
import { addCounters, type Counters } from '../coverage/counters.js'
import { figuresOf, missedLines, rangesOf, sumOf } from '../coverage/figures.js'
import type { FileCoverage } from '../coverage/gcov.js'
import { type CountingKernel, coverageOf } from '../coverage/kernel.js'
import type { TestKernel } from './kernels.js'
import type { Result } from './suite.js'

const share = z.object({ all: z.number(), ran: z.number() })
const figures = z.object({ lines: share, functions: share, branches: share })
const nearest = z.object({ scenario: z.string(), line: z.number() })

export const coverageRecord = z.object({
  /** Label of the kernel. */
  kernel: z.string(),
  all: figures,
  files: z.array(
    figures.extend({
      file: z.string(),
      /** The lines that never ran, as ranges: 3-5 9. */
      missed: z.string(),
      missedFunctions: z.array(z.string()),
    }),
  ),
  /** Of kernels with patches: what became of the lines that they add. */
  added: z
    .object({
      all: z.number(),
      code: z.number(),
      missed: z.array(z.object({ file: z.string(), line: z.number(), text: z.string(), nearest: nearest.optional() })),
      uncounted: z.array(z.string()),
    })
    .optional(),
  /** Why some guests' counters are missing: the scenario, and what was found in its memory. */
  problems: z.array(z.string()),
})

export type CoverageRecord = z.infer<typeof coverageRecord>

/** What reports are made from. */
export interface RunCoverage {
  kernel: TestKernel
  counting: CountingKernel
  files: FileCoverage[]
  record: CoverageRecord
}

/** The coverage of each kernel that counts. */
export async function coverageOfRun(
  kernels: readonly TestKernel[],
  results: readonly Result[],
): Promise<RunCoverage[]> {
  const found: RunCoverage[] = []
  for (const kernel of kernels) {
    if (!kernel.counting) continue
    const ofKernel = results.filter(result => result.kernel === kernel)
    found.push(await coverageOfKernel(kernel, kernel.counting, ofKernel))
  }
  return found
}

async function coverageOfKernel(
  kernel: TestKernel,
  counting: CountingKernel,
  results: readonly Result[],
): Promise<RunCoverage> {
  const sum: Counters = new Map()
  const ran = results.flatMap(({ entry, collected }) =>
    collected ? [{ scenario: entry.name, counters: collected.counters }] : [],
  )
  for (const { counters } of ran) addCounters(sum, counters)
  const files = await coverageOf(counting, sum)
  const added = kernel.patches.length === 0 ? undefined : await addedLines(counting, files, ran)
  return { kernel, counting, files, record: recordOf(kernel, files, results, added) }
}

function recordOf(
  { label }: TestKernel,
  files: readonly FileCoverage[],
  results: readonly Result[],
  added: AddedLines | undefined,
): CoverageRecord {
  const rows = files.map(file => ({
    file: file.file,
    ...figuresOf(file),
    missed: rangesOf(missedLines(file), file.lines),
    missedFunctions: file.functions.filter(({ count }) => count === 0).map(({ name }) => name),
  }))
  const problems = results.flatMap(({ entry, collected }) =>
    (collected?.problems ?? []).map(problem => `${entry.name}: ${problem}`),
  )
  return { kernel: label, all: sumOf(rows), files: rows, ...(added ? { added } : {}), problems }
}
