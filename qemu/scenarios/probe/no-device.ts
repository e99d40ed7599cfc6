import { expectNoInstance, expectWaiting } from '../../runner/expectations.js'
import { scenario } from '../../runner/scenario.js'

export default scenario({
  summary: 'a node but never a device: the transport stays deferred, no splat, boot not delayed',
  tags: ['ci'],
  machine: { devices: [] },
  allows: { noInstance: 'there is no device' },

  async run(t) {
    await expectNoInstance(t, 'virtio.c has no supplier to give: driver.c:scmi_probe never runs')
    await expectWaiting(t)
    await t.expect('nothing held up the boot', {
      because:
        'a deferred probe is put into a list (dd.c:driver_deferred_probe_add), and the boot does not wait for it; its ' +
        'timeout is ten times as long as a boot',
      got: () => t.call('longest_silence'),
      is: percent => Number(percent) < 60,
    })
  },
})
