import type { Context } from '../../runner/context.js'
import { expectInstance, expectNoInstance } from '../../runner/expectations.js'
import { family } from '../../runner/scenario.js'

/** The first of two devices has an instance, the second is not bound. */
async function expectSecondRefused(t: Context): Promise<void> {
  await expectInstance(t, 'the first device has its instance', 'virtio.c:scmi_vio_probe took it, and it came first')
  await t.expect('one device is bound', {
    because: 'virtio.c:scmi_vio_probe returns -EBUSY while scmi_vdev is set: only one SCMI device is allowed',
    got: () => t.call('virtio_devices'),
    is: /^virtio\d+$/,
  })
  await t.expect('the second device gets no messages', {
    because: 'no driver has set up its queues',
    got: () => t.servers[1]!.device.stats().messages,
    is: 0,
  })
}

export default family(
  {
    refused: {
      summary: 'the second device is refused, the first keeps working',
      run: expectSecondRefused,
    },
    'second-unplugged': {
      summary: 'the refused device is unplugged: the first keeps working',
      async run(t: Context) {
        await expectSecondRefused(t)
        await t.step('unplug the second device')
        await t.unplug(1)
        await expectInstance(t, 'the first device is unaffected', 'the refused probe left nothing behind')
      },
    },
    'first-unplugged': {
      summary: 'the first device is unplugged: the second can take its place',
      async run(t: Context) {
        await expectSecondRefused(t)
        await t.step('unplug the first device')
        await t.unplug(0)
        await expectNoInstance(
          t,
          'driver.c:scmi_transport_setup linked it to the device, so it is unbound with the device',
        )
        await t.step('bind the second device')
        await t.expect('the second device takes its place', {
          because: 'virtio.c:scmi_vio_remove clears scmi_vdev, so another device can be bound',
          got: () => t.idle(() => t.call('second_takes_over')),
          is: /^status 0 /,
        })
      },
    },
  },
  ({ summary, run }, name) => ({
    summary: `two devices: ${summary}`,
    tags: name === 'first-unplugged' ? [] : ['ci'],
    machine: { devices: [{ hasSlot: true }, { hasSlot: true }] },
    run,
  }),
  ['refused'],
)
