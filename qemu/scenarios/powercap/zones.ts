import { powercaps } from '../../../src/platform/powercaps/index.js'
import { expectRebound } from '../../runner/clients.js'
import { Heard } from '../../runner/messages.js'
import { scenario } from '../../runner/scenario.js'
import { CAP, capped, expectAllZones, expectSet, REFUSED, readZone, WINDOW } from '../../runner/zones.js'

const UNITS = 'arm_scmi_powercap.c: the kernel has microwatts, and the platform the unit of the domain'
const ROUNDS = 'arm_scmi_powercap.c:scmi_powercap_normalize_cap keeps to the range, and goes down to the next step'

export default scenario({
  summary: 'the power caps of the preset everything: zones, limits, power, caps, intervals; the driver is bound again',
  platform: 'everything',
  async run(t) {
    const heard = new Heard(t.server)
    const model = t.server.platform.model(powercaps)
    const cap = (name: string) => ({ platform: () => capped(t, name).cap })
    await expectAllZones(t)
    for (const { name, unitMicrowatts, caps, cap, paiUs } of model.list) {
      const { capRange, intervalRange } = caps[0]
      await t.expect(`${name}: the limits`, {
        because: UNITS,
        got: () => t.call('constraint', [name]),
        is: [capRange.min * unitMicrowatts, capRange.max * unitMicrowatts, intervalRange.min, intervalRange.max].join(
          ' ',
        ),
      })
      await t.expect(`${name}: cap, interval, whether it is enabled`, {
        because: UNITS,
        got: async () => [
          await readZone(t, name, CAP),
          await readZone(t, name, WINDOW),
          await readZone(t, name, 'enabled'),
        ],
        is: [String(cap * unitMicrowatts), String(paiUs), cap === 0 ? '0' : '1'],
      })
    }
    for (const [name, power, microwatts] of [
      ['cap_soc', 9_250, '9250000'],
      ['cap_cpu_cluster_big', 4_125_001, '4125001'],
    ] as const) {
      model.setPower(capped(t, name), power)
      await t.expect(`${name}: the power is read`, {
        because: UNITS,
        got: () => readZone(t, name, 'power_uw'),
        is: microwatts,
      })
    }
    await t.expect('cap_gpu: there is no power to read', {
      because: 'arm_scmi_powercap.c:scmi_powercap_get_power_uw: its power is not monitored',
      got: () => readZone(t, 'cap_gpu', 'power_uw'),
      is: 'Invalid argument',
    })

    await t.step('set caps')
    for (const [asked, is] of [
      [12_000_000, 12_000],
      [12_099_000, 12_000],
      [1, 2000],
      [25_000_000, 20_000],
    ] as const) {
      await expectSet(t, ['cap_soc', CAP, asked], { because: ROUNDS, ...cap('cap_soc'), is })
      await t.expect('the guest reads it', {
        because: UNITS,
        got: () => readZone(t, 'cap_soc', CAP),
        is: `${is * 1000}`,
      })
    }
    heard.clear()
    await expectSet(t, ['cap_cpu_cluster_big', CAP, 2_500_000], {
      because: 'powercap.c:scmi_powercap_xfer_cap_set waits for the delayed response',
      platform: ({ cap }) => [cap, heard.take('POWERCAP_CAP_SET').map(({ kind }) => kind)],
      is: [2_500_000, ['command', 'delayed response']],
    })
    for (const name of ['cap_modem', 'cap_display']) {
      const before = capped(t, name).cap
      const because = 'the cap is fixed, or not the guest’s to set'
      await expectSet(t, [name, CAP, 2_000_000], { because, says: REFUSED, ...cap(name), is: before })
    }
    model.setCap(capped(t, 'cap_soc'), 8_000, 0)
    await t.expect('a cap that the platform changes is read', {
      because: 'powercap.c:scmi_powercap_cap_get asks the platform',
      got: () => readZone(t, 'cap_soc', CAP),
      is: '8000000',
    })

    await t.step('set intervals')
    for (const [asked, is] of [
      [500_000, 500_000],
      [509_999, 500_000],
      [1, 10_000],
      [5_000_000, 1_000_000],
    ] as const) {
      await expectSet(t, ['cap_soc', WINDOW, asked], {
        because: 'arm_scmi_powercap.c:scmi_powercap_normalize_time',
        platform: ({ paiUs }) => paiUs,
        is,
      })
    }
    await expectSet(t, ['cap_modem', WINDOW, 100_000], {
      because: 'the interval is fixed',
      says: REFUSED,
      platform: ({ paiUs }) => paiUs,
      is: 250_000,
    })

    await t.step('enable and disable caps')
    const keeps = 'powercap.c:scmi_powercap_cap_enable_set keeps the cap that was set last'
    await expectSet(t, ['cap_gpu', CAP, 3_000_000], { because: keeps, ...cap('cap_gpu'), is: 0 })
    for (const [name, on, is] of [
      ['cap_gpu', 1, 3_000_000],
      ['cap_gpu', 0, 0],
      ['cap_soc', 0, 0],
      ['cap_soc', 1, 20_000],
      ['cap_cpu_cluster_big', 0, 0],
      ['cap_cpu_cluster_big', 1, 2_500_000],
    ] as const) {
      await expectSet(t, [name, 'enabled', on], { because: keeps, ...cap(name), is })
      await t.expect('the guest reads it', { because: keeps, got: () => readZone(t, name, 'enabled'), is: String(on) })
    }

    await expectRebound(t, 'scmi-powercap', () => t.call('zones'), '')
    await expectSet(t, ['cap_soc', CAP, 5_000_000], { because: UNITS, ...cap('cap_soc'), is: 5000 })
  },
})
