import { DUTY_CYCLE } from '../../../src/platform/clocks/clock.js'
import { clocks } from '../../../src/platform/clocks/index.js'
import { expectEffect, plain, used } from '../../runner/clients.js'
import type { Context } from '../../runner/context.js'
import { boards, expectClocks } from '../../runner/firmware.js'
import { Heard } from '../../runner/messages.js'
import type { Family } from '../../runner/scenario.js'

const clock = (t: Context, name: string) => t.server.platform.model(clocks).named(name)
/** Sets a rate; guest and platform must have `is` then. */
const expectRate = (t: Context, because: string, name: string, asked: number, is = asked): Promise<void> =>
  expectEffect(t, ['clocks', name, 'rate', asked], {
    because,
    guest: String(is),
    platform: () => clock(t, name).rateHz,
    is,
  })

/** So many that their description takes several replies. */
const MANY = 100
const FINE = Array.from({ length: MANY }, (_, i) => (10 + i) * 1e6)
/** Parents in the opposite order of their ids, in several replies. */
const FEEDERS = Array.from({ length: 40 }, (_, i) => `feeder_${39 - i}`)

const free = (name: string) => ({ name, rates: ['12 MHz', '24 MHz'], parents: ['north', 'south'] })

const own = boards({
  rates: {
    summary: 'rates in many parts, beyond 32 bits, in lists and ranges: limits are right, and each rate can be set',
    platform: {
      protocols: { clock: { max_pending_async: 0 } },
      clocks: [
        { name: 'fine', rates: FINE },
        { name: 'fast', rates: ['1 GHz', '5 GHz', '9 GHz'] },
        { name: 'pll', range: { min: '4 GHz', max: '12 GHz', step: '100 MHz' } },
        { name: 'odd', range: { min: '10 MHz', max: '45 MHz', step: '7 MHz' } },
      ],
    },
    tags: ['ci'],
    async run(t) {
      await expectClocks(t, 'clock.c:scmi_clock_describe_rates_get takes the first and the last rate for the limits', [
        'fine 10000000 10000000-109000000',
        'fast 1000000000 1000000000-9000000000',
        'pll 4000000000 4000000000-12000000000',
        'odd 10000000 10000000-45000000',
      ])
      const list = 'a rate of a list is set as it is; the platform takes the next lower one otherwise'
      for (const rate of [FINE[57]!, FINE[99]!, FINE[2]!]) await expectRate(t, list, 'fine', rate)
      await expectRate(t, list, 'fine', 33_500_000, 33e6)
      const wide = 'rates have 64 bits: clock.c:scmi_clock_rate_set and scmi_clock_rate_get'
      for (const rate of [5e9, 9e9, 1e9]) await expectRate(t, wide, 'fast', rate)
      for (const rate of [4.3e9, 12e9, 4e9]) await expectRate(t, wide, 'pll', rate)
      const range = 'clk-scmi.c:scmi_clk_ops_init gives the limits of a clock to the clock framework'
      await expectRate(t, range, 'odd', 17e6)
      await expectRate(t, range, 'odd', 1, 10e6)
      await expectRate(t, range, 'odd', 99e6, 45e6)
    },
  },
  steps: {
    onlyInAll: true,
    summary: 'rates between the steps of a range: the next higher step is set',
    platform: {
      clocks: [
        { name: 'pll', range: { min: '4 GHz', max: '12 GHz', step: '100 MHz' } },
        { name: 'odd', range: { min: '10 MHz', max: '45 MHz', step: '7 MHz' } },
      ],
    },
    // Before, the kernel left it to the platform.
    kernel: { releases: '>=7.3' },
    async run(t) {
      const because = 'clock.c:scmi_clock_determine_rate goes up to the next step from the lowest rate'
      await expectRate(t, because, 'pll', 5_000_000_001, 5.1e9)
      await expectRate(t, because, 'odd', 18e6, 24e6)
      await expectRate(t, because, 'odd', 44_999_999, 45e6)
    },
  },
  parents: {
    summary: 'a clock with forty parents, listed against their ids: the parent is read, and each can be selected',
    platform: {
      clocks: [
        { name: 'mux', rate: '24 MHz', parents: FEEDERS, parent: 'feeder_3' },
        { repeat: 40, name: 'feeder_{i}', rate: '24 MHz' },
      ],
    },
    async run(t) {
      const finds = 'clk-scmi.c:scmi_clk_get_parent looks for the id among the parents'
      await t.expect('the parent at start is read', {
        because: finds,
        got: () => used(t, 'clocks', 'mux', 'parent'),
        is: 'feeder_3',
      })
      for (const parent of ['feeder_39', 'feeder_7', 'feeder_0', 'feeder_20']) {
        await expectEffect(t, ['clocks', 'mux', 'parent', parent], {
          because: 'clock.c:scmi_clock_set_parent sends the id of the parent, not its position',
          platform: () => clock(t, 'mux').parent?.name,
          is: parent,
        })
      }
      const feeder = clock(t, 'feeder_20')
      for (const on of [1, 0]) {
        await expectEffect(t, ['clocks', 'mux', 'enabled', on], {
          because: 'clk.c:clk_core_prepare prepares the parent first, which clk-scmi.c registered with the clock',
          platform: () => feeder.enabled,
          is: on === 1,
        })
      }
    },
  },
  permissions: {
    summary: 'clocks whose rate, state or parent is not the guest’s to change: the kernel does not ask for it',
    platform: {
      clocks: [
        { name: 'north', rate: '24 MHz' },
        { name: 'south', rate: '24 MHz' },
        free('free'),
        { ...free('no_rate'), permissions: { rate: false } },
        { ...free('no_state'), permissions: { state: false } },
        { ...free('no_parent'), permissions: { parent: false } },
      ],
    },
    async run(t) {
      const heard = new Heard(t.server)
      const because = 'clock.c:scmi_clock_get_permissions asks what may be changed, and clk-scmi.c leaves the rest out'
      const values = { rate: 24e6, enabled: 1, parent: 'south' }
      const commands = { rate: 'CLOCK_RATE_SET', enabled: 'CLOCK_CONFIG_SET', parent: 'CLOCK_PARENT_SET' }
      const refused: Record<string, string> = {
        'no_rate rate': '12000000',
        'no_state enabled': '1',
        'no_parent parent': 'Operation not permitted',
      }
      for (const name of ['free', 'no_rate', 'no_state', 'no_parent']) {
        const { id } = clock(t, name)
        for (const [file, value] of Object.entries(values)) {
          const refusal = refused[`${name} ${file}`]
          const command = commands[file as keyof typeof commands]
          heard.clear()
          await expectEffect(t, ['clocks', name, file, value], {
            because,
            guest: refusal ?? String(value),
            platform: () => heard.commands(command).filter(({ clock_id }) => clock_id === id).length,
            is: refusal === undefined ? 1 : 0,
          })
        }
        const { rateHz, enabled, parent } = clock(t, name)
        await t.expect(`the platform has what was changed of ${name}`, {
          because,
          got: () => [rateHz, enabled, parent?.name],
          is: [name === 'no_rate' ? 12e6 : 24e6, name !== 'no_state', name === 'no_parent' ? 'north' : 'south'],
        })
      }
    },
  },
  'extended-config': {
    summary: 'a duty cycle, and clocks without one: it can be set where there is one, and nothing else changes',
    platform: {
      clocks: [
        { name: 'pwm', rate: '24 MHz', duty_cycle: 50, oem: { '0x80': 7 } },
        { name: 'vendor', rate: '24 MHz', oem: { '0x80': 7 } },
        { name: 'bare', rate: '24 MHz' },
      ],
    },
    async run(t) {
      const heard = new Heard(t.server)
      const pwm = clock(t, 'pwm')
      for (const percent of [1, 99, 33]) {
        await expectEffect(t, ['clocks', 'pwm', 'duty_percent', percent], {
          because: 'clk-scmi.c:scmi_clk_set_duty_cycle has percent',
          platform: () => pwm.extended.get(DUTY_CYCLE),
          is: percent,
        })
      }
      await t.expect('the state stays as it is meanwhile', {
        because: 'clock.c:scmi_clock_config_oem_set leaves the state unchanged',
        got: () => [pwm.enabled, heard.commands('CLOCK_CONFIG_SET').map(({ attributes }) => attributes)],
        is: [false, [0x10003, 0x10003, 0x10003]],
      })
      await expectEffect(t, ['clocks', 'pwm', 'enabled', 1], {
        because: 'clock.c:scmi_clock_config_set_v2 names no type when it changes the state',
        platform: () => [pwm.enabled, ...pwm.extended.values()],
        is: [true, 33, 7],
      })
      await t.expect('100 % is refused', {
        because: 'the platform refuses it (SCMI v3.2 §4.6.2.8: more than 0, less than 100)',
        got: () => t.call('use', ['clocks', 'pwm', 'duty_percent', 100]),
        is: 'Invalid argument',
      })
      heard.clear()
      for (const name of ['vendor', 'bare']) {
        await expectEffect(t, ['clocks', name, 'duty_percent', 30], {
          because:
            'clk-scmi.c:scmi_clk_ops_select gives a duty cycle only to clocks whose duty cycle can be read; ' +
            'the clock framework takes it for 50 % otherwise',
          guest: '50',
          platform: () => heard.commands('CLOCK_CONFIG_SET').length,
          is: 0,
        })
      }
    },
  },
  async: {
    summary:
      'asynchronous rates, one with an error and one with another clock’s answer: rates are set and read after that',
    platform: {
      protocols: { clock: { max_pending_async: 2 } },
      clocks: [
        { name: 'uart', rates: ['12 MHz', '24 MHz', '48 MHz'], latency: '30 ms' },
        { name: 'spi', rate: '24 MHz' },
      ],
    },
    async run(t) {
      const heard = new Heard(t.server)
      const because = 'clock.c:scmi_clock_rate_set waits for the delayed response, and then counts one command less'
      for (let round = 0; round < 3; round++) {
        for (const rate of [24e6, 48e6]) await expectRate(t, because, 'uart', rate)
      }
      await t.expect('all six were set asynchronously', {
        because,
        got: () => heard.commands('CLOCK_RATE_SET').map(({ flags }) => flags),
        is: Array.from({ length: 6 }, () => 1),
      })
      const rule = { on: 'delayed', protocol: 'clock', message: 'CLOCK_RATE_SET', times: 1 } as const
      const asks = 'clk.c:clk_change_rate ignores errors, and asks for the rate that there is'
      for (const [what, rate, fault] of [
        ['an error in the delayed response', 12e6, { status: 'HARDWARE_ERROR' }],
        ['a delayed response about another clock', 24e6, { fields: { clock_id: 1 } }],
      ] as const) {
        await t.step(what)
        t.server.faults.add({ ...rule, ...fault })
        await expectRate(t, asks, 'uart', rate)
      }
      await t.step('set rates again')
      heard.clear()
      for (const rate of [48e6, 12e6]) await expectRate(t, because, 'uart', rate)
      await t.expect('both were set asynchronously', {
        because,
        got: () => heard.commands('CLOCK_RATE_SET').map(({ flags }) => flags),
        is: [1, 1],
      })
    },
  },
})

const SSC = 0x80
/** 300 permyriad are 3 percent. */
const SPREAD = { hertz: 1000, permyriad: 300, down: 3 }

const nxp: Family = {
  'spread-spectrum': {
    onlyInAll: true,
    summary: 'a clock of NXP’s with a spread spectrum in the device tree: it is set, with its percentage',
    platform: {
      ...plain({ clocks: [{ name: 'lvds', rate: '24 MHz', oem: { [SSC]: 0 } }] }),
      vendor: 'NXP',
      sub_vendor: 'IMX',
    },
    machine: {
      deviceTreeSource:
        '&{/scmi-lab/clock-0} { assigned-clocks = <&scmi_14 0>; ' +
        `assigned-clock-sscs = <${SPREAD.hertz} ${SPREAD.permyriad} ${SPREAD.down}>; };`,
    },
    kernel: { releases: '>=7.3' },
    async run(t) {
      await t.call('use', ['clocks', 'lvds', 'rate'])
      const value = clock(t, 'lvds').extended.get(SSC) ?? 0
      const because = 'clk-scmi-oem.c:scmi_clk_imx_set_spread_spectrum; clk-provider.h: spread_bp is in permyriad'
      await t.expect('it is switched on', { because, got: () => value >>> 24, is: 1 })
      await t.expect('the modulation frequency is set', {
        because,
        got: () => (value >>> 8) & 0xffff,
        is: SPREAD.hertz,
      })
      await t.expect('the percentage is set', { because, got: () => value & 0xff, is: SPREAD.permyriad / 100 })
    },
  },
}

export default { ...own, ...nxp }
