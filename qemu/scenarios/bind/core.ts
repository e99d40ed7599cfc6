import type { Context } from '../../runner/context.js'
import { expectInstance, expectNoInstance, ROUNDS_LIMIT } from '../../runner/expectations.js'
import { type Allowances, family } from '../../runner/scenario.js'

const ROUNDS = 20

interface Member {
  summary: string
  tags?: string[]
  allows?: Allowances
  play: (t: Context) => Promise<void>
}

export default family<Member>(
  {
    'no-files': {
      summary: 'it cannot be unbound by hand',
      async play(t) {
        await t.expect('the core has no files to bind and unbind it', {
          because: 'driver.c:scmi_driver has suppress_bind_attrs: only its supplier or its module can unbind it',
          got: () => t.call('bind_files'),
          is: '',
        })
      },
    },
    again: {
      summary: 'its device loses its supplier, gets it back, and is probed again: the instance works as before',
      async play(t) {
        const clients = await t.call('clients')
        await t.step('unbind and bind the virtio driver, probe the core')
        await t.expect('the instance is back', {
          because: 'driver.c:scmi_probe finds the supplier, with free channels',
          got: () => t.idle(() => t.call('steps_and_answer', ['-v', '+v', '+c'])),
          is: /^status 0 /,
        })
        await t.expect('the drivers of its protocols are back', {
          because: 'driver.c:scmi_create_protocol_devices makes the devices of a new instance',
          got: () => t.call('clients'),
          is: clients,
          withinMs: 3_000,
        })
      },
    },
    '20-times': {
      summary: `it is unbound with its supplier and probed again ${ROUNDS} times: it answers each time`,
      async play(t) {
        await t.step(`${ROUNDS} times: unbind and bind the virtio driver, probe the core`)
        await t.expect('the instance is back', {
          because: 'driver.c:scmi_remove undoes all that driver.c:scmi_probe does',
          got: () => t.call('rounds', [ROUNDS, '-v', '+v', '+c'], ROUNDS_LIMIT),
          is: `${ROUNDS}`,
        })
      },
    },
    'without-supplier': {
      summary: 'its device is probed while the supplier is unbound: there is no instance, and no splat',
      allows: { noInstance: 'the virtio driver is unbound' },
      async play(t) {
        await t.step('unbind the virtio driver')
        await t.call('unbind_virtio')
        await expectNoInstance(
          t,
          'driver.c:scmi_transport_setup linked it to the device, so it is unbound with the device',
        )
        await t.step('probe the core')
        await t.expect('there is still no instance', {
          because: 'the supplier has no driver, so driver.c:scmi_probe has no transport to set up',
          got: () => t.call('try_core'),
          is: '',
        })
      },
    },
  },
  ({ summary, tags = [], allows, play }) => ({
    summary: `the core driver: ${summary}`,
    tags,
    ...(allows ? { allows } : {}),
    async run(t) {
      await expectInstance(t, 'there is an instance', 'driver.c:scmi_probe')
      await play(t)
    },
  }),
  ['again'],
)
