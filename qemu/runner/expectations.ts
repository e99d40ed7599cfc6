/** What many scenarios expect of the kernel, so that it is asked and said in one way. */
import type { RunLimits } from '../guest/guest.js'
import type { Context } from './context.js'

/** How long what is a matter of milliseconds may take. */
const LIMIT_MS = 5_000

/** For many rounds of the same in one call. */
export const ROUNDS_LIMIT: RunLimits = { timeoutMs: 50_000 }

/** There is one SCMI instance, and it answers. */
export async function expectInstance(t: Context, what: string, because: string): Promise<void> {
  await t.expect(what, { because, got: () => t.idle(() => t.call('answer_soon')), is: /^status 0 / })
  await t.expect('there is one SCMI instance', { because, got: () => t.call('instances'), is: /^arm-scmi\S*$/ })
}

export async function expectNoInstance(t: Context, because: string): Promise<void> {
  await t.expect('there is no SCMI instance', { because, got: () => t.call('instances'), is: '' })
}

/** No probe is left waiting for something that will not come. */
export async function expectNothingWaits(t: Context, because: string): Promise<void> {
  await t.expect('nothing is left waiting', { because, got: () => t.call('deferred'), is: '', withinMs: LIMIT_MS })
}

/** The node, or each of them, waits for a device; Linux before 7.2 has nobody who could. */
export async function expectWaiting(t: Context, node = 'firmware:scmi'): Promise<void> {
  await t.expect(`${node} waits for a device`, {
    because: 'common.h:scmi_transport_supplier_get returns -EPROBE_DEFER while no virtio device was probed',
    got: () => t.call('waiting'),
    is: new RegExp(`^(${node}|no driver waits)$`, 'm'),
    withinMs: LIMIT_MS,
  })
}
