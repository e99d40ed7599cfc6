/** Checks after every scenario. */
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { type Context, saidBy, UnmetExpectation } from './context.js'
import type { Allowance, Scenario } from './scenario.js'
import { findSplats } from './splats.js'
import type { Wire } from './wire.js'

/** What a check found wrong. */
export interface Failure {
  /** The expectation: names the failure in a record. */
  what: string
  because: string
  /** What was found instead. */
  said: string
}

const isAllowed = (text: string, allowances: readonly Allowance[] = []): boolean =>
  allowances.some(({ pattern }) => pattern.test(text))

/** Program counter and caller, for reports whose title does not name them. */
const PLACE = /\b(pc|lr) : /

/** The guest's log. Failures name reports by their titles; the evidence has their full text. */
export function checkLog(log: string, scenario: Scenario): Failure[] {
  const lines = log.split('\n')
  const allowed = (scenario.allows?.console ?? []).map(({ pattern }) => pattern)
  return findSplats(lines, allowed).map(({ title, start, end }) => {
    const places = lines.slice(start, end).filter(line => PLACE.test(line))
    return {
      what: 'the kernel reports no fault of its own',
      because: 'a splat is a bug, whatever the platform does',
      said: [title, ...places].join('\n'),
    }
  })
}

/** The platform's view: rules the guest broke. */
export function checkGuest(wires: readonly Wire[], t: Context, scenario: Scenario): Failure[] {
  for (const { tap } of t.servers) tap.flush()
  const counted = t.servers.flatMap(({ device }) => {
    const { unanswerable, internalErrors } = device.stats()
    return [
      ...(unanswerable > 0 ? [`${unanswerable} messages without a header, or without room for an answer`] : []),
      ...(internalErrors > 0 ? [`${internalErrors} internal errors of the device`] : []),
    ]
  })
  const all = [...wires.flatMap(wire => wire.violations), ...counted]
  const violations = all.filter(text => !isAllowed(text, scenario.allows?.platform))
  if (violations.length === 0) return []
  const said = violations.slice(0, 10).join('\n')
  return [{ what: 'the guest breaks no rule of SCMI or virtio', because: 'SCMI v3.2 §4.1, virtio 1.3 §5.17', said }]
}

/** Rejects unless an SCMI instance answers, with a device that is plugged in and no longer has fault rules. */
export async function checkInstance(t: Context, scenario: Scenario): Promise<void> {
  for (const { faults } of t.servers) faults.clear()
  const nodes = scenario.machine?.nodes ?? ['']
  if (scenario.allows?.noInstance || nodes.length === 0 || !t.plugged.some(Boolean)) return
  await t.expect('the SCMI instance works afterwards', {
    because: 'nothing a scenario does may leave the guest without its platform',
    got: async () => (await t.guest.run('scmi-raw 0x10 0x0 2>&1')).stdout,
    is: /^status 0 /,
    withinMs: INSTANCE_LIMIT_MS,
  })
  await t.expect('the driver has taken all that the platform had for it', {
    because: 'a driver gives event buffers back (virtio 1.3 §5.17.6.2), and the platform keeps nothing of its own',
    got: () => t.servers.map(({ device }) => device.stats().notificationsWaiting),
    is: waiting => waiting.every(count => count === 0),
    withinMs: INSTANCE_LIMIT_MS,
  })
}

const INSTANCE_LIMIT_MS = 5_000

/** Rejects if kmemleak finds leaks; it looks at objects that are older than five seconds. */
export async function checkLeaks(t: Context): Promise<void> {
  await t.step('look for leaks')
  await t.idle(() => t.call('scan_for_leaks'))
  await t.expect('the kernel has lost no memory', {
    because: 'Documentation/dev-tools/kmemleak.rst: what nothing points to can never be freed',
    got: () => t.call('leaks'),
    is: '',
  })
}

/** The error that ended a scenario, as a failure; `step` is the step it happened in. */
export function toFailure(error: unknown, step: string): Failure {
  if (error instanceof UnmetExpectation) return { what: error.what, because: error.because, said: error.said }
  return { what: step, because: 'every step of a scenario works', said: saidBy(error as Error) }
}

/** Identities of the files that QEMU shares with a device: guest memory, kicks and calls; none if the process has ended. */
export function sharedWith(pid: number | 'self'): Set<string> {
  if (!existsSync(`/proc/${pid}/maps`)) return new Set()
  const files = readdirSync(`/proc/${pid}/fd`).map(fd => identity(pid, fd))
  const mapped = [...readFileSync(`/proc/${pid}/maps`, 'utf8').matchAll(/ (\d+) +\/memfd:/g)]
  const ids = [...files, ...mapped.map(([, inode]) => `memfd ${inode}`)]
  return new Set(ids.filter(id => id !== undefined))
}

/** A memfd is identified by its inode, an eventfd only by its fdinfo. A descriptor may be closed meanwhile. */
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

/** All child processes: the QEMUs of other scenarios among them. */
const children = (): number[] =>
  readdirSync('/proc/self/task').flatMap(thread =>
    readFileSync(`/proc/self/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  )

/**
 * Looks for descriptors that are left after the guest and its devices have ended; `shared` is what QEMU had. The id of a
 * closed eventfd is reused, so those that other QEMUs have are ignored.
 */
export function checkDescriptors(shared: ReadonlySet<string>): Failure[] {
  const used = new Set(children().flatMap(pid => [...sharedWith(pid)]))
  const kept = [...sharedWith('self')].filter(id => shared.has(id) && !used.has(id))
  if (kept.length === 0) return []
  return [
    {
      what: 'the device keeps nothing of a guest that is gone',
      because: 'the descriptors of kicks, calls and memory belong to one connection',
      said: `${kept.length} descriptors of QEMU's are still open: ${kept.join(', ')}`,
    },
  ]
}
