import { expectUse } from '../../runner/firmware.js'
import { family } from '../../runner/scenario.js'

const CPU = { level: 1, power: 1, frequency: '600 MHz' }

export default family(
  {
    clock: {
      driver: 'scmi-clocks',
      use: ['clocks', 'uart', 'enabled', 1],
      again: ['clocks', 'uart', 'rate', 48e6],
      after: /^[A-Z]/,
      because: 'clk.c:clk_unregister gives clocks that are in use operations that fail (clk_nodrv_ops)',
    },
    regulator: {
      driver: 'scmi-regulator',
      use: ['regulators', 'vdd', 'enabled', 1],
      again: ['regulators', 'vdd', 'microvolts', 1e6],
      after: /nonexistent directory$/,
      because: 'core.c:device_links_unbind_consumers unbinds the drivers that use a regulator first',
    },
    'perf-domain': {
      driver: 'scmi-perf-domain',
      use: ['perf-domains', 'cpu', 'on', 1],
      again: ['perf-domains', 'cpu', 'on', 0],
      after: /./,
      because: 'scmi_perf_domain.c:scmi_perf_domain_remove frees its domains, so none may be left with a device in it',
    },
  } as const,
  ({ driver, use, again, after, because }, name) => ({
    summary: `the driver of a ${name} is unbound while another driver uses it: errors, and nothing else`,
    onlyInAll: true,
    platform: {
      vendor: 'acme',
      clocks: [{ name: 'uart', rates: ['24 MHz', '48 MHz'] }],
      voltages: [{ name: 'vdd', levels: ['900 mV', '1 V'] }],
      perf_domains: [{ name: 'cpu', levels: [CPU] }],
    },
    async run(t) {
      await expectUse(t, 'another driver uses it', because, [...use], String(use[3]))
      await t.step(`unbind ${driver}`)
      const device = await t.call('unbind_in_use', [driver])
      await t.expect('nothing is left behind', { because, got: () => t.call('left_behind'), is: '' })
      await expectUse(t, 'the other driver gets an error, or is unbound', because, [...again], after)
      await t.step('the other driver goes')
      await t.call('unload_consumer')
      await t.step(`bind ${driver}`)
      await t.call('bind_client', [driver, device])
      await expectUse(t, 'it can be used again', because, [...use], String(use[3]))
    },
  }),
)
