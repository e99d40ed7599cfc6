import type { Context } from '../../runner/context.js'
import { expectInstance, expectNoInstance } from '../../runner/expectations.js'
import { family } from '../../runner/scenario.js'

const BECAUSE =
  'a device that is there again is probed by virtio.c:scmi_vio_probe, and gives its node an instance as the first did'

/** QEMU's own way: each round takes the guest a second and more, which it gives a slot that was switched off. */
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

/** For the drivers the same, without QEMU and the slot. */
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
)
