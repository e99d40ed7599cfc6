/** What must hold when a scenario is over, whatever it was about. */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import type { Context } from './context.js'
import type { Allowance, Scenario } from './scenario.js'
import type { Wire } from './wire.js'

/** Something that is not as it should be. */
export interface Failure {
  /** The expectation: names the failure in a record. */
  what: string
  because: string
  /** What was found instead. */
  said: string
}

/** Starts of reports in a kernel's log, each of a fault of the kernel. */
const splats: RegExp[] = [
  /\bWARNING: /,
  /\bBUG: /,
  /\bBUG at /,
  /\bOops\b/,
  /Unable to handle kernel /,
  /Internal error: /,
  /Kernel panic - not syncing/,
  /INFO: possible (circular|recursive) locking/,
  /possible (circular locking|recursive locking|irq lock inversion|deadlock)/,
  /INFO: (inconsistent lock state|suspicious RCU usage|trying to register non-static key)/,
  /\bKASAN: /,
  /\bUBSAN: /,
  /\bODEBUG: /,
  /refcount_t: /,
  /list_(add|del) corruption/,
  /rcu: INFO: .*(stall|starved)/,
  /INFO: task .* blocked for more than/,
  /soft lockup|hard LOCKUP|workqueue lockup/,
  /kmemleak: \d+ new suspected/,
  /sysfs: cannot create duplicate/,
  /kobject: .*(does not have a release|tried to init an initialized|uninitialized)/,
  /Leaked object/,
]

/** A report's following lines, up to the kernel's end mark; a report without one is shown in this many. */
const endMark = /---\[ end (trace|Kernel panic)/
const SPLAT_LINES = 80

const isAllowed = (text: string, allowances: readonly Allowance[] = []): boolean =>
  allowances.some(({ pattern }) => pattern.test(text))

/** The first report in a kernel's log that the scenario does not allow, whole. */
export function findSplat(log: string, allowances?: readonly Allowance[]): string | undefined {
  const lines = log.split('\n')
  const first = lines.findIndex(line => splats.some(splat => splat.test(line)) && !isAllowed(line, allowances))
  if (first < 0) return undefined
  const rest = lines.slice(first, first + SPLAT_LINES)
  const end = rest.findIndex(line => endMark.test(line))
  return rest.slice(0, end < 0 ? undefined : end + 1).join('\n')
}

export function checkLog(log: string, scenario: Scenario): Failure[] {
  const said = findSplat(log, scenario.allows?.console)
  if (!said) return []
  return [
    { what: 'the kernel reports no fault of its own', because: 'a splat is a bug, whatever the platform does', said },
  ]
}

/** The platform's view: rules the guest broke. */
export function checkGuest(wires: readonly Wire[], t: Context, scenario: Scenario): Failure[] {
  const counted = t.servers.flatMap(({ device }) => {
    const { unanswerable, internalErrors } = device.stats()
    return [
      ...(unanswerable > 0 ? [`${unanswerable} unanswerable messages`] : []),
      ...(internalErrors > 0 ? [`${internalErrors} internal errors of the device`] : []),
    ]
  })
  const all = [...wires.flatMap(wire => wire.violations), ...counted]
  const violations = all.filter(text => !isAllowed(text, scenario.allows?.platform))
  if (violations.length === 0) return []
  const said = violations.slice(0, 10).join('\n')
  return [{ what: 'the guest breaks no rule of SCMI or virtio', because: 'SCMI v3.2 §4.1, virtio 1.3 §5.17', said }]
}

/** A device that is plugged in serves an SCMI instance that answers. */
export async function checkInstance(t: Context, scenario: Scenario): Promise<Failure[]> {
  const nodes = scenario.machine?.nodes ?? ['']
  if (scenario.allows?.noInstance || nodes.length === 0 || !t.plugged.some(Boolean)) return []
  return expectation(() =>
    t.expect('the SCMI instance works afterwards', {
      because: 'nothing a scenario does may leave the guest without its platform',
      got: async () => (await t.guest.run('scmi-raw 0x10 0x0 2>&1')).stdout,
      is: /^status 0 /,
      withinMs: INSTANCE_LIMIT_MS,
    }),
  )
}

const INSTANCE_LIMIT_MS = 5_000

/** Runs an expectation for its failure. */
async function expectation(work: () => Promise<unknown>): Promise<Failure[]> {
  try {
    await work()
    return []
  } catch (error) {
    return [toFailure(error)]
  }
}

/** What ended a scenario, as a failure; `step` is where it was. */
export function toFailure(error: unknown, step = ''): Failure {
  const { what, because, said, message } = error as Partial<Failure> & Error
  if (what !== undefined && because !== undefined && said !== undefined) return { what, because, said }
  return { what: step || 'the scenario runs', because: 'every step of a scenario works', said: message }
}

/** Identities of what QEMU shares with a device: guest memory, kicks and calls. */
export function sharedWith(pid: number | 'self'): Set<string> {
  const files = readdirSync(`/proc/${pid}/fd`).map(fd => identity(pid, fd))
  const mapped = [...readFileSync(`/proc/${pid}/maps`, 'utf8').matchAll(/ (\d+) +\/memfd:/g)]
  const ids = [...files, ...mapped.map(([, inode]) => `memfd ${inode}`)]
  return new Set(ids.filter(id => id !== undefined))
}

/** Eventfds have an identity only in fdinfo; a memfd's is its inode. A descriptor may be closed while we look. */
function identity(pid: number | 'self', fd: string): string | undefined {
  const path = `/proc/${pid}/fd/${fd}`
  try {
    const target = readlinkSync(path)
    if (target.startsWith('/memfd:')) return `memfd ${statSync(path).ino}`
    if (target !== 'anon_inode:[eventfd]') return undefined
    return /^eventfd-id:\s*\d+$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))?.[0]
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** After the guest and its devices are gone: `shared` is what QEMU had. */
export function checkDescriptors(shared: ReadonlySet<string>): Failure[] {
  const kept = [...sharedWith('self')].filter(id => shared.has(id))
  if (kept.length === 0) return []
  return [
    {
      what: 'the device keeps nothing of a guest that is gone',
      because: 'the descriptors of kicks, calls and memory belong to one connection',
      said: `${kept.length} descriptors of QEMU's are still open: ${kept.join(', ')}`,
    },
  ]
}
