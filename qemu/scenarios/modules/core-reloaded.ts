import type { Context } from '../../runner/context.js'
import { expectInstance, expectNoInstance } from '../../runner/expectations.js'
import { family, type Scenario } from '../../runner/scenario.js'

interface Member {
  summary: string
  machine?: Scenario['machine']
  allows?: Scenario['allows']
  meanwhile: (t: Context) => Promise<void>
  afterwards: (t: Context) => Promise<void>
}

const there = (t: Context) =>
  expectInstance(
    t,
    'the instance is back',
    'the transport is still there, and so is the device that it made for the core',
  )

const gone = (t: Context) =>
  expectNoInstance(t, 'its supplier is gone, so driver.c:scmi_probe has no transport to set up')

export default family<Member>(
  {
    alone: { summary: 'the instance is back', async meanwhile() {}, afterwards: there },
    unbound: {
      summary: 'the virtio driver was unbound meanwhile: no instance, no splat',
      allows: { noInstance: 'the virtio driver is unbound' },
      async meanwhile(t) {
        await t.step('unbind the virtio driver')
        await t.call('unbind_virtio')
      },
      afterwards: gone,
    },
    unplugged: {
      summary: 'the device was unplugged meanwhile: no instance, no splat',
      machine: { devices: [{ hasSlot: true }] },
      allows: { noInstance: 'the device is gone' },
      async meanwhile(t) {
        await t.step('unplug the device')
        await t.unplug()
      },
      afterwards: gone,
    },
  },
  ({ summary, machine, allows, meanwhile, afterwards }) => ({
    summary: `the core is unloaded and loaded again: ${summary}`,
    ...(machine ? { machine } : {}),
    kernel: { config: ['CONFIG_ARM_SCMI_PROTOCOL=m', 'CONFIG_ARM_SCMI_TRANSPORT_VIRTIO=m'], loadsModules: true },
    ...(allows ? { allows } : {}),
    async run(t) {
      // Not all client drivers: those of vendors use the core as well, and hold it.
      await t.call('load_parts', ['core', 'transport', 'clients'])
      await expectInstance(t, 'there is an instance', 'driver.c:scmi_probe')
      await t.step('unload clients and core')
      await t.call('unload_core')
      await meanwhile(t)
      await t.step('load core and clients')
      await t.call('load_parts', ['core', 'clients'])
      await afterwards(t)
    },
  }),
)
