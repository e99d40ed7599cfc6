/** What the core finds out about a platform when it is probed, by messages of the Base protocol, and again after a rebind. */
import type { Context } from './context.js'

/** How long a busy guest may take for the probes of its client drivers. */
const PROBE_LIMIT_MS = 10_000

/**
 * Has the drivers forget the platform and probe it again, with the time-outs that may come of it, in an order that works
 * on every kernel: the others are the matter of bind/order.
 */
export async function rediscover(t: Context): Promise<void> {
  await t.idle(() => t.call('steps', ['-t', '-v', '+v', '+t']))
}

/** The drivers that are bound to the protocols of the instance, by a pattern of their names. */
export async function expectClients(t: Context, what: string, because: string, is: string | RegExp): Promise<void> {
  await t.expect(what, { because, got: () => t.call('clients'), is, withinMs: PROBE_LIMIT_MS })
}

/** What the core knows of the platform, as sysfs tells: PROTOCOL VENDOR/SUB_VENDOR IMPLEMENTATION. */
export async function expectIdentity(t: Context, what: string, because: string, is: string): Promise<void> {
  await t.expect(what, { because, got: () => t.call('identity'), is })
}
