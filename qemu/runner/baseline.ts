/** What changed since an earlier run. */
import type { KernelRecord, ResultRecord, RunRecord } from './record.js'

export interface Change {
  scenario: string
  kernel: string
  kind: 'better' | 'worse' | 'different'
  text: string
}

/** Compares each result with the earlier run's; scenarios that only one of the runs has are left out. */
export function compare(now: RunRecord, before: RunRecord): Change[] {
  return now.kernels.flatMap(kernel => {
    const counterpart = counterpartOf(kernel, before.kernels)
    if (!counterpart) return []
    const ofKernel = ({ results }: RunRecord, { label }: KernelRecord): ResultRecord[] =>
      results.filter(result => result.kernel === label)
    const earlier = new Map(ofKernel(before, counterpart).map(result => [result.scenario, result]))
    return ofKernel(now, kernel).flatMap(result => changeOf(result, earlier.get(result.scenario)) ?? [])
  })
}

/** The kernel to compare with: the same one, else one of the same source and variant, else the only one. */
function counterpartOf(kernel: KernelRecord, others: readonly KernelRecord[]): KernelRecord | undefined {
  return (
    others.find(other => other.label === kernel.label) ??
    others.find(other => other.source === kernel.source && other.variant === kernel.variant) ??
    (others.length === 1 ? others[0] : undefined)
  )
}

const failed = ({ failures }: ResultRecord): string => failures.map(({ what }) => what).join(', ')

function changeOf(now: ResultRecord, before: ResultRecord | undefined): Change | undefined {
  if (!before || now.outcome === 'unfit' || before.outcome === 'unfit') return undefined
  const of = { scenario: now.scenario, kernel: now.kernel }
  if (now.outcome === 'failed' && before.outcome === 'passed') return { ...of, kind: 'worse', text: failed(now) }
  if (now.outcome === 'passed' && before.outcome === 'failed') return { ...of, kind: 'better', text: failed(before) }
  if (failed(now) === failed(before)) return undefined
  return { ...of, kind: 'different', text: `${failed(before)}; now ${failed(now)}` }
}
