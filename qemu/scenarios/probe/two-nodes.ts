import type { Context } from '../../runner/context.js'
import { expectInstance, expectNoInstance, expectNothingWaits, expectWaiting } from '../../runner/expectations.js'
import { type Allowances, family, type Scenario } from '../../runner/scenario.js'

const BOTH = ['', '']

/** One node has the device; the other has none and does not wait. */
async function expectOneServed(t: Context): Promise<void> {
  await expectInstance(t, 'one node has an instance', 'the device serves one node, the first that requests it')
  await expectNothingWaits(
    t,
    'common.h:scmi_transport_supplier_get returns -EBUSY for the other node, which is no deferral; before Linux 7.2 its ' +
      'core finds the channels taken (driver.c:scmi_chan_setup) and fails',
  )
}

interface Member {
  summary: string
  tags?: string[]
  devices?: Scenario['machine']
  allows?: Allowances
  run: Scenario['run']
}

export default family<Member>(
  {
    'at-boot': {
      summary: 'one gets it, the other is refused without a splat',
      tags: ['ci'],
      run: expectOneServed,
    },
    'after-boot': {
      summary: 'both wait for it; when it is plugged in, one gets it',
      devices: { devices: [{ isPlugged: false }] },
      async run(t) {
        await expectWaiting(t, 'firmware:scmi')
        await expectWaiting(t, 'firmware:scmi-1')
        await t.step('plug in the device')
        await t.plug()
        await expectOneServed(t)
      },
    },
    'hand-over': {
      summary: 'the first is unbound, and the other can get it',
      async run(t) {
        await expectOneServed(t)
        await t.step('unbind the first transport, bind the other')
        await t.expect('the other node gets the device', {
          because:
            'common.h:__tag##_dev_free puts the supplier back when a transport is unbound, which makes it available again',
          got: () => t.idle(() => t.call('hand_over')),
          is: /^status 0 /,
        })
      },
    },
    unplugged: {
      summary: 'the device is unplugged, and the other node waits for one instead of taking a device that is gone',
      devices: { devices: [{ hasSlot: true }] },
      allows: { noInstance: 'the device is gone' },
      async run(t) {
        await expectOneServed(t)
        await t.step('unplug the device')
        await t.unplug()
        await expectNoInstance(
          t,
          'driver.c:scmi_transport_setup linked it to the device, so it is unbound with the device',
        )
        await t.step('bind the other transport')
        await t.expect('the other node waits for a device', {
          because: 'there is no device, so common.h:scmi_transport_supplier_get defers the probe',
          got: () => t.call('try_other'),
          is: /^(firmware:scmi-1|no driver waits)$/m,
        })
      },
    },
  },
  ({ summary, tags = [], devices, allows, run }) => ({
    summary: `two nodes and one device: ${summary}`,
    tags,
    machine: { nodes: BOTH, ...devices },
    ...(allows ? { allows } : {}),
    run,
  }),
  ['at-boot', 'unplugged'],
)
