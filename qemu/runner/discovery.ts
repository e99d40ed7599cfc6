/** Discovery: what the core learns about a platform by Base commands when it is probed, and again after a rebind. */
import type { Context } from './context.js'

/** How long a busy guest may take for the probes of its client drivers. */
const PROBE_LIMIT_MS = 10_000

/**
 * Unbinds the drivers and binds them again, so that they probe the platform anew. Allows for timeouts of commands. The order
 * works on every kernel; bind/order tests the others.
 */
export async function rediscover(t: Context): Promise<void> {
  await t.idle(() => t.call('steps', ['-t', '-v', '+v', '+t']))
}

/** The drivers that are bound to the protocols of the instance, by a pattern of their names. */
export async function expectClients(t: Context, what: string, because: string, is: string | RegExp): Promise<void> {
  await t.expect(what, { because, got: () => t.call('clients'), is, withinMs: PROBE_LIMIT_MS })
}

/** The platform's identity as sysfs shows it: PROTOCOL VENDOR/SUB_VENDOR IMPLEMENTATION. */
export async function expectIdentity(t: Context, what: string, because: string, is: string): Promise<void> {
  await t.expect(what, { because, got: () => t.call('identity'), is })
}
