import { olderVersions } from '../../runner/clients.js'
import { Heard } from '../../runner/messages.js'
import { CAP, expectSet, readZone } from '../../runner/zones.js'

export default olderVersions('powercap', [1], () => ({
  onlyInAll: true,
  summary: 'powercap protocol 1.0: caps are always enabled, and can be set',
  platform: {
    powercaps: [{ name: 'cap_with_a_long_name', unit: 'milliwatt', cap_range: { min: 1000, max: 9000, step: 500 } }],
  },
  async run(t) {
    const heard = new Heard(t.server)
    const name = 'cap_with_a_long_name'
    const because = 'powercap.c:scmi_powercap_cap_enable_set and its like know disabled caps since version 2.0'
    const platform = ({ cap }: { cap: number }) => cap
    await expectSet(t, [name, CAP, 2_500_000], { because, platform, is: 2500 })
    await expectSet(t, [name, 'enabled', 0], { because, says: 'Function not implemented', platform, is: 2500 })
    await t.expect('it is enabled', { because, got: () => readZone(t, name, 'enabled'), is: '1' })
    await expectSet(t, [name, CAP, 3_000_000], { because, platform, is: 3000 })
    await t.expect('no cap was 0', {
      because,
      got: () => heard.commands('POWERCAP_CAP_SET').map(({ power_cap }) => power_cap),
      is: [2500, 3000],
    })
  },
}))
