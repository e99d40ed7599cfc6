/** Loaded first into a measured back end: reports every garbage collection to the parent process. */
import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks'

export interface GcPause {
  kind: 'scavenge' | 'mark-sweep' | 'incremental' | 'weak callbacks' | 'other'
  ms: number
}

/** Entries of type gc, which the types of Node 20 lack. */
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
// The channel must neither keep the process alive nor change how it exits.
process.channel?.unref()
