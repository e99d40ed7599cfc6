import { perfDomains } from '../../../src/platform/perf-domains/index.js'
import { expectRebound } from '../../runner/clients.js'
import type { Context } from '../../runner/context.js'
import { expectUse } from '../../runner/firmware.js'
import { Heard } from '../../runner/messages.js'
import { expectSaid } from '../../runner/readings.js'
import { scenario } from '../../runner/scenario.js'

const SETS = 'scmi_perf_domain.c:scmi_pd_set_perf_state sets the level; perf.c:scmi_perf_level_set finds its index'
const ATTACHES = 'scmi_perf_domain.c:scmi_pd_attach_dev adds the levels as operating points of the device'

const domainOf = (t: Context, name: string) => t.server.platform.model(perfDomains).named(name)

/** A driver that is in the domain sets a level; the platform must have `is` then. */
async function expectLevel(t: Context, name: string, level: number, says: string | RegExp, is: number): Promise<void> {
  await t.expect(`${name}: level ${level}, for the guest`, {
    because: SETS,
    got: () => t.call('set_level', [name, level]),
    is: says,
  })
  await t.expect(`${name}: level ${level}, for the platform`, {
    because: SETS,
    got: () => domainOf(t, name).level.level,
    is,
  })
}

async function expectWorks(t: Context): Promise<void> {
  await expectUse(t, 'a device uses its domain', SETS, ['perf-domains', 'perf_gpu', 'on', 1], '1')
  await expectLevel(t, 'perf_gpu', 1, 'done', 1)
  await expectLevel(t, 'perf_gpu', 2, 'done', 2)
}

export default scenario({
  summary:
    'devices in performance domains: levels by number and by index, limits, permissions; the driver is bound again',
  platform: 'everything',
  async run(t) {
    const heard = new Heard(t.server)
    const { list } = t.server.platform.model(perfDomains)
    await t.expect('there is a domain for each of the platform’s', {
      because: 'scmi_perf_domain.c:scmi_perf_domain_probe',
      got: () => t.call('domains'),
      is: list
        .map(({ name }) => name)
        .sort()
        .join(' '),
    })
    await expectWorks(t)

    await t.step('ask for more than the platform allows')
    await expectLevel(t, 'perf_gpu', 4, 'Numerical result out of range', 2)
    await expectSaid(t, 'scmi_perf_domain.c:scmi_pd_set_perf_state', 'Failed with -34 when trying to set 4 perf level')
    t.server.platform.model(perfDomains).setPlatformLimits(domainOf(t, 'perf_gpu'), {})
    await expectLevel(t, 'perf_gpu', 4, 'done', 4)

    await t.step('set levels by index')
    await expectUse(t, 'a device uses its domain', SETS, ['perf-domains', 'perf_cpu_cluster_big', 'on', 1], '1')
    heard.clear()
    for (const level of [36, 10, 20]) await expectLevel(t, 'perf_cpu_cluster_big', level, 'done', level)
    await expectLevel(t, 'perf_cpu_cluster_big', 15, 'Input/output error', 20)
    await t.expect('the platform was sent indexes', {
      because: SETS,
      got: () => heard.commands('PERFORMANCE_LEVEL_SET').map(({ performance_level }) => performance_level),
      is: [8, 0, 1],
    })

    await t.step('set a level that is not the guest’s to set')
    await expectUse(t, 'a device uses its domain', SETS, ['perf-domains', 'perf_memory', 'on', 1], '1')
    await expectLevel(t, 'perf_memory', 1600, 'done', domainOf(t, 'perf_memory').level.level)
    await t.expect('the platform was not asked', {
      because: 'scmi_perf_domain.c:scmi_pd_set_perf_state leaves out domains whose level may not be set',
      got: () => heard.commands('PERFORMANCE_LEVEL_SET'),
      is: [],
    })

    for (const name of ['perf_gpu', 'perf_cpu_cluster_big']) {
      const { id, levels } = domainOf(t, name)
      await t.expect(`${name}: its device has an operating point for each level`, {
        because: ATTACHES,
        got: () => t.call('opps', [`scmi-lab:perf-domain-${id}`]),
        is: levels.map(({ frequencyKhz, level }) => `${frequencyKhz * 1000} ${level}`).join('\n'),
      })
    }

    await expectRebound(t, 'scmi-perf-domain', () => t.call('domains'), '')
    await expectWorks(t)
  },
})
