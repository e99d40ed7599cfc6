import type { Context } from '../../runner/context.js'
import { expectInstance, expectNoInstance } from '../../runner/expectations.js'
import { type Allowances, family } from '../../runner/scenario.js'

/** `arm,max-rx-timeout-ms` of the node: how long the probe waits for a reply. */
const TIMEOUT_MS = 500

/** Plugs the device in, and unplugs it while the core waits for the reply to its first command. */
async function unplugInProbe(t: Context): Promise<void> {
  t.server.faults.add({ protocol: 'base', message: 'PROTOCOL_VERSION', hold: true })
  await t.step('plug in the device')
  await t.plug()
  await t.expect('the probe is under way', {
    because: 'driver.c:scmi_probe calls base.c:scmi_base_protocol_init, which first asks for the version',
    got: () => t.server.faults.list()[0]!.held,
    is: held => held > 0,
    withinMs: 5_000,
  })
  await t.step('unplug the device')
  await t.unplug()
  await expectNoInstance(
    t,
    "before the driver core unbinds a supplier it waits for its consumers' probes " +
      '(core.c:device_links_unbind_consumers), and the probe gives up after arm,max-rx-timeout-ms',
  )
  t.server.faults.clear()
}

export default family<{ summary: string; allows?: Allowances; run: (t: Context) => Promise<void> }>(
  {
    gone: {
      summary: 'nothing is left of it',
      allows: { noInstance: 'the device is gone' },
      run: unplugInProbe,
    },
    again: {
      summary: 'when it is plugged in again, it gets its instance',
      async run(t) {
        await unplugInProbe(t)
        await t.step('plug in the device again')
        await t.plug()
        await expectInstance(t, 'the instance is there', 'virtio.c:scmi_vio_probe probes it like any other device')
      },
    },
  },
  ({ summary, allows, run }) => ({
    summary: `the device is unplugged during its first probe: ${summary}`,
    machine: { devices: [{ isPlugged: false }], nodes: [`arm,max-rx-timeout-ms = <${TIMEOUT_MS}>;`] },
    ...(allows ? { allows } : {}),
    run,
  }),
  ['gone'],
)
