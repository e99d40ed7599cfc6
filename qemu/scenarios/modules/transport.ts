import type { Context } from '../../runner/context.js'
import { expectInstance, expectNoInstance, expectWaiting, ROUNDS_LIMIT } from '../../runner/expectations.js'
import { family, type Scenario } from '../../runner/scenario.js'

const ROUNDS = 20

interface Member {
  summary: string
  machine?: Scenario['machine']
  allows?: Scenario['allows']
  run: (t: Context) => Promise<void>
}

export default family<Member>(
  {
    'before-device': {
      summary: 'loaded before the device is plugged in: the node waits, then gets its instance',
      machine: { devices: [{ isPlugged: false }] },
      async run(t) {
        await t.step('load the transport')
        await t.call('load', ['transport'])
        await expectWaiting(t)
        await t.step('plug in the device')
        await t.plug()
        await expectInstance(
          t,
          'the instance is there',
          'virtio.c:scmi_vio_probe puts the supplier that the node waits for',
        )
      },
    },
    'after-device': {
      summary: 'loaded when device and core are there: the instance comes and goes with it',
      allows: { noInstance: 'the transport is unloaded' },
      async run(t) {
        await expectNoInstance(t, 'the device has no driver')
        await t.step('load the transport')
        await t.call('load', ['transport'])
        await expectInstance(t, 'the instance is there', 'virtio.c:scmi_transport_virtio_init registers both drivers')
        await t.step('unload the transport')
        await t.call('unload', ['transport'])
        await expectNoInstance(t, 'common.h:__tag##_dev_free removes it when the platform driver is unregistered')
      },
    },
    '20-times': {
      summary: `loaded and unloaded ${ROUNDS} times: the instance is back each time`,
      allows: { noInstance: 'the transport is unloaded' },
      async run(t) {
        await t.step(`${ROUNDS} times: load, unload`)
        await t.expect('the instance is back', {
          because: 'virtio.c:scmi_transport_virtio_exit unregisters both drivers, which undoes all that they set up',
          got: () => t.call('load_rounds', [ROUNDS], ROUNDS_LIMIT),
          is: `${ROUNDS}`,
        })
      },
    },
  },
  ({ summary, machine, allows, run }) => ({
    summary: `the transport is a module, ${summary}`,
    ...(machine ? { machine } : {}),
    kernel: { config: ['CONFIG_ARM_SCMI_TRANSPORT_VIRTIO=m'], loadsModules: true },
    ...(allows ? { allows } : {}),
    async run(t) {
      await t.call('load_parts', ['core', 'clients'])
      await run(t)
    },
  }),
)
