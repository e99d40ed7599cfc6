import { scenario } from '../../runner/scenario.js'

const ROUNDS = 20

export default scenario({
  summary: 'the virtio driver is unbound and bound 20 times: the instance goes and comes back each time',
  tags: ['ci'],

  async run(t) {
    const device = await t.expect('the virtio driver is bound', {
      because: 'virtio.c:scmi_vio_probe',
      got: () => t.call('virtio_devices'),
      is: /^virtio\d+$/,
    })
    for (let round = 1; round <= ROUNDS; round++) {
      await t.step(`round ${round}: unbind`)
      await t.call('unbind_virtio', [device])
      await t.expect('the instance is gone', {
        because: 'driver.c:scmi_transport_setup made a device link to the supplier: consumers are unbound before it',
        got: () => t.call('instances'),
        is: '',
      })
      await t.step(`round ${round}: bind`)
      await t.call('bind_virtio', [device])
      await t.expect('the instance is back', {
        because: 'virtio.c:scmi_vio_probe makes the supplier available again, and the transport is probed anew',
        got: () => t.call('instances'),
        is: /^arm-scmi\S*$/,
        withinMs: 10_000,
      })
    }
  },
})
