import { DUTY_CYCLE } from '../../../src/platform/clocks/clock.js'
import { clocks } from '../../../src/platform/clocks/index.js'
import { expectEffect, expectRebound, used } from '../../runner/clients.js'
import { expectClocks } from '../../runner/firmware.js'
import { Heard } from '../../runner/messages.js'
import { scenario } from '../../runner/scenario.js'

const SETS = 'clk-scmi.c:scmi_clk_set_rate sets the rate that clock.c:scmi_clock_determine_rate has found'
const READS = 'clk-scmi.c has CLK_GET_RATE_NOCACHE and asks the platform for each rate'

export default scenario({
  summary:
    'the clocks of the preset everything: rates, parents, states, duty cycle, permissions; the driver is bound again',
  platform: 'everything',
  async run(t) {
    const model = t.server.platform.model(clocks)
    const clock = (name: string) => model.named(name)
    const rate = (name: string) => () => clock(name).rateHz
    const heard = new Heard(t.server)
    const all = model.list.map(({ name, rateHz, rates, range }) => {
      const [lowest, highest] = rates ? [rates[0], rates.at(-1)] : [range.min, range.max]
      return `${name} ${rateHz} ${lowest}-${highest}`
    })
    await expectClocks(t, 'clk-scmi.c:scmi_clocks_probe registers each clock with its limits', all)

    await t.step('set rates')
    for (const [name, asked, is] of [
      ['clk_uart', 48e6, 48e6],
      ['clk_uart', 47_999_999, 24e6],
      ['clk_display_pixel', 148_625_000, 148_625_000],
      ['clk_display_pixel', 25e6, 25e6],
      ['clk_display_pixel', 1e9, 600e6],
      ['clk_trace', 6e6, 6e6],
    ] as const) {
      heard.clear()
      await expectEffect(t, ['clocks', name, 'rate', asked], {
        because: SETS,
        guest: `${is}`,
        platform: rate(name),
        is,
      })
      await t.expect(`${name}: the rate was set asynchronously`, {
        because: 'clock.c:scmi_clock_rate_set uses the asynchronous commands that the platform offers',
        got: () =>
          heard
            .take('CLOCK_RATE_SET')
            .map(({ kind, request }) => [kind, request && (request as { flags?: number }).flags]),
        is: [
          ['command', 1],
          ['delayed response', undefined],
        ],
      })
    }
    model.setRate(clock('clk_uart'), 1_843_200, 0)
    await t.expect('a rate that the platform sets is read', {
      because: READS,
      got: () => used(t, 'clocks', 'clk_uart', 'rate'),
      is: '1843200',
    })

    await t.step('select parents')
    for (const parent of ['clk_cpu_little', 'clk_xtal']) {
      await expectEffect(t, ['clocks', 'clk_trace', 'parent', parent], {
        because: 'clock.c:scmi_clock_set_parent finds the id of the parent in the list of the clock',
        platform: () => clock('clk_trace').parent?.name,
        is: parent,
      })
    }

    await t.step('switch clocks')
    for (const on of [1, 0]) {
      await expectEffect(t, ['clocks', 'clk_display_pixel', 'enabled', on], {
        because: 'clk-scmi.c:scmi_clk_enable and scmi_clk_disable send CLOCK_CONFIG_SET',
        platform: () => clock('clk_display_pixel').enabled,
        is: on === 1,
      })
    }

    await t.step('set the duty cycle')
    const duty = () => clock('clk_display_pixel').extended.get(DUTY_CYCLE)
    for (const percent of [30, 75]) {
      await expectEffect(t, ['clocks', 'clk_display_pixel', 'duty_percent', percent], {
        because: 'clk-scmi.c:scmi_clk_set_duty_cycle has percent',
        platform: duty,
        is: percent,
      })
    }
    clock('clk_display_pixel').setExtended(DUTY_CYCLE, 12)
    await t.expect('a duty cycle that the platform sets is read', {
      because: 'clk-scmi.c:scmi_clk_get_duty_cycle asks the platform',
      got: () => used(t, 'clocks', 'clk_display_pixel', 'duty_percent'),
      is: '12',
    })

    await t.step('set a rate that agents may not set')
    heard.clear()
    await expectEffect(t, ['clocks', 'clk_cpu_little', 'rate', 408e6], {
      because: 'CLOCK_GET_PERMISSIONS says so: clk-scmi.c:scmi_clk_ops_alloc leaves the operation out',
      guest: String(clock('clk_cpu_little').rateHz),
      platform: () =>
        heard.commands('CLOCK_RATE_SET').filter(({ clock_id }) => clock_id === clock('clk_cpu_little').id).length,
      is: 0,
    })

    const seen = () => t.call('clocks')
    await expectRebound(t, 'scmi-clocks', seen, '')
    await expectEffect(t, ['clocks', 'clk_uart', 'rate', 24e6], { because: SETS, platform: rate('clk_uart'), is: 24e6 })
  },
})
