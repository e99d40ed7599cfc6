import { boards, expectClocks, expectUse } from '../../runner/firmware.js'
import { expectSaid } from '../../runner/readings.js'

const LISTED = 'clock.c:scmi_clock_describe_rates_get takes the limits of a clock from its list'
const NAMELESS = 'clock.c:scmi_clock_info_get has no clock without a name'
const CONTINUES = 'clk-scmi.c:scmi_clocks_probe goes on after a clock that cannot be registered'
const TRIPLET = 'CLOCK_DESCRIBE_RATES gives minimum, maximum and step (SCMI v3.2 §4.6.2.5)'
const OUT_OF_SPEC = 'Out-of-spec CLOCK_DESCRIBE_RATES reply for'

export default boards(
  {
    names: {
      summary: 'two clocks of one name, and one without a name: the kernel has one of each name and all others',
      platform: {
        clocks: [
          { name: 'uart', rate: '24 MHz' },
          { name: 'uart_1', wire_name: 'uart', rate: '48 MHz' },
          { name: 'nameless', wire_name: '', rate: '12 MHz' },
          { name: 'spi', rate: '96 MHz' },
        ],
      },
      async run(t) {
        await expectClocks(t, CONTINUES, ['uart 24000000 24000000-24000000', 'spi 96000000 96000000-96000000'])
        await expectSaid(
          t,
          'clk.c:__clk_core_init returns -EEXIST for a name that another clock has',
          'failed to register clock 1$',
        )
        await t.expect('the clock without a name is no error', {
          because: NAMELESS,
          got: () => t.call('said', ['failed to register clock 2']),
          is: '',
        })
      },
    },
    order: {
      summary: 'rates out of order: a driver can set each',
      platform: { clocks: [{ name: 'uart', rates: ['48 MHz', '12 MHz', '24 MHz'], oddities: ['unordered_rates'] }] },
      async run(t) {
        const because = 'rates are ascending since SCMI v2.0, and the kernel must not depend on it'
        for (const rate of [48e6, 12e6, 24e6]) {
          await expectUse(t, `${rate / 1e6} MHz can be set`, because, ['clocks', 'uart', 'rate', rate], String(rate))
        }
      },
    },
    lists: {
      summary:
        'a rate twice in a list, and a divided clock whose parent has 0 Hz: the limits are right, and rates can be set',
      platform: {
        clocks: [
          { name: 'uart', rates: ['12 MHz', '24 MHz', '24 MHz', '48 MHz', '48 MHz'], oddities: ['repeated_rates'] },
          { name: 'off', rate: 0 },
          { name: 'child', parents: ['off'], divider: [1, 2, 4] },
        ],
      },
      async run(t) {
        await expectClocks(t, LISTED, ['uart 12000000 12000000-48000000', 'off 0 0-0', 'child 0 0-0'])
        await expectUse(
          t,
          'a rate that is listed twice can be set',
          LISTED,
          ['clocks', 'uart', 'rate', 24e6],
          '24000000',
        )
        await t.expect('the kernel says nothing about it', {
          because: LISTED,
          got: () => t.call('said', ['Out-of-spec|Malformed|failed to register']),
          is: '',
        })
      },
    },
    ranges: {
      summary: 'ranges of one rate, one of them for a fixed rate: the clock has that rate, and can be enabled',
      platform: {
        clocks: [
          { name: 'flat', range: { min: '24 MHz', max: '24 MHz', step: 0 }, oddities: ['flat_range'] },
          { name: 'lone', rate: '48 MHz', oddities: ['lone_triplet'] },
        ],
      },
      async run(t) {
        await expectClocks(t, TRIPLET, ['flat 24000000 24000000-24000000', 'lone 48000000 48000000-48000000'])
        for (const name of ['flat', 'lone']) {
          await expectUse(t, `${name} can be enabled`, TRIPLET, ['clocks', name, 'enabled', 1], '1')
        }
        const because = 'the rate of a fixed clock is at its minimum: clock.c:scmi_clock_determine_rate'
        await expectUse(t, 'the fixed rate can be set', because, ['clocks', 'flat', 'rate', 24e6], '24000000')
      },
    },
    'step-0': {
      summary:
        'a range with step 0: a driver that sets a rate in between gets that rate, or an error, and no other rate',
      platform: {
        clocks: [{ name: 'pll', range: { min: '1 GHz', max: '2 GHz', step: 0 }, oddities: ['flat_range'] }],
      },
      async run(t) {
        await expectClocks(t, TRIPLET, ['pll 1000000000 1000000000-2000000000'])
        for (const rate of [2e9, 1e9]) {
          await expectUse(
            t,
            `a limit, ${rate / 1e9} GHz, can be set`,
            TRIPLET,
            ['clocks', 'pll', 'rate', rate],
            String(rate),
          )
        }
        await expectUse(t, '2 GHz can be set again', TRIPLET, ['clocks', 'pll', 'rate', 2e9], '2000000000')
        const because = 'there is nothing to divide by: clock.c:scmi_clock_determine_rate returns -EINVAL'
        await expectUse(
          t,
          '1.5 GHz is set or refused',
          because,
          ['clocks', 'pll', 'rate', 1.5e9],
          /^(1500000000|Invalid argument)$/,
        )
      },
    },
    'triplet-counted-wrong': {
      summary: 'a reply with a triplet that counts one value: the kernel takes the range all the same, and says so',
      platform: {
        clocks: [
          { name: 'pll', range: { min: '1 GHz', max: '2 GHz', step: '1 MHz' }, triplet: { returned: 1 } },
          { name: 'uart', rate: '24 MHz' },
        ],
      },
      async run(t) {
        const because = 'the quirk clock_rates_triplet_out_of_spec is for a triplet that is not counted as three'
        await expectSaid(t, because, `${OUT_OF_SPEC} pll - returned:1`)
        await expectClocks(t, because, ['pll 1000000000 1000000000-2000000000', 'uart 24000000 24000000-24000000'])
        await expectUse(
          t,
          'a rate within it can be set',
          because,
          ['clocks', 'pll', 'rate', 1_501_000_000],
          '1501000000',
        )
      },
    },
    'triplet-short': {
      summary: 'a reply with a triplet that has two values: the kernel says so, and has the other clocks',
      platform: {
        clocks: [
          { name: 'pll', range: { min: '1 GHz', max: '2 GHz', step: '1 MHz' }, triplet: { returned: 2, values: 2 } },
          { name: 'uart', rate: '24 MHz' },
        ],
      },
      async run(t) {
        const because =
          'the quirk clock_rates_triplet_out_of_spec needs three values, and scmi_clock_protocol_init goes on'
        await expectSaid(t, because, `${OUT_OF_SPEC} pll - returned:2`)
        await expectSaid(t, because, 'Cannot fix out-of-spec reply')
        await t.expect('the other clock is there', {
          because,
          got: () => t.call('clocks'),
          is: /^uart 24000000 24000000-24000000$/m,
        })
      },
    },
    granted: {
      summary: 'the platform grants other rates than a driver sets: the kernel reads what was granted',
      platform: {
        clocks: [
          { name: 'cpu', rates: ['408 MHz', '1.608 GHz', '1.8 GHz'], grants: { '1.8 GHz': '1.608 GHz' } },
          {
            name: 'gpu',
            range: { min: '100 MHz', max: '1 GHz', step: 1 },
            rounds: { to: '24 MHz', direction: 'down' },
          },
        ],
      },
      async run(t) {
        const because = 'clk-scmi.c has CLK_GET_RATE_NOCACHE and asks the platform for each rate'
        await expectUse(t, '1.608 GHz is granted for 1.8 GHz', because, ['clocks', 'cpu', 'rate', 1.8e9], '1608000000')
        await expectUse(t, '408 MHz is granted as it is', because, ['clocks', 'cpu', 'rate', 408e6], '408000000')
        await expectUse(t, 'a rate is rounded down to 24 MHz', because, ['clocks', 'gpu', 'rate', 500e6], '480000000')
      },
    },
  },
  ['lists', 'triplet-counted-wrong'],
)
