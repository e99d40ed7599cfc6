import { voltages } from '../../../src/platform/voltages/index.js'
import { ON } from '../../../src/platform/voltages/model.js'
import { expectEffect } from '../../runner/clients.js'
import type { Context } from '../../runner/context.js'
import { boards } from '../../runner/firmware.js'
import { Heard } from '../../runner/messages.js'
import { expectSaid } from '../../runner/readings.js'

const domainOf = (t: Context, name: string) => t.server.platform.model(voltages).named(name)

/** Sets a voltage; the guest reads `guest` then, and the platform has it, or what it had. */
async function expectVoltage(
  t: Context,
  because: string,
  name: string,
  microvolts: number,
  guest?: string,
): Promise<void> {
  const domain = domainOf(t, name)
  await expectEffect(t, ['regulators', name, 'microvolts', microvolts], {
    because,
    ...(guest === undefined ? {} : { guest }),
    platform: () => domain.level,
    is: guest === undefined ? microvolts : domain.level,
  })
}

/** So many that their description takes several replies, at growing distances. */
const MANY = Array.from({ length: 90 }, (_, i) => 500_000 + i * 10_000 + i * i)
const VDD = { name: 'vdd', levels: ['900 mV', '1 V'] }

/** Limits that the device tree gives although the platform does not let the guest set the voltage. */
const LIMITS = 'regulator-min-microvolt = <900000>; regulator-max-microvolt = <1100000>;'

export default boards({
  levels: {
    summary: 'ninety voltages in several replies, a range with an odd step, one voltage: what there is can be set',
    platform: {
      voltages: [
        { name: 'many', levels: MANY },
        { name: 'odd', range: { min: '700 mV', max: '1003 mV', step: '3 mV' } },
        { name: 'fixed', level: '1.8 V' },
      ],
    },
    tags: ['ci'],
    async run(t) {
      const list = 'voltage.c:scmi_voltage_levels_get asks until none remains'
      for (const level of [MANY[89]!, MANY[0]!, MANY[45]!, MANY[17]!]) await expectVoltage(t, list, 'many', level)
      await expectVoltage(t, list, 'many', MANY[17]! + 1, 'Invalid argument')
      const range = 'scmi-regulator.c:scmi_config_linear_regulator_mappings counts steps from the lowest voltage'
      for (const level of [703_000, 1_003_000, 700_000, 850_000]) await expectVoltage(t, range, 'odd', level)
      await expectVoltage(t, range, 'odd', 701_000, 'Invalid argument')
      await expectVoltage(t, range, 'odd', 1_006_000, 'Invalid argument')
      const fixed = 'scmi-regulator.c:scmi_config_discrete_regulator_mappings has fixed_uV for one voltage'
      await expectVoltage(t, fixed, 'fixed', 1_900_000, 'Invalid argument')
    },
  },
  negative: {
    summary: 'negative voltages, in a list and in a range: the kernel leaves these domains out, and has the others',
    platform: {
      voltages: [
        { name: 'below', levels: ['-1.2 V', '-1 V', '1 V'] },
        { name: 'under', range: { min: '-500 mV', max: '500 mV', step: '100 mV' } },
        VDD,
      ],
    },
    async run(t) {
      const because = 'scmi-regulator.c:scmi_regulator_common_init: regulators have no negative voltages'
      await expectSaid(t, because, 'Negative voltages NOT supported...skip regulator@0')
      await expectSaid(t, because, 'Negative voltages NOT supported...skip regulator@1')
      await t.expect('there is one regulator', { because, got: () => t.call('regulators'), is: 'vdd 900000 disabled' })
      await expectVoltage(t, because, 'vdd', 1_000_000)
    },
  },
  permissions: {
    onlyInAll: true,
    summary: 'voltages and states that are not the guest’s to set, although its device tree says so: errors, no change',
    platform: {
      voltages: [
        { name: 'level', levels: ['900 mV', '1.1 V'], permissions: { level: false } },
        { name: 'mode', levels: ['900 mV', '1.1 V'], permissions: { mode: false } },
        { ...VDD, levels: ['900 mV', '1.1 V'] },
      ],
    },
    machine: { deviceTreeSource: `&scmi_voltage_0 { ${LIMITS} };` },
    async run(t) {
      const because = 'driver.c:scmi_to_linux_errno has -EACCES for DENIED'
      await expectVoltage(t, because, 'level', 1_100_000, 'Permission denied')
      await expectVoltage(t, because, 'mode', 1_100_000)
      await expectVoltage(t, because, 'vdd', 1_100_000)
      for (const [name, guest, is] of [
        ['mode', 'Permission denied', 0],
        ['level', '1', ON],
        ['vdd', '1', ON],
      ] as const) {
        await expectEffect(t, ['regulators', name, 'enabled', 1], {
          because,
          guest,
          platform: () => domainOf(t, name).mode,
          is,
        })
      }
    },
  },
  async: {
    onlyInAll: true,
    summary:
      'asynchronous voltages, one with an error and one with another domain’s answer: errors there, and voltages after',
    platform: {
      voltages: [{ name: 'slow', levels: ['900 mV', '1 V', '1.1 V'], async: { latency: '30 ms' } }, VDD],
    },
    async run(t) {
      const because = 'voltage.c:scmi_voltage_level_set waits for the delayed response, which names the domain'
      const heard = new Heard(t.server)
      const rule = { on: 'delayed', protocol: 'voltage', message: 'VOLTAGE_LEVEL_SET', times: 1 } as const
      for (const [what, fault, says] of [
        ['an error in the delayed response', { status: 'HARDWARE_ERROR' }, 'Remote I/O error'],
        ['a delayed response about another domain', { fields: { domain_id: 1 } }, 'Protocol error'],
      ] as const) {
        await t.step(what)
        t.server.faults.add({ ...rule, ...fault })
        await t.expect(what, {
          because,
          got: () => t.call('use', ['regulators', 'slow', 'microvolts', 1_100_000]),
          is: says,
        })
      }
      heard.clear()
      for (const level of [1_000_000, 900_000]) await expectVoltage(t, because, 'slow', level)
      await t.expect('both were set asynchronously', {
        because,
        got: () => heard.count('VOLTAGE_LEVEL_SET', 'delayed response'),
        is: 2,
      })
    },
  },
})
