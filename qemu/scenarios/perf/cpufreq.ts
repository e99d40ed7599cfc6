import type { PerfDomain } from '../../../src/platform/perf-domains/domain.js'
import { perfDomains } from '../../../src/platform/perf-domains/index.js'
import { expectRebound } from '../../runner/clients.js'
import type { Context } from '../../runner/context.js'
import { Heard } from '../../runner/messages.js'
import { scenario } from '../../runner/scenario.js'

const LIMIT_MS = 5000
/** The policies' domains: by level, and by index. */
const DOMAINS = ['perf_cpu_little', 'perf_cpu_cluster_big']
const SETS =
  'perf.c:scmi_dvfs_freq_set finds the level of a frequency, or its index where levels are requested by index'
const FOLLOWS = 'scmi-cpufreq.c:scmi_limit_notify_cb bounds the policy by what the platform tells'

const domainOf = (t: Context, cpu: number): PerfDomain => t.server.platform.model(perfDomains).named(DOMAINS[cpu]!)
const khzOf = (domain: PerfDomain): number[] => domain.levels.map(({ frequencyKhz }) => frequencyKhz)

/** The kernel sets each of a domain's levels, and reads it. */
async function expectLevels(t: Context, heard: Heard, cpu: number): Promise<void> {
  const domain = domainOf(t, cpu)
  // Each of the following differs from the one before: cpufreq does not set what there is.
  await t.call('ask_frequency', [domain.highest.frequencyKhz, cpu])
  for (const { frequencyKhz, level, index } of domain.levels) {
    heard.clear()
    await t.expect(`${domain.name}: ${frequencyKhz} kHz are set, for the guest`, {
      because: SETS,
      got: () => t.call('ask_frequency', [frequencyKhz, cpu]),
      is: String(frequencyKhz),
    })
    await t.expect(`${domain.name}: ${frequencyKhz} kHz are set, for the platform`, {
      because: SETS,
      got: () => [domain.level.level, heard.commands('PERFORMANCE_LEVEL_SET').at(-1)],
      is: [level, { domain_id: domain.id, performance_level: domain.levelIndexing ? index : level }],
    })
  }
}

/** A limit of the platform bounds the policy, and ends with it. */
async function expectLimits(t: Context, cpu: number): Promise<void> {
  const domain = domainOf(t, cpu)
  const model = t.server.platform.model(perfDomains)
  const [lowest, second] = domain.levels
  await t.call('set_policy', [cpu, 'scaling_governor', 'performance'])
  const max = async () => Number(await t.call('policy', [cpu, 'scaling_max_freq']))
  const sustained = await max()
  for (const { level, frequencyKhz } of [second!, lowest!]) {
    model.setPlatformLimits(domain, { max: level })
    await t.expect(`${domain.name}: limit ${level} bounds the policy`, {
      because: FOLLOWS,
      got: max,
      is: frequencyKhz,
      withinMs: LIMIT_MS,
    })
  }
  model.setPlatformLimits(domain, {})
  await t.expect(`${domain.name}: the policy is free again`, {
    because: FOLLOWS,
    got: max,
    is: sustained,
    withinMs: LIMIT_MS,
  })
}

/** `act` ends or begins the guest's subscription to the limits of the second CPU's domain. */
async function expectSubscription(
  t: Context,
  heard: Heard,
  act: () => Promise<unknown>,
  enabled: 0 | 1,
): Promise<void> {
  heard.clear()
  await act()
  await t.expect(`notifications of limits are ${enabled ? 'requested' : 'cancelled'}`, {
    because: 'scmi-cpufreq.c:scmi_cpufreq_init and scmi_cpufreq_exit register and unregister for them',
    got: () => heard.commands('PERFORMANCE_NOTIFY_LIMITS').filter(({ domain_id }) => domain_id === domainOf(t, 1).id),
    is: [{ domain_id: domainOf(t, 1).id, notify_enable: enabled }],
  })
}

export default scenario({
  summary:
    'cpufreq on the preset everything: levels, limits, the energy model; a CPU goes and comes, the driver is bound again',
  platform: 'everything',
  async run(t) {
    const heard = new Heard(t.server)
    for (const cpu of [0, 1]) {
      const domain = domainOf(t, cpu)
      const because = 'scmi-cpufreq.c:scmi_cpufreq_init takes what the platform tells of the domain'
      const describe = (what: string, got: () => Promise<string>, is: unknown) =>
        t.expect(`${domain.name}: ${what}`, { because, got, is: String(is) })
      await describe('its frequencies', () => t.call('offered', [cpu]), khzOf(domain).join(' '))
      const boosted = domain.levels.filter(({ level }) => level > domain.sustainedLevel)
      const boosts = boosted.map(({ frequencyKhz }) => frequencyKhz).join(' ')
      await describe('its frequencies for boost', () => t.call('policy', [cpu, 'scaling_boost_frequencies']), boosts)
      const latencyNs = domain.highest.latencyUs * 1000
      await describe('its latency', () => t.call('policy', [cpu, 'cpuinfo_transition_latency']), latencyNs)
      await t.expect(`${domain.name}: its energy model, in microwatts`, {
        because: 'scmi-cpufreq.c:scmi_get_cpu_power',
        got: () => t.call('energy_model', [cpu]),
        is: domain.levels.map(({ frequencyKhz, power }) => `${frequencyKhz} ${power}`).join('\n'),
      })
    }
    await t.expect('the shortest time between two requests is the platform’s', {
      because: 'scmi-cpufreq.c:scmi_get_rate_limit',
      got: () => t.call('rate_limit', [0]),
      is: String(domainOf(t, 0).rateLimitUs),
    })

    await t.step('set every level')
    await t.call('boost', [1])
    for (const cpu of [0, 1]) await expectLevels(t, heard, cpu)
    await t.call('boost', [0])

    await t.step('the platform changes levels')
    for (const cpu of [0, 1]) {
      const domain = domainOf(t, cpu)
      for (const level of domain.levels.slice(0, 2)) {
        t.server.platform.model(perfDomains).setLevel(domain, level, 0)
        await t.expect(`${domain.name}: the guest reads level ${level.level}`, {
          because: 'scmi-cpufreq.c:scmi_cpufreq_get_rate asks the platform',
          got: () => t.call('policy', [cpu, 'cpuinfo_cur_freq']),
          is: String(level.frequencyKhz),
        })
      }
    }

    await t.step('the platform limits levels')
    for (const cpu of [0, 1]) await expectLimits(t, cpu)

    await t.step('take a CPU away, and give it back')
    await expectSubscription(t, heard, () => t.call('online', [1, 0]), 0)
    await t.expect('the other CPU can be set', {
      because: SETS,
      got: () => t.call('ask_frequency', [408_000]),
      is: '408000',
    })
    await expectSubscription(t, heard, () => t.call('online', [1, 1]), 1)
    await t.expect('its policy is there again', {
      because: 'scmi-cpufreq.c:scmi_cpufreq_init',
      got: () => t.call('offered', [1]),
      is: khzOf(domainOf(t, 1)).join(' '),
    })
    await expectLimits(t, 1)

    await expectRebound(t, 'scmi-cpufreq', () => t.call('policies'), '')
    await t.call('boost', [1])
    for (const cpu of [0, 1]) await expectLevels(t, heard, cpu)
    await t.call('boost', [0])
    await expectLimits(t, 0)
  },
})
