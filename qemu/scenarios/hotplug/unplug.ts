import { scenario } from '../../runner/scenario.js'

export default scenario({
  summary: 'the device is unplugged while nothing is under way: the instance goes with it',
  tags: ['ci'],
  machine: { devices: [{ hasSlot: true }] },
  allows: { noInstance: 'the device is gone' },

  async run(t) {
    await t.expect('there is one SCMI instance', {
      because: 'driver.c:scmi_probe',
      got: () => t.call('instances'),
      is: /^arm-scmi\S*$/,
      withinMs: 5000,
    })
    await t.step('unplug the device')
    await t.unplug()
    await t.expect('the instance is gone', {
      because: 'driver.c:scmi_transport_setup made a device link to the supplier: consumers are unbound before it',
      got: () => t.call('instances'),
      is: '',
    })
    await t.expect('the virtio driver is bound to nothing', {
      because: 'virtio.c:scmi_vio_remove has run',
      got: () => t.call('virtio_devices'),
      is: '',
    })
  },
})
