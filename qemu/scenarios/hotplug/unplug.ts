import { expectInstance, expectNoInstance } from '../../runner/expectations.js'
import { scenario } from '../../runner/scenario.js'

export default scenario({
  summary: 'the device is unplugged while nothing is in flight: the instance goes with it',
  tags: ['ci'],
  machine: { devices: [{ hasSlot: true }] },
  allows: { noInstance: 'the device is gone' },

  async run(t) {
    await expectInstance(t, 'there is an instance', 'driver.c:scmi_probe')
    await t.step('unplug the device')
    await t.unplug()
    await expectNoInstance(
      t,
      'driver.c:scmi_transport_setup made a device link: consumers are unbound before suppliers',
    )
    await t.expect('the virtio driver is bound to nothing', {
      because: 'virtio.c:scmi_vio_remove has run',
      got: () => t.call('virtio_devices'),
      is: '',
    })
  },
})
