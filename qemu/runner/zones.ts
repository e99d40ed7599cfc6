/** Power caps as the kernel shows them in /sys/class/powercap, beside the platform's. */
import type { PowercapDomain } from '../../src/platform/powercaps/domain.js'
import { powercaps } from '../../src/platform/powercaps/index.js'
import type { Context } from './context.js'

/** The first constraint's files: cap and averaging interval. */
export const CAP = 'constraint_0_power_limit_uw'
export const WINDOW = 'constraint_0_time_window_us'
/** powercap_sys.c has this error for whatever goes wrong with a constraint. */
export const REFUSED = 'No data available'

export const capped = (t: Context, name: string): PowercapDomain => t.server.platform.model(powercaps).named(name)

export const readZone = (t: Context, name: string, file: string): Promise<string> => t.call('zone_file', [name, file])

/** The kernel has these zones and no others: NAME under PARENT, or under "-". */
export async function expectZones(t: Context, because: string, is: string[]): Promise<void> {
  await t.expect('the kernel has these zones', { because, got: () => t.call('zones'), is: [...is].sort().join('\n') })
}

/** Each of the platform's domains is a zone, below the zone of its parent. */
export const expectAllZones = (t: Context): Promise<void> =>
  expectZones(
    t,
    'arm_scmi_powercap.c:scmi_zones_register registers each domain below its parent',
    t.server.platform.model(powercaps).list.map(({ name, parent }) => `${name} under ${parent?.name ?? '-'}`),
  )

interface Setting<T> {
  because: string
  /** "done", or the error's text. */
  says?: string
  platform: (domain: PowercapDomain) => T
  is: T
}

/** Writes to a file of a zone: it is accepted or refused, and the platform has `is` then. */
export async function expectSet<T>(
  t: Context,
  [name, file, value]: [name: string, file: string, value: number],
  { because, says = 'done', platform, is }: Setting<T>,
): Promise<void> {
  const what = `${name}: ${file} ${value}`
  await t.expect(`${what}, for the guest`, { because, got: () => t.call('set_zone', [name, file, value]), is: says })
  await t.expect(`${what}, for the platform`, { because, got: () => platform(capped(t, name)), is })
}
