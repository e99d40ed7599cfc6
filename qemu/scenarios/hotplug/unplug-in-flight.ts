import type { Context } from '../../runner/context.js'
import { expectInstance, expectNoInstance } from '../../runner/expectations.js'
import { family } from '../../runner/scenario.js'

const PAIRS = 4
/** `arm,max-rx-timeout-ms` of the node: how long the kernel waits for a reply. */
const TIMEOUT_MS = 500

/** Puts messages in flight that are never answered. */
async function hold(t: Context): Promise<void> {
  const { faults } = t.server
  const rules = [faults.add({ protocol: 'base', hold: true }), faults.add({ protocol: 'sensor', hold: true })]
  await t.call('send_one', [PAIRS])
  await t.expect('the device has messages of both kinds', {
    because: 'raw_mode.c:scmi_do_xfer_raw_start and driver.c:do_xfer send them at once',
    got: () => rules.map(({ held }) => held.length > 0),
    is: [true, true],
    withinMs: 5_000,
  })
}

/** Sends messages from a few processes, as fast as they can. */
async function flood(t: Context): Promise<void> {
  const before = t.device.stats().messages
  await t.call('send_on', [PAIRS])
  await t.expect('messages are under way', {
    because: 'each sender sends its next message as soon as it has a reply',
    got: () => t.device.stats().messages - before,
    is: sent => sent > 5 * PAIRS,
    withinMs: 5_000,
  })
}

export default family<{ summary: string; tags?: string[]; send: (t: Context) => Promise<void> }>(
  {
    unanswered: { summary: 'are in flight that the platform does not answer', tags: ['ci'], send: hold },
    flood: { summary: 'are sent as fast as possible', send: flood },
  },
  ({ summary, tags = [], send }) => ({
    summary: `the device is unplugged while messages ${summary}: the instance goes, nothing hangs`,
    tags,
    machine: { devices: [{ hasSlot: true }], nodes: [`arm,max-rx-timeout-ms = <${TIMEOUT_MS}>;`] },
    allows: { noInstance: 'the device is gone' },
    async run(t) {
      await expectInstance(t, 'there is an instance', 'driver.c:scmi_probe')
      await t.step('send messages')
      await send(t)
      await t.step('unplug the device')
      await t.unplug()
      await expectNoInstance(
        t,
        'virtio.c:virtio_chan_free breaks the device and waits for the users of a channel; a command that waits for a ' +
          'reply gives up after arm,max-rx-timeout-ms (driver.c:scmi_wait_for_reply)',
      )
    },
  }),
  ['flood'],
)
