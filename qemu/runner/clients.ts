/** What scenarios about client drivers share: the lab's consumers, both sides of a change, unbinding and binding. */
import type { Context } from './context.js'
import { type Family, family, type Scenario } from './scenario.js'

interface Board extends Scenario {
  /** The keys of the platform file, without its vendor. */
  platform: Record<string, unknown>
}

/** Platforms of a vendor that Linux has no quirks for; `platform` is without the vendor. */
export const plain = (platform: Record<string, unknown>): Record<string, unknown> => ({ vendor: 'acme', ...platform })

/** The same platform with older versions of a protocol, by their major numbers: scenarios v1, v2 and so on. */
export const olderVersions = (protocol: string, majors: readonly number[], declare: (major: number) => Board): Family =>
  family(Object.fromEntries(majors.map(major => [`v${major}`, major])), major => {
    const { platform, ...rest } = declare(major)
    return { ...rest, platform: plain({ protocols: { [protocol]: { version: `${major}.0` } }, ...platform }) }
  })

/** A use of a resource by the lab's driver: it writes `value` to a file of a consumer. */
export type Use = [kind: string, name: string, file: string, value: number | string]

interface Effect<T> {
  because: string
  /** What the guest reads then: a value, or the error's text; default: what was written. */
  guest?: string
  /** What the platform has then. */
  platform: () => T
  is: T
}

/** A driver changes something: guest and platform must show it alike. */
export async function expectEffect<T>(
  t: Context,
  use: Use,
  { because, guest, platform, is }: Effect<T>,
): Promise<void> {
  const [, name, file, value] = use
  const what = `${name}: ${file} ${value}`
  await t.expect(`${what}, for the guest`, { because, got: () => t.call('use', use), is: guest ?? String(value) })
  await t.expect(`${what}, for the platform`, { because, got: platform, is })
}

/** Reads a file of a consumer. */
export const used = (t: Context, kind: string, name: string, file: string): Promise<string> =>
  t.call('use', [kind, name, file])

/**
 * Unbinds a client driver and binds it again. `seen` is what the guest has of it, of which `gone` must be left in
 * between; afterwards all must be there as before. The lab's consumers go first: they use what the driver provides.
 */
export async function expectRebound(
  t: Context,
  driver: string,
  seen: () => Promise<string>,
  gone: string,
): Promise<void> {
  const because = `drivers of the SCMI bus can be unbound and bound at any time: the remove function of ${driver}`
  const before = await seen()
  await t.step(`unbind ${driver}`)
  await t.call('unload_consumer')
  const device = await t.call('unbind_client', [driver])
  await t.expect(`nothing of ${driver} is left while it is unbound`, { because, got: seen, is: gone })
  await t.step(`bind ${driver}`)
  await t.call('bind_client', [driver, device])
  await t.expect(`all of ${driver} is there again`, { because, got: seen, is: before, withinMs: 5000 })
}
