import { clocks } from '../../../src/platform/clocks/index.js'
import { boards, expectClocks, expectUse } from '../../runner/firmware.js'
import { ANY_ERROR } from '../../runner/readings.js'

const GOES_ON = 'clock.c:scmi_clock_protocol_init goes on after a clock that refuses'

export default boards(
  {
    'clock-attributes': {
      summary: 'one clock refuses CLOCK_ATTRIBUTES, as on an i.MX95: the kernel has the others',
      platform: {
        clocks: [
          { name: 'osc', rate: '24 MHz' },
          { name: 'secure', rate: '48 MHz', answers: { CLOCK_ATTRIBUTES: 'NOT_SUPPORTED' } },
          { name: 'uart', rates: ['24 MHz', '80 MHz'] },
        ],
      },
      tags: ['ci'],
      async run(t) {
        await expectClocks(t, GOES_ON, ['osc 24000000 24000000-24000000', 'uart 24000000 24000000-80000000'])
        await expectUse(
          t,
          'the rate of a clock after it can be set',
          GOES_ON,
          ['clocks', 'uart', 'rate', 80e6],
          '80000000',
        )
      },
    },
    'r-car': {
      summary:
        'module clocks of 0 Hz, some of which refuse CLOCK_ATTRIBUTES or CLOCK_DESCRIBE_RATES, as on an R-Car X5H: the kernel has the others',
      platform: {
        clocks: [
          { repeat: 40, name: 'mod_{i}', rate: 0 },
          { repeat: 3, name: 'secure_{i}', rate: 0, answers: { CLOCK_ATTRIBUTES: 'DENIED' } },
          { repeat: 3, name: 'unlisted_{i}', rate: 0, answers: { CLOCK_DESCRIBE_RATES: 'NOT_SUPPORTED' } },
          { name: 'core', rates: ['266 MHz', '533 MHz'] },
        ],
      },
      async run(t) {
        await t.expect('it has the module clocks', {
          because: GOES_ON,
          got: async () => (await t.call('clocks')).split('\n').filter(line => /^mod_\d+ 0 0-0$/.test(line)).length,
          is: 40,
        })
        await t.expect('it has none of those that refuse CLOCK_ATTRIBUTES', {
          because: GOES_ON,
          got: () => t.call('clocks'),
          is: text => !text.includes('secure'),
        })
        await expectUse(
          t,
          'a module clock can be enabled',
          'a rate of 0 Hz is a rate',
          ['clocks', 'mod_39', 'enabled', 1],
          '1',
        )
        await t.expect('it is enabled on the platform', {
          because: 'clk-scmi.c:scmi_clk_enable',
          got: () => t.server.platform.model(clocks).named('mod_39').enabled,
          is: true,
        })
        await expectUse(
          t,
          'the rate of the last clock can be set',
          GOES_ON,
          ['clocks', 'core', 'rate', 533e6],
          '533000000',
        )
      },
    },
    'clock-rates': {
      summary: 'one clock refuses CLOCK_DESCRIBE_RATES: the kernel has it without limits, and a driver sets its rate',
      platform: {
        clocks: [
          { name: 'osc', rate: '24 MHz' },
          {
            name: 'gpu',
            range: { min: 0, max: '1 GHz', step: 1 },
            rate: '400 MHz',
            answers: { CLOCK_DESCRIBE_RATES: 'DENIED' },
          },
        ],
      },
      async run(t) {
        const because =
          'clock.c:scmi_clock_determine_rate returns the rate that was asked for when it does not know the rates'
        await expectUse(t, 'its rate can be read', GOES_ON, ['clocks', 'gpu', 'rate'], '400000000')
        await expectUse(t, 'its rate can be set', because, ['clocks', 'gpu', 'rate', 200e6], '200000000')
      },
    },
    others: {
      summary: 'a power domain, a performance domain, a reset, a voltage, a sensor refuse: drivers use the others',
      platform: {
        power_domains: [{ name: 'secure_power', answers: { POWER_STATE_GET: 'DENIED' } }, { name: 'gpu_power' }],
        perf_domains: ['npu_perf', 'gpu_perf'].map((name, i) => ({
          name,
          levels: [1, 2].map(level => ({ level, power: level, frequency: `${level} MHz` })),
          ...(i === 0 ? { answers: { PERFORMANCE_DESCRIBE_LEVELS: 'NOT_SUPPORTED' } } : {}),
        })),
        resets: [
          { name: 'secure_reset', answers: { RESET_DOMAIN_ATTRIBUTES: 'DENIED', RESET: 'DENIED' } },
          { name: 'usb' },
        ],
        voltages: [
          { name: 'secure_vdd', levels: ['900 mV', '1 V'], answers: { VOLTAGE_DESCRIBE_LEVELS: 'DENIED' } },
          { name: 'vdd', levels: ['900 mV', '1 V'] },
        ],
        sensors: [
          { name: 'secure_rail', type: 'volt', scale: -3, value: 1, answers: { SENSOR_READING_GET: 'DENIED' } },
          { name: 'rail', type: 'volt', scale: -3, value: 0.9 },
        ],
      },
      async run(t) {
        const because = 'the protocols and their drivers go on after a resource that refuses'
        await expectUse(
          t,
          'the other power domain can be switched on',
          because,
          ['power-domains', 'gpu_power', 'on', 1],
          '1',
        )
        await expectUse(t, 'the other reset can be asserted', because, ['resets', 'usb', 'asserted', 1], '1')
        await expectUse(t, 'the other voltage can be set', because, ['regulators', 'vdd', 'microvolts', 1e6], '1000000')
        await expectUse(
          t,
          'the other performance domain can be switched on',
          because,
          ['perf-domains', 'gpu_perf', 'on', 1],
          '1',
        )
        await expectUse(
          t,
          'the reset that refuses gives an error',
          because,
          ['resets', 'secure_reset', 'asserted', 1],
          ANY_ERROR,
        )
        await t.expect('the sensor that refuses gives an error, and the other one is read', {
          because,
          got: () => t.call('rails'),
          is: /^[A-Z][^\n]*\n900$/,
        })
      },
    },
    'power-attributes': {
      summary: 'a power domain refuses POWER_DOMAIN_ATTRIBUTES: drivers use the others',
      platform: {
        power_domains: [
          { name: 'secure_power', answers: { POWER_DOMAIN_ATTRIBUTES: 'DENIED' } },
          { name: 'gpu_power' },
        ],
      },
      async run(t) {
        const because = 'power.c:scmi_power_protocol_init goes on after a domain that refuses'
        await expectUse(
          t,
          'the other power domain can be switched on',
          because,
          ['power-domains', 'gpu_power', 'on', 1],
          '1',
        )
      },
    },
    powercap: {
      summary: 'a power cap refuses POWERCAP_DOMAIN_ATTRIBUTES: the kernel has the others',
      platform: {
        powercaps: [
          { name: 'soc', unit: 'milliwatt', cap_range: { min: 500, max: 5000, step: 100 } },
          {
            name: 'secure',
            unit: 'milliwatt',
            cap_range: { min: 500, max: 5000, step: 100 },
            answers: { POWERCAP_DOMAIN_ATTRIBUTES: 'DENIED' },
          },
        ],
      },
      async run(t) {
        await t.expect('the other zone is there', {
          because: 'other protocols go on after a resource that refuses',
          got: () => t.call('powercaps'),
          is: 'soc',
        })
      },
    },
  },
  ['clock-attributes', 'r-car', 'clock-rates', 'powercap'],
)
