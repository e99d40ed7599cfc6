/** Expectations that many scenarios share. */
import type { RunLimits } from '../guest/guest.js'
import type { Context } from './context.js'

/** Time limit for things that usually take milliseconds. */
const LIMIT_MS = 5_000

/** Time limit of a call that repeats something many times. */
export const ROUNDS_LIMIT: RunLimits = { timeoutMs: 50_000 }

/** There is one SCMI instance, and it answers. */
export async function expectInstance(t: Context, what: string, because: string): Promise<void> {
  await t.expect(what, { because, got: () => t.idle(() => t.call('answer_soon')), is: /^status 0 / })
  await t.expect('there is one SCMI instance', { because, got: () => t.call('instances'), is: /^arm-scmi\S*$/ })
}

export async function expectNoInstance(t: Context, because: string): Promise<void> {
  await t.expect('there is no SCMI instance', { because, got: () => t.call('instances'), is: '' })
}

/** No probe is deferred. */
export async function expectNothingWaits(t: Context, because: string): Promise<void> {
  await t.expect('nothing is left waiting', { because, got: () => t.call('deferred'), is: '', withinMs: LIMIT_MS })
}

/** Each node waits for a device; before Linux 7.2 no driver is there to wait. */
export async function expectWaiting(t: Context, node = 'firmware:scmi'): Promise<void> {
  await t.expect(`${node} waits for a device`, {
    because: 'common.h:scmi_transport_supplier_get returns -EPROBE_DEFER while no virtio device was probed',
    got: () => t.call('waiting'),
    is: new RegExp(`^(${node}|no driver waits)$`, 'm'),
    withinMs: LIMIT_MS,
  })
}
