import { clocks } from '../../../src/platform/clocks/index.js'
import { expectEffect, olderVersions } from '../../runner/clients.js'
import { expectClocks } from '../../runner/firmware.js'
import { Heard } from '../../runner/messages.js'

const NAME = 'clock_with_a_long_name'
const SHORT_NAME_MAX = 15
/** Out of order where the version allows it: the highest and the lowest rate are in different replies. */
const RATES = Array.from({ length: 40 }, (_, i) => (10 + ((i * 7) % 40)) * 1e6)

export default olderVersions('clock', [1, 2], version => ({
  summary: `clock protocol ${version}.0: names, rates, states; nothing that is newer is asked for`,
  onlyInAll: true,
  platform: {
    clocks: [
      {
        name: NAME,
        rates: version === 1 ? RATES : [...RATES].sort((a, b) => a - b),
        oddities: version === 1 ? ['unordered_rates'] : [],
        enabled: true,
        duty_cycle: 50,
      },
      { name: 'parent', rate: '24 MHz' },
      { name: 'child', rate: '12 MHz', parents: ['parent'] },
    ],
  },
  async run(t) {
    const heard = new Heard(t.server)
    const clock = t.server.platform.model(clocks).named(NAME)
    const name = version === 1 ? NAME.slice(0, SHORT_NAME_MAX) : NAME
    await expectClocks(t, 'clock.c:scmi_clock_describe_rates_get_full sorts the rates of version 1.0', [
      `${name} ${clock.rateHz} 10000000-49000000`,
      'parent 24000000 24000000-24000000',
      'child 12000000 12000000-12000000',
    ])
    await t.expect('the clock that the boot firmware left on is switched off, as no driver uses it', {
      because: 'clk.c:clk_disable_unused, with the state of CLOCK_ATTRIBUTES: clock.c:scmi_clock_config_get',
      got: () => clock.enabled,
      is: false,
    })
    for (const on of [1, 0]) {
      await expectEffect(t, ['clocks', NAME, 'enabled', on], {
        because: 'clock.c:scmi_clock_config_set sends a single bit before version 3.0',
        platform: () => [clock.enabled, heard.commands('CLOCK_CONFIG_SET')],
        is: [on === 1, [{ clock_id: 0, attributes: on }]],
      })
    }
    for (const rate of [49e6, 10e6, 33e6]) {
      await expectEffect(t, ['clocks', NAME, 'rate', rate], {
        because: 'CLOCK_RATE_SET is the same in all versions',
        platform: () => clock.rateHz,
        is: rate,
      })
    }
    const because = 'parents and extended configuration came with version 3.0'
    await t.expect('there is no parent', { because, got: () => t.call('use', ['clocks', 'child', 'parent']), is: '' })
    await expectEffect(t, ['clocks', NAME, 'duty_percent', 30], {
      because,
      guest: '50',
      platform: () => heard.commands('CLOCK_CONFIG_SET').length,
      is: 0,
    })
  },
}))
