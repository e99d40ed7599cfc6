import { expectInstance, expectNothingWaits, expectWaiting } from '../../runner/expectations.js'
import { scenario } from '../../runner/scenario.js'

export default scenario({
  summary: 'the device is plugged in after boot: the deferred probe completes',
  tags: ['ci'],
  machine: { devices: [{ isPlugged: false }] },

  async run(t) {
    await expectWaiting(t)
    await t.step('plug in the device')
    await t.plug()
    await expectInstance(
      t,
      'the SCMI instance appears',
      'virtio.c:scmi_vio_probe puts the supplier; after each successful probe the driver core retries deferred ones',
    )
    await expectNothingWaits(t, 'the transport was bound')
  },
})
