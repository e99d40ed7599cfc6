import type { Context } from '../../runner/context.js'
import { boards, expectUse } from '../../runner/firmware.js'
import { expectSaid } from '../../runner/readings.js'

const TABLE = 'scmi-regulator.c:scmi_config_discrete_regulator_mappings takes the list as it is'
const VDD = { name: 'vdd', levels: ['900 mV', '1 V'] }
const expectOtherSet = (t: Context, because: string): Promise<void> =>
  expectUse(t, 'the other can be set', because, ['regulators', 'vdd', 'microvolts', 1e6], '1000000')

export default boards(
  {
    lists: {
      summary: 'voltages twice and out of order: a driver sets each',
      platform: {
        voltages: [
          { name: 'twice', levels: ['900 mV', '1 V', '1 V', '1.1 V'], oddities: ['repeated_levels'] },
          { name: 'mixed', levels: ['1.1 V', '900 mV', '1 V'], oddities: ['unordered_levels'] },
        ],
      },
      async run(t) {
        for (const name of ['twice', 'mixed']) {
          for (const level of [1_100_000, 1_000_000, 900_000]) {
            await expectUse(
              t,
              `${level} uV of ${name}`,
              TABLE,
              ['regulators', name, 'microvolts', level],
              String(level),
            )
          }
        }
      },
    },
    flat: {
      summary: 'a range of one voltage: the kernel has a regulator with that voltage',
      platform: {
        voltages: [{ name: 'flat', range: { min: '1 V', max: '1 V', step: 0 }, oddities: ['flat_range'] }, VDD],
      },
      async run(t) {
        const because = 'scmi-regulator.c:scmi_config_linear_regulator_mappings has fixed_uV for it'
        await expectUse(t, 'it is read', because, ['regulators', 'flat', 'microvolts'], '1000000')
        await expectUse(t, 'it can be enabled', because, ['regulators', 'flat', 'enabled', 1], '1')
        await expectOtherSet(t, because)
      },
    },
    'step-0': {
      summary: 'a range of voltages with step 0: a driver sets the limits, and the kernel has the other regulator',
      platform: {
        voltages: [{ name: 'free', range: { min: '900 mV', max: '1.1 V', step: 0 }, oddities: ['flat_range'] }, VDD],
      },
      async run(t) {
        const because = 'a range has at least its limits'
        await expectOtherSet(t, because)
        await expectUse(
          t,
          'the lower limit can be set',
          because,
          ['regulators', 'free', 'microvolts', 900_000],
          '900000',
        )
        await expectUse(
          t,
          'the upper limit can be set',
          because,
          ['regulators', 'free', 'microvolts', 1_100_000],
          '1100000',
        )
      },
    },
    'triplet-counted-wrong': {
      summary: 'a reply with a triplet that counts two values: the kernel says so, and has the other regulator',
      platform: {
        voltages: [
          { name: 'linear', range: { min: '900 mV', max: '1.1 V', step: '50 mV' }, triplet: { returned: 2 } },
          VDD,
        ],
      },
      async run(t) {
        const because = 'voltage.c:scmi_init_voltage_levels refuses a segment that has not three values'
        await expectSaid(t, because, 'Invalid level descriptor')
        await expectOtherSet(t, because)
      },
    },
    granted: {
      summary: 'the platform grants another voltage than a driver sets: the kernel reads what was granted',
      platform: {
        voltages: [
          { name: 'cpu', levels: ['900 mV', '1 V', '1.1 V'], grants: { '1.1 V': '1 V' } },
          {
            name: 'gpu',
            range: { min: '900 mV', max: '1.1 V', step: '10 mV' },
            rounds: { to: '50 mV', direction: 'up' },
          },
        ],
      },
      async run(t) {
        const because = 'scmi-regulator.c:scmi_reg_get_voltage_sel asks the platform'
        await expectUse(t, '1 V is granted for 1.1 V', because, ['regulators', 'cpu', 'microvolts', 1.1e6], '1000000')
        await expectUse(
          t,
          'a voltage is rounded up to 50 mV',
          because,
          ['regulators', 'gpu', 'microvolts', 960_000],
          '1000000',
        )
      },
    },
  },
  ['lists'],
)
