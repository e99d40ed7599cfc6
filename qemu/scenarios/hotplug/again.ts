import type { Context } from '../../runner/context.js'
import { expectInstance, expectNoInstance } from '../../runner/expectations.js'
import { family } from '../../runner/scenario.js'

const BECAUSE = 'virtio.c:scmi_vio_probe probes the new device, and its node gets an instance as with the first one'

/** Through QEMU. A round takes over a second, because the guest gives a slot that long to power off. */
async function replug(t: Context, rounds: number): Promise<void> {
  await expectInstance(t, 'there is an instance', 'driver.c:scmi_probe')
  for (let round = 1; round <= rounds; round++) {
    await t.step(`round ${round}: unplug`)
    await t.unplug()
    await expectNoInstance(
      t,
      'driver.c:scmi_transport_setup made a device link: consumers are unbound before suppliers',
    )
    await t.step(`round ${round}: plug in again`)
    await t.plug()
    await expectInstance(t, 'the instance is back', BECAUSE)
  }
}

/** Through the PCI bus in the guest: the same for the drivers, without QEMU and the slot. */
async function rescan(t: Context, rounds: number): Promise<void> {
  await expectInstance(t, 'there is an instance', 'driver.c:scmi_probe')
  await t.step('remove and rescan')
  await t.expect('the instance is back', { because: BECAUSE, got: () => t.call('rescan', [rounds]), is: `${rounds}` })
}

export default family(
  {
    once: { summary: 'unplugged and plugged in again', tags: ['ci'], play: replug, rounds: 1 },
    'three-times': { summary: 'unplugged and plugged in again three times', tags: [], play: replug, rounds: 3 },
    rescan: { summary: 'removed from the PCI bus and found again 20 times', tags: [], play: rescan, rounds: 20 },
  },
  ({ summary, tags, play, rounds }) => ({
    summary: `the device is ${summary}: the instance is back each time`,
    tags,
    machine: { devices: [{ hasSlot: true }] },
    run: t => play(t, rounds),
  }),
  ['once'],
)
