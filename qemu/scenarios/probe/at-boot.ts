import { scenario } from '../../runner/scenario.js'

export default scenario({
  summary: 'device and node are there at boot: one SCMI instance, which answers',
  tags: ['ci'],

  async run(t) {
    await t.expect('the virtio driver is bound', {
      because: 'virtio.c:scmi_vio_probe takes the first SCMI device of the machine',
      got: () => t.call('virtio_devices'),
      is: /^virtio\d+$/,
    })
    await t.expect('there is one SCMI instance', {
      because: 'driver.c:scmi_probe runs once the transport has a supplier',
      got: () => t.call('instances'),
      is: /^arm-scmi\S*$/,
      withinMs: 5000,
    })
    await t.expect('nothing is left waiting', {
      because: 'the node has its device, so no probe stays deferred',
      got: () => t.call('deferred'),
      is: '',
    })
    await t.expect('the platform was asked who it is', {
      because: 'base.c:scmi_base_protocol_init reads version, vendor and implementation',
      got: () => t.call('vendor'),
      is: 'vhost-user-scmi',
    })
  },
})
