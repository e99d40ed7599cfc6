import type { Context } from '../../runner/context.js'
import { expectInstance } from '../../runner/expectations.js'
import { family } from '../../runner/scenario.js'

/** All orders of the parts. */
const ORDERS = [
  ['core', 'transport', 'clients'],
  ['core', 'clients', 'transport'],
  ['transport', 'core', 'clients'],
  ['transport', 'clients', 'core'],
  ['clients', 'core', 'transport'],
  ['clients', 'transport', 'core'],
]

/** Loads in one order and unloads in another. */
async function loadAndUnload(t: Context, load: string[], unload: string[]): Promise<void> {
  await t.step(`load ${load.join(', ')}`)
  await t.call('load_parts', load)
  await expectInstance(
    t,
    'the instance is there',
    'a driver or device is matched with those that are registered, and later ones are matched with it',
  )
  await t.expect('the clients are bound', {
    because: 'bus.c:scmi_protocol_device_request requests devices whichever comes first, instance or client',
    got: () => t.call('clients'),
    is: 'scmi-clocks\nscmi-hwmon',
    withinMs: 5_000,
  })
  await t.step(`unload ${unload.join(', ')}`)
  await t.expect('only what is in use is refused', {
    because:
      'driver.c:scmi_protocol_get holds the module of each protocol that a bound client uses, which is the core: it can be ' +
      'unloaded after the clients or the transport; the other modules are not held',
    got: () => t.call('unload_all', unload),
    is: unload[0] === 'core' ? 'core' : '',
  })
  await t.expect('nothing is left', { because: 'all parts were unloaded', got: () => t.call('loaded'), is: '' })
}

export default family(Object.fromEntries(ORDERS.map(order => [order.join('-'), order])), load => ({
  summary: `modules are loaded in the order ${load.join(', ')}, and unloaded in each order`,
  kernel: { config: ['CONFIG_ARM_SCMI_PROTOCOL=m', 'CONFIG_ARM_SCMI_TRANSPORT_VIRTIO=m'], loadsModules: true },
  allows: { noInstance: 'its modules are unloaded' },
  async run(t) {
    for (const unload of ORDERS) await loadAndUnload(t, load, unload)
  },
}))
