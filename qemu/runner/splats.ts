/** Reports of faults in a kernel's log: where each begins, and where it ends. */

/** What a report begins with, each of a fault of the kernel itself. */
const STARTS: RegExp[] = [
  /\bWARNING: /,
  /\bBUG: /,
  /\bBUG at /,
  /\bOops\b/,
  /Unable to handle kernel /,
  /Internal error: /,
  /Kernel panic - not syncing/,
  /INFO: (possible (circular|recursive) locking|inconsistent lock state|suspicious RCU usage)/,
  /INFO: trying to register non-static key/,
  /possible (irq lock inversion|deadlock)/,
  /\b(KASAN|UBSAN|ODEBUG): /,
  /refcount_t: /,
  /list_(add|del) corruption/,
  /rcu: INFO: .*(stall|starved)/,
  /INFO: task .* blocked for more than/,
  /soft lockup|hard LOCKUP|workqueue lockup/,
  /kmemleak: \d+ new suspected/,
  /sysfs: cannot create duplicate/,
  /kobject: .*(does not have a release|tried to init an initialized|uninitialized)/,
]

/** Reports on parts of the kernel that a scenario only uses: whatever SCMI does, they come. Each has all of these texts. */
const ELSEWHERE: RegExp[][] = [
  // The hot-plug controller's locks, taken in one order by pciehp_probe at boot and in another by pciehp_ist. lockdep says
  // nothing more after it.
  [/possible circular locking dependency/, /pci_rescan_remove_lock/, /ctrl->reset_lock/],
]

const CUT_HERE = /-{12}\[ cut here \]-{12}/
const ENDS = /---\[ end (trace|Kernel panic)/
/** Of a report without an end mark, such as lockdep's. */
const LINES = 80

export interface Splat {
  /** Line that names the fault. */
  title: string
  /** Of its lines: the first, and the one behind the last. */
  start: number
  end: number
}

/** The reports in a log whose titles are none of `allowed`, in their order. */
export function findSplats(lines: readonly string[], allowed: readonly RegExp[] = []): Splat[] {
  const splats: Splat[] = []
  for (let at = 0; at < lines.length; at++) {
    const title = lines[at]!
    if (!STARTS.some(start => start.test(title))) continue
    const last = lines.findIndex((line, index) => index >= at && (ENDS.test(line) || index - at >= LINES))
    const end = last < 0 ? lines.length : last + 1
    const start = at > 0 && CUT_HERE.test(lines[at - 1]!) ? at - 1 : at
    const report = lines.slice(start, end).join('\n')
    if (ELSEWHERE.some(texts => texts.every(text => text.test(report)))) continue
    if (!allowed.some(pattern => pattern.test(title))) splats.push({ title, start, end })
    at = end - 1
  }
  return splats
}
