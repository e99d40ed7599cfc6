/** Finds oopses, warnings and other reports in a kernel's log. */

/** First lines of reports; each is about a bug in the kernel. */
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

/** Known reports of other subsystems; a report is ignored if all patterns of an entry match. */
const ELSEWHERE: RegExp[][] = [
  // Locks of the hot-plug controller: pciehp_probe takes them in one order at boot, pciehp_ist in another. lockdep reports
  // nothing more after this.
  [/possible circular locking dependency/, /pci_rescan_remove_lock/, /ctrl->reset_lock/],
]

const CUT_HERE = /-{12}\[ cut here \]-{12}/
const ENDS = /---\[ end (trace|Kernel panic)/
/** Length of a report without an end mark, such as lockdep's. */
const LINES = 80

export interface Splat {
  /** The line that names the bug. */
  title: string
  /** Index of its first line, and of the line after its last. */
  start: number
  end: number
}

/** The reports in a log, in order, without those whose titles are `allowed`. */
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
