import { boards, expectUse } from '../../runner/firmware.js'

const levels = [1, 2].map(level => ({ level, power: level, frequency: `${level} MHz` }))
const cap = { unit: 'milliwatt', cap_range: { min: 500, max: 5000, step: 100 } }
const same = (name: string, more: Record<string, unknown> = {}) => [
  { name: `${name}_0`, wire_name: name, ...more },
  { name: `${name}_1`, wire_name: name, ...more },
]
const NAMES = 'SCMI names are for people: resources are told apart by their ids'

export default boards(
  {
    'power-domains': {
      summary: 'two power domains of one name: drivers use both',
      platform: { power_domains: [...same('gpu'), { name: 'usb' }] },
      async run(t) {
        for (const name of ['usb', 'gpu_0', 'gpu_1']) {
          await expectUse(t, `${name} can be switched on`, NAMES, ['power-domains', name, 'on', 1], '1')
        }
      },
    },
    'power-and-performance': {
      summary: 'a power domain and a performance domain of one name: drivers use both',
      platform: {
        power_domains: [{ name: 'gpu' }],
        perf_domains: [{ name: 'gpu_perf', wire_name: 'gpu', levels }],
      },
      tags: ['ci'],
      async run(t) {
        await expectUse(t, 'the power domain can be switched on', NAMES, ['power-domains', 'gpu', 'on', 1], '1')
        await expectUse(
          t,
          'the performance domain can be switched on',
          NAMES,
          ['perf-domains', 'gpu_perf', 'on', 1],
          '1',
        )
      },
    },
    'performance-domains': {
      summary: 'two performance domains of one name, as on an X1E: drivers use both',
      platform: { perf_domains: same('NCC', { levels }) },
      async run(t) {
        for (const name of ['NCC_0', 'NCC_1']) {
          await expectUse(t, `${name} can be switched on`, NAMES, ['perf-domains', name, 'on', 1], '1')
        }
      },
    },
    'empty-power-domain': {
      summary: 'a power domain without a name: drivers use it and the others',
      platform: { power_domains: [{ name: 'nameless', wire_name: '' }, { name: 'usb' }] },
      async run(t) {
        for (const name of ['usb', 'nameless']) {
          await expectUse(t, `${name} can be switched on`, NAMES, ['power-domains', name, 'on', 1], '1')
        }
      },
    },
    others: {
      summary: 'resets, voltages, sensors and power caps of one name or without one: drivers use all of them',
      platform: {
        resets: [...same('usb'), { name: 'nameless_reset', wire_name: '' }],
        voltages: [
          ...same('vdd', { levels: ['900 mV', '1 V'] }),
          { name: 'nameless_vdd', wire_name: '', levels: ['900 mV', '1 V'] },
        ],
        perf_domains: [{ name: 'nameless_perf', wire_name: '', levels }],
        sensors: [
          ...same('rail', { type: 'volt', scale: -3, value: 0.9 }),
          { name: 'nameless_rail', wire_name: '', type: 'volt', scale: -3, value: 0.9 },
        ],
        powercaps: [...same('soc', cap), { name: 'nameless_cap', wire_name: '', ...cap }],
      },
      async run(t) {
        for (const name of ['usb_0', 'usb_1', 'nameless_reset']) {
          await expectUse(t, `${name} can be asserted`, NAMES, ['resets', name, 'asserted', 1], '1')
        }
        for (const name of ['vdd_0', 'vdd_1', 'nameless_vdd']) {
          await expectUse(t, `${name} can be set`, NAMES, ['regulators', name, 'microvolts', 1e6], '1000000')
        }
        await expectUse(
          t,
          'the performance domain can be switched on',
          NAMES,
          ['perf-domains', 'nameless_perf', 'on', 1],
          '1',
        )
        await t.expect('there are three sensors and three power caps', {
          because: NAMES,
          got: () => t.call('counts'),
          is: '3 3',
        })
      },
    },
  },
  ['power-domains'],
)
