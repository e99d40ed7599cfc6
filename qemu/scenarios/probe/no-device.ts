import { scenario } from '../../runner/scenario.js'

export default scenario({
  summary: 'a node but never a device: the transport stays deferred, no splat, boot not delayed',
  tags: ['ci'],
  machine: { devices: [] },
  allows: { noInstance: 'there is no device' },

  async run(t) {
    await t.expect('there is no SCMI instance', {
      because: 'virtio.c has no supplier to give: driver.c:scmi_probe never runs',
      got: () => t.call('instances'),
      is: '',
    })
    await t.expect('the transport waits for its device', {
      because: 'common.h:scmi_transport_supplier_get returns -EPROBE_DEFER',
      got: () => t.call('deferred'),
      is: /^firmware:scmi$/m,
    })
    await t.expect('init started without a delay', {
      because: 'a deferred probe holds up nobody',
      got: () => t.call('init_started_ms'),
      is: ms => Number(ms) < 10_000,
    })
  },
})
