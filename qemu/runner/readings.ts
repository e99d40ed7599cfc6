/**
 * A sensor that only the scenario reads: no thermometer, because Linux polls those. A reading is a command of the kernel's
 * driver, and its result shows how the kernel handles the reply.
 */
import type { Context } from './context.js'

const SENSOR = { name: 'battery', type: 'volt', scale: -3, value: 3.3 }

export const READABLE = { vendor: 'acme', sub_vendor: 'battery', implementation_version: 7, sensors: [SENSOR] }
/** The same, read asynchronously: the value is in a delayed response. */
export const READABLE_LATER = { ...READABLE, sensors: [{ ...SENSOR, async: { latency: '1 ms' } }] }

/** Results of a reading: millivolts, or the error's text. */
export const VALUE = '3300'
export const TIMED_OUT = 'Connection timed out'
export const ANY_ERROR = /^[A-Z]/

/** A property of the SCMI node: how long the kernel waits for replies. Not shorter, as a busy machine is slow to reply. */
export const SHORT_TIMEOUT = 'arm,max-rx-timeout-ms = <2000>;'

/** How long a busy guest may take. */
const LIMIT_MS = 10_000

/** Reads the sensor once, in a process that may wait; the value, or the error's text, must be `is`. */
export async function expectReading(t: Context, what: string, because: string, is: string | RegExp): Promise<void> {
  await t.expect(what, { because, got: () => t.idle(() => t.call('reading')), is })
}

/** The sensor can be read. Tried repeatedly: on a busy machine a reply may miss a short timeout. */
export async function expectReadable(t: Context, what: string, because: string): Promise<void> {
  await t.expect(what, { because, got: () => t.call('reading'), is: VALUE, withinMs: LIMIT_MS })
}

/** Since the last step the kernel's log has a line that matches `pattern`, an extended regular expression. */
export async function expectSaid(t: Context, because: string, pattern: string): Promise<void> {
  const got = () => t.call('said', [pattern])
  await t.idle(() => t.expect(`the kernel says "${pattern}"`, { because, got, is: /./, withinMs: LIMIT_MS }))
}
