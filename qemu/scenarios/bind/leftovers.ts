import { expectInstance } from '../../runner/expectations.js'
import { scenario } from '../../runner/scenario.js'

export default scenario({
  summary: 'virtio driver and transport are unbound: nothing of the instance is left on any bus',
  allows: { noInstance: 'its drivers are unbound' },

  async run(t) {
    await expectInstance(t, 'there is an instance', 'driver.c:scmi_probe')
    await t.step('unbind the virtio driver and the transport')
    await t.call('steps', ['-v', '-t'])
    await t.expect("the core's device is gone", {
      because: 'common.h:__tag##_dev_free unregisters the platform device that the transport made',
      got: () => t.call('core_devices'),
      is: '',
    })
    await t.expect('the devices of its protocols are gone', {
      because:
        'driver.c:scmi_create_protocol_devices made them as children of that device, and a device must not outlive its ' +
        'parent on a bus',
      got: () => t.call('protocol_devices'),
      is: '',
    })
  },
})
