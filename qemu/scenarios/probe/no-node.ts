import { expectNoInstance, expectNothingWaits } from '../../runner/expectations.js'
import { scenario } from '../../runner/scenario.js'

export default scenario({
  onlyInAll: true,
  summary: 'a device but no node: the virtio driver is bound, there is no SCMI instance, no splat',
  tags: ['ci'],
  machine: { nodes: [] },

  async run(t) {
    await t.expect('the virtio driver is bound', {
      because: 'virtio.c:scmi_vio_probe needs no node; it offers a supplier to a transport that may come later',
      got: () => t.call('virtio_devices'),
      is: /^virtio\d+$/,
    })
    await expectNoInstance(t, 'virtio.c:scmi_of_match matches no node, so the transport makes no device for the core')
    await expectNothingWaits(t, 'there is no node whose probe could be deferred')
    await t.expect('the platform was asked nothing', {
      because: 'only the core sends messages, and driver.c:scmi_probe, which sets up its channels, never runs',
      got: () => t.device.stats().messages,
      is: 0,
    })
  },
})
