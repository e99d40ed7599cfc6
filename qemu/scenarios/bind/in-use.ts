import { expectInstance, expectNoInstance } from '../../runner/expectations.js'
import { family } from '../../runner/scenario.js'

export default family(
  {
    holder: { what: 'has a raw file open', needs: [] },
    reader: { what: 'waits in read() of a raw file', needs: [] },
    // Without KASAN a use of freed memory shows only by chance.
    poller: { what: 'waits in poll() of a raw file', needs: ['CONFIG_KASAN=y'] },
  },
  ({ what, needs }, name) => ({
    summary: `the virtio driver is unbound while a process ${what}: it does not wait for the process, no splat`,
    kernel: { config: ['CONFIG_ARM_SCMI_RAW_MODE_SUPPORT=y', ...needs] },
    allows: { noInstance: 'the virtio driver is unbound' },
    async run(t) {
      await expectInstance(t, 'there is an instance', 'driver.c:scmi_probe')
      await t.step(`unbind the virtio driver while a process ${what}`)
      await t.expect('the driver is unbound at once', {
        because:
          'a device can go at any time, and a process with an open debugfs file must not hold it: ' +
          'raw_mode.c:scmi_raw_mode_cleanup removes the files even if they are open',
        got: () => t.call('unbind_while', [name]),
        is: 'unbound at once',
      })
      await expectNoInstance(t, 'driver.c:scmi_remove has run')
    },
  }),
  ['holder', 'reader'],
)
