import { boards } from '../../runner/firmware.js'
import { Heard } from '../../runner/messages.js'
import { CAP, capped, expectAllZones, expectSet, expectZones, REFUSED, readZone, WINDOW } from '../../runner/zones.js'

const range = (min: number, max: number, step: number) => ({ cap_range: { min, max, step } })
const ROOT = { name: 'root', ...range(1_000_000, 9_000_000, 500_000) }
const ROUNDS = 'a cap within the range is set, or the nearest one that there is (powercap.rst)'

export default boards({
  tree: {
    summary:
      'children before their parents, in four generations: zones below zones, and again after the driver is bound',
    platform: {
      powercaps: [
        { ...ROOT, name: 'leaf', parent: 'twig' },
        { ...ROOT, name: 'twig', parent: 'branch' },
        { ...ROOT, name: 'fruit', parent: 'branch', unit: 'milliwatt', ...range(1000, 9000, 500) },
        ROOT,
        { ...ROOT, name: 'branch', parent: 'root' },
        { ...ROOT, name: 'other' },
      ],
    },
    tags: ['ci'],
    async run(t) {
      await expectAllZones(t)
      for (const [file, is] of [
        ['max_power_range_uw', '4294967295'],
        ['constraint_0_name', 'SCMI power-cap'],
      ] as const) {
        const because = 'arm_scmi_powercap.c:zone_ops, constraint_ops'
        await t.expect(`${file} of a zone`, { because, got: () => readZone(t, 'leaf', file), is })
      }
      await t.step('bind the driver again')
      const device = await t.call('unbind_client', ['scmi-powercap'])
      await expectZones(t, 'arm_scmi_powercap.c:scmi_powercap_unregister_all_zones', [])
      await t.call('bind_client', ['scmi-powercap', device])
      await expectAllZones(t)
      for (const [name, is] of [
        ['leaf', 2_500_000],
        ['fruit', 2500],
        ['branch', 2_500_000],
      ] as const) {
        await expectSet(t, [name, CAP, 2_500_000], { because: ROUNDS, platform: ({ cap }) => cap, is })
      }
    },
  },
  abstract: {
    onlyInAll: true,
    summary: 'a cap on an abstract scale, between others: the kernel leaves it out, and has the others',
    platform: { powercaps: [ROOT, { ...ROOT, name: 'points', unit: 'abstract' }, { ...ROOT, name: 'last' }] },
    async run(t) {
      const because = 'arm_scmi_powercap.c:scmi_powercap_probe skips domains on an abstract scale that have no children'
      await expectZones(t, because, ['root under -', 'last under -'])
      await expectSet(t, ['last', CAP, 2_000_000], { because, platform: ({ cap }) => cap, is: 2_000_000 })
    },
  },
  'abstract-last': {
    onlyInAll: true,
    summary: 'a cap on an abstract scale that is the last: the kernel leaves it out, and has the others',
    platform: { powercaps: [ROOT, { ...ROOT, name: 'points', unit: 'abstract' }] },
    async run(t) {
      const because = 'arm_scmi_powercap.c:scmi_powercap_probe skips domains on an abstract scale that have no children'
      await t.expect('the driver is bound', {
        because,
        got: async () => (await t.call('clients')).split('\n').includes('scmi-powercap'),
        is: true,
      })
      await expectZones(t, because, ['root under -'])
    },
  },
  'odd-ranges': {
    onlyInAll: true,
    summary: 'ranges whose ends are no multiples of their steps: each cap and interval within them can be set',
    platform: {
      powercaps: [
        {
          name: 'odd',
          ...range(700_000, 1_900_000, 300_000),
          pai_range: { min: '15 ms', max: '105 ms', step: '10 ms' },
        },
      ],
    },
    async run(t) {
      for (const uw of [1_000_000, 1_900_000, 700_000]) {
        await expectSet(t, ['odd', CAP, uw], { because: ROUNDS, platform: ({ cap }) => cap, is: uw })
      }
      for (const us of [15_000, 95_000]) {
        await expectSet(t, ['odd', WINDOW, us], { because: ROUNDS, platform: ({ paiUs }) => paiUs, is: us })
      }
    },
  },
  'beyond-32-bits': {
    onlyInAll: true,
    summary: 'a cap and an interval beyond 32 bits: the highest ones are set',
    platform: {
      powercaps: [{ ...ROOT, pai_range: { min: '10 ms', max: '1 s', step: '10 ms' } }],
    },
    async run(t) {
      const beyond = 2 ** 32
      const highest = { because: ROUNDS, platform: () => capped(t, 'root').cap, is: 9_000_000 }
      await expectSet(t, ['root', CAP, 20_000_000], highest)
      await expectSet(t, ['root', CAP, beyond + 2_000_000], highest)
      await expectSet(t, ['root', WINDOW, beyond + 20_000], {
        because: ROUNDS,
        platform: ({ paiUs }) => paiUs,
        is: 1_000_000,
      })
    },
  },
  async: {
    onlyInAll: true,
    summary: 'asynchronous caps, one with an error and one with another domain’s answer: errors there, and caps after',
    platform: {
      powercaps: [
        { ...ROOT, async: { latency: '30 ms' } },
        { ...ROOT, name: 'other' },
      ],
    },
    async run(t) {
      const heard = new Heard(t.server)
      const because = 'powercap.c:scmi_powercap_xfer_cap_set waits for the delayed response, which names the domain'
      const rule = { on: 'delayed', protocol: 'powercap', message: 'POWERCAP_CAP_SET', times: 1 } as const
      for (const [what, fault] of [
        ['an error in the delayed response', { status: 'HARDWARE_ERROR' }],
        ['a delayed response about another domain', { fields: { domain_id: 1 } }],
      ] as const) {
        await t.step(what)
        t.server.faults.add({ ...rule, ...fault })
        await t.expect(what, { because, got: () => t.call('set_zone', ['root', CAP, 3_000_000]), is: REFUSED })
      }
      heard.clear()
      for (const uw of [4_000_000, 5_000_000]) {
        await expectSet(t, ['root', CAP, uw], { because, platform: ({ cap }) => cap, is: uw })
        await t.expect('the guest reads it', { because, got: () => readZone(t, 'root', CAP), is: String(uw) })
      }
      await t.expect('both were set asynchronously', {
        because,
        got: () => heard.count('POWERCAP_CAP_SET', 'delayed response'),
        is: 2,
      })
    },
  },
})
