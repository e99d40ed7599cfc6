/**
 * A sensor that nobody reads but the scenario (Linux polls thermometers): its readings are commands of the kernel's own,
 * and a reader sees what the kernel makes of the answers.
 */
import type { Context } from './context.js'

const SENSOR = { name: 'battery', type: 'volt', scale: -3, value: 3.3 }

export const READABLE = { vendor: 'acme', sub_vendor: 'battery', implementation_version: 7, sensors: [SENSOR] }
/** The same, read asynchronously: the value is in a delayed response. */
export const READABLE_LATER = { ...READABLE, sensors: [{ ...SENSOR, async: { latency: '1 ms' } }] }

/** What a reader gets: millivolts, or the error's text. */
export const VALUE = '3300'
export const TIMED_OUT = 'Connection timed out'
export const ANY_ERROR = /^[A-Z]/

/** A node's property: how long the kernel waits for answers, of which those that come may take a while on a busy machine. */
export const SHORT_TIMEOUT = 'arm,max-rx-timeout-ms = <2000>;'

/** How long a busy guest may take. */
const LIMIT_MS = 10_000

/** The sensor is read once, by a process that may wait for it: the value, or the error's text. */
export async function expectReading(t: Context, what: string, because: string, is: string | RegExp): Promise<void> {
  await t.expect(what, { because, got: () => t.idle(() => t.call('reading')), is })
}

/** It can be read, or soon can: on a busy machine an answer may come too late for a short timeout. */
export async function expectReadable(t: Context, what: string, because: string): Promise<void> {
  await t.expect(what, { because, got: () => t.call('reading'), is: VALUE, withinMs: LIMIT_MS })
}

/** The kernel's log has a line since the last step that fits `pattern`, an extended regular expression. */
export async function expectSaid(t: Context, because: string, pattern: string): Promise<void> {
  const got = () => t.call('said', [pattern])
  await t.idle(() => t.expect(`the kernel says "${pattern}"`, { because, got, is: /./, withinMs: LIMIT_MS }))
}
