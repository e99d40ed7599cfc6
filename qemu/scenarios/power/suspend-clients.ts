import { clocks } from '../../../src/platform/clocks/index.js'
import { perfDomains } from '../../../src/platform/perf-domains/index.js'
import { voltages } from '../../../src/platform/voltages/index.js'
import { expectEffect } from '../../runner/clients.js'
import { SHORT_TIMEOUT } from '../../runner/readings.js'
import { scenario } from '../../runner/scenario.js'

export default scenario({
  summary: 'all devices are suspended and resumed: what was on stays on, and clocks, regulators and cpufreq can be set',
  onlyInAll: true,
  platform: {
    vendor: 'acme',
    clocks: [{ name: 'uart', rates: ['24 MHz', '48 MHz'] }],
    voltages: [{ name: 'vdd', levels: ['900 mV', '1 V'] }],
    perf_domains: [
      { name: 'cpu', levels: [600, 1200].map(level => ({ level, power: level })), sustained_frequency: '1.2 GHz' },
    ],
  },
  machine: { nodes: [SHORT_TIMEOUT], append: ['suspend.pm_test_delay=0'] },
  kernel: { config: ['CONFIG_PM_DEBUG=y', 'CONFIG_SUSPEND=y'] },
  async run(t) {
    const { platform } = t.server
    const clock = platform.model(clocks).named('uart')
    const vdd = platform.model(voltages).named('vdd')
    const cpu = platform.model(perfDomains).named('cpu')
    await t.call('use', ['clocks', 'uart', 'enabled', 1])
    await t.call('use', ['regulators', 'vdd', 'enabled', 1])
    await t.step('suspend and resume')
    await t.idle(() => t.call('suspend_devices'))
    const because = 'no client driver has a suspend callback: what drivers have set stays'
    await t.expect('clock and regulator are on', { because, got: () => [clock.enabled, vdd.mode], is: [true, 7] })
    await expectEffect(t, ['clocks', 'uart', 'rate', 48e6], { because, platform: () => clock.rateHz, is: 48e6 })
    await expectEffect(t, ['regulators', 'vdd', 'microvolts', 1e6], { because, platform: () => vdd.level, is: 1e6 })
    await t.expect('a frequency is set, for the guest', {
      because: 'cpufreq.c:cpufreq_resume starts the governor again',
      got: () => t.call('ask_frequency', [600_000]),
      is: '600000',
    })
    await t.expect('a frequency is set, for the platform', { because, got: () => cpu.level.level, is: 600 })
  },
})
