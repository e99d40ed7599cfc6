import type { Context } from '../../runner/context.js'
import { expectInstance, expectNoInstance } from '../../runner/expectations.js'
import { family } from '../../runner/scenario.js'

const SENDERS = 2

interface Member {
  summary: string
  run: (t: Context) => Promise<void>
}

export default family<Member>(
  {
    clients: {
      summary: 'the core is unloaded while client drivers are bound: refused, and everything keeps working',
      async run(t) {
        await t.step('unload the core')
        await t.expect('the core is in use', {
          because: "driver.c:scmi_protocol_get holds a protocol's module for each client that is bound to it",
          got: () => t.call('try_unload', ['core']),
          is: 'refused',
        })
        await expectInstance(t, 'the instance is unaffected', 'nothing was unloaded')
      },
    },
    'raw-file': {
      summary: 'the core is unloaded while a raw file is open: refused until it is closed',
      async run(t) {
        await t.step('unload the client drivers, and the core with a raw file open')
        await t.call('unload', ['clients'])
        await t.expect('the core is in use as long as the file is open', {
          because: 'the files of raw_mode.c have .owner = THIS_MODULE, which debugfs holds for each open file',
          got: () => t.call('unload_with_file'),
          is: 'refused\nunloaded then',
        })
        await t.step('load the core again')
        await t.call('load', ['core'])
        await expectInstance(t, 'the instance is back', 'the transport and its supplier have stayed')
      },
    },
    senders: {
      summary:
        'the transport is unloaded while messages are sent: the instance goes, nothing hangs; then it is loaded again',
      async run(t) {
        const before = t.device.stats().messages
        await t.step('send messages')
        await t.call('send_on', [SENDERS])
        await t.expect('messages are under way', {
          because: 'each sender sends its next message as soon as it has a reply',
          got: () => t.device.stats().messages - before,
          is: sent => sent > 5 * SENDERS,
          withinMs: 5_000,
        })
        await t.step('unload the transport')
        await t.call('unload', ['transport'])
        await expectNoInstance(t, 'virtio.c:virtio_chan_free waits for the users of a channel, then frees it')
        await t.step('load the transport again')
        await t.call('load', ['transport'])
        await expectInstance(t, 'the instance is back', 'virtio.c:scmi_transport_virtio_init starts anew')
      },
    },
  },
  ({ summary, run }) => ({
    summary: `modules in use: ${summary}`,
    kernel: { config: ['CONFIG_ARM_SCMI_PROTOCOL=m', 'CONFIG_ARM_SCMI_TRANSPORT_VIRTIO=m'], loadsModules: true },
    async run(t) {
      // Not all client drivers: those of vendors use the core as well, and hold it.
      await t.call('load_parts', ['core', 'transport', 'clients'])
      await expectInstance(t, 'there is an instance', 'driver.c:scmi_probe')
      await run(t)
    },
  }),
)
