import { scenario } from '../../runner/scenario.js'

export default scenario({
  summary: 'the device is plugged in after boot: the deferred probe completes',
  tags: ['ci'],
  machine: { devices: [{ isPlugged: false }] },

  async run(t) {
    await t.expect('the transport waits for its device', {
      because: 'common.h:scmi_transport_supplier_get returns -EPROBE_DEFER while no virtio device was probed',
      got: () => t.call('deferred'),
      is: /^firmware:scmi$/m,
    })
    await t.step('plug in the device')
    await t.plug()
    await t.expect('the SCMI instance appears', {
      because:
        'virtio.c:scmi_vio_probe puts the supplier; the driver core retries deferred probes after each that succeeds',
      got: () => t.call('instances'),
      is: /^arm-scmi\S*$/,
      withinMs: 10_000,
    })
    await t.expect('nothing waits any more', {
      because: 'the transport was bound',
      got: () => t.call('deferred'),
      is: '',
    })
  },
})
