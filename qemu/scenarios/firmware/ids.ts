import { boards, expectClocks, expectUse } from '../../runner/firmware.js'

const KEEPS_OTHERS = 'clock.c:scmi_clock_protocol_init goes on after a clock that refuses CLOCK_ATTRIBUTES'
const rates = ['100 MHz', '200 MHz']

export default boards(
  {
    rk3576: {
      summary:
        'clocks 10, 11 and 456 as on an RK3576: the kernel has these three, and a driver sets the rate of the last',
      platform: {
        clocks: [
          { id: 10, name: 'cpu_l', rates },
          { name: 'cpu_b', rates },
          { id: 456, name: 'gpu', rates },
        ],
      },
      tags: ['ci'],
      async run(t) {
        const limits = '100000000 100000000-200000000'
        await expectClocks(t, KEEPS_OTHERS, [`cpu_l ${limits}`, `cpu_b ${limits}`, `gpu ${limits}`])
        await expectUse(
          t,
          'the rate of clock 456 can be set',
          KEEPS_OTHERS,
          ['clocks', 'gpu', 'rate', 200e6],
          '200000000',
        )
      },
    },
    am62l: {
      summary: '57 clocks from 58 to 358 as on an AM62L: the kernel has all of them',
      platform: {
        clocks: [
          { id: 58, repeat: 20, name: 'dev_{i}', rate: '25 MHz' },
          { id: 156, repeat: 20, name: 'periph_{i}', rate: '48 MHz' },
          { id: 342, repeat: 17, name: 'main_{i}', rate: '96 MHz' },
        ],
      },
      async run(t) {
        const group = (name: string, count: number, rate: number) =>
          Array.from({ length: count }, (_, i) => `${name}_${i} ${rate} ${rate}-${rate}`)
        await expectClocks(t, KEEPS_OTHERS, [
          ...group('dev', 20, 25e6),
          ...group('periph', 20, 48e6),
          ...group('main', 17, 96e6),
        ])
      },
    },
    domains: {
      summary:
        'power domains, performance domains, resets and voltages with ids left out: drivers use those that are there',
      platform: {
        power_domains: [{ id: 2, name: 'gpu_power' }],
        perf_domains: [
          {
            id: 3,
            name: 'gpu_perf',
            levels: [1, 2].map(level => ({ level, power: level, frequency: `${level} MHz` })),
          },
        ],
        resets: [{ id: 2, name: 'usb' }],
        voltages: [{ id: 3, name: 'vdd', levels: ['900 mV', '1 V'] }],
      },
      async run(t) {
        const because = 'the protocols and their drivers go on after a domain that is not there'
        await expectUse(t, 'power domain 2 can be switched on', because, ['power-domains', 'gpu_power', 'on', 1], '1')
        await expectUse(t, 'reset 2 can be asserted', because, ['resets', 'usb', 'asserted', 1], '1')
        await expectUse(t, 'voltage 3 can be set', because, ['regulators', 'vdd', 'microvolts', 1e6], '1000000')
        await expectUse(
          t,
          'performance domain 3 can be switched on',
          because,
          ['perf-domains', 'gpu_perf', 'on', 1],
          '1',
        )
      },
    },
    sensors: {
      summary: 'sensors 1 and 4: both are read, and the temperature has its thermal zone',
      platform: {
        sensors: [
          { id: 1, name: 'rail', type: 'volt', scale: -3, value: 0.9 },
          { id: 4, name: 'soc', type: 'celsius', scale: -3, value: 41 },
        ],
      },
      async run(t) {
        await t.expect('both can be read', {
          because: 'a sensor is read by the id of its description',
          got: () => t.call('sensors'),
          is: 'in0_input 900\ntemp1_input 41000',
        })
        await t.expect('the temperature has a thermal zone', {
          because: 'scmi-hwmon.c:scmi_hwmon_probe enables each temperature sensor, and registers it',
          got: () => t.call('zones'),
          is: '41000',
        })
      },
    },
    powercaps: {
      summary: 'power caps 0 and 2: the kernel has both zones',
      platform: {
        powercaps: [
          { id: 0, name: 'soc', unit: 'milliwatt', cap_range: { min: 500, max: 5000, step: 100 } },
          { id: 2, name: 'gpu', unit: 'milliwatt', cap_range: { min: 500, max: 5000, step: 100 } },
        ],
      },
      async run(t) {
        await t.expect('there are two zones', {
          because: 'other protocols go on after a resource that is not there',
          got: () => t.call('powercaps'),
          is: 'gpu soc',
        })
      },
    },
    pins: {
      summary: 'pins 0 and 2: the kernel has both',
      platform: {
        pinctrl: {
          pins: [
            { id: 0, name: 'p0' },
            { id: 2, name: 'p2' },
          ],
        },
      },
      async run(t) {
        await t.expect('both pins are there', {
          because: 'other protocols go on after a resource that is not there',
          got: () => t.call('pins'),
          is: 'p0 p2',
        })
      },
    },
  },
  ['rk3576', 'am62l', 'pins'],
)
