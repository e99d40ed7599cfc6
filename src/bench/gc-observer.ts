/** Loaded into a back end that is measured, before anything else: tells its parent of every garbage collection. */
import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks'

export interface GcPause {
  kind: 'scavenge' | 'mark-sweep' | 'incremental' | 'weak callbacks' | 'other'
  ms: number
}

/** Entries of type gc, which the types of Node 20 know as plain ones. */
interface PerformanceNodeEntry extends PerformanceEntry {
  detail: unknown
}

const KINDS: Record<number, GcPause['kind']> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'scavenge',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'mark-sweep',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weak callbacks',
}

const observer = new PerformanceObserver(list => {
  for (const { detail, duration } of list.getEntries() as unknown as PerformanceNodeEntry[]) {
    const { kind } = detail as { kind: number }
    process.send?.({ kind: KINDS[kind] ?? 'other', ms: duration } satisfies GcPause)
  }
})
observer.observe({ entryTypes: ['gc'] })
// It must not keep the process alive, nor change how it ends.
process.channel?.unref()
