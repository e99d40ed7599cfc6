import { perfDomains } from '../../../src/platform/perf-domains/index.js'
import type { Context } from '../../runner/context.js'
import { boards } from '../../runner/firmware.js'
import { expectSaid } from '../../runner/readings.js'
import { target } from '../../support/architectures.js'

const LIMIT_MS = 5000

const domainOf = (t: Context) => t.server.platform.model(perfDomains).named('cpu')

/** Levels in MHz with a power in mW. */
const cpu = (levels: number[], more: Record<string, unknown> = {}) => ({
  perf_domains: [
    {
      name: 'cpu',
      levels: levels.map((level, i) => ({ level, power: 100 * (i + 1) })),
      sustained_frequency: `${Math.max(...levels)} MHz`,
      ...more,
    },
  ],
})

/** Asks for a level by its frequency; guest and platform must have `is` then, all in MHz. */
async function expectLevel(t: Context, because: string, asked: number, is = asked, policy = 0): Promise<void> {
  await t.expect(`${asked} MHz are set, for the guest`, {
    because,
    got: () => t.call('ask_frequency', [asked * 1000, policy]),
    is: String(is * 1000),
  })
  await t.expect(`${asked} MHz are set, for the platform`, { because, got: () => domainOf(t).level.level, is })
}

const expectOffered = (t: Context, because: string, levels: number[]): Promise<string> =>
  t.expect('cpufreq has a frequency for each level', {
    because,
    got: () => t.call('offered', [0]),
    is: levels.map(level => level * 1000).join(' '),
  })

/** So many that their description takes several replies. */
const SIXTY = Array.from({ length: 60 }, (_, i) => 600 + i * 10)

const INDEXES = 'perf.c:scmi_dvfs_freq_set sends the index that the platform has for the level'

export default boards({
  shared: {
    summary:
      'two CPUs in one domain: one policy, whose levels can be set while either CPU is away; power in milliwatts',
    platform: cpu([600, 1200, 1800]),
    tags: ['ci'],
    async run(t) {
      const because = 'scmi-cpufreq.c:scmi_get_sharing_cpus finds the CPUs of a domain'
      await t.expect('both CPUs are in the policy', {
        because,
        got: () => t.call('policy', [0, 'related_cpus']),
        is: '0 1',
      })
      const converts = 'scmi-cpufreq.c:scmi_get_cpu_power converts milliwatts'
      await t.expect('the energy model has powers in microwatts', {
        because: converts,
        got: () => t.call('energy_model', [0]),
        is: '600000 100000\n1200000 200000\n1800000 300000',
      })
      await t.expect('and says so', {
        because: converts,
        got: () => t.call('energy_flags', [0]),
        // EM_PERF_DOMAIN_MICROWATTS of energy_model.h.
        is: flags => (Number(flags) & 1) === 1,
      })
      // 32-bit kernels keep the first.
      for (const cpu of target().name === 'arm' ? [1] : [1, 0]) {
        await t.step(`CPU ${cpu} goes, and comes back`)
        await t.call('online', [cpu, 0])
        await expectLevel(t, because, 600)
        await expectLevel(t, because, 1200)
        await t.call('online', [cpu, 1])
        await expectLevel(t, because, 1800)
      }
      await t.expect('both CPUs use the policy', {
        because,
        got: () => t.call('policy', [0, 'affected_cpus']),
        is: '0 1',
      })
    },
  },
  'many-levels': {
    onlyInAll: true,
    summary: 'sixty levels in several replies: each can be set',
    platform: cpu(SIXTY),
    async run(t) {
      const because = 'perf.c:scmi_perf_describe_levels_get asks until none remains'
      await expectOffered(t, because, SIXTY)
      for (const level of [SIXTY[59]!, SIXTY[30]!, SIXTY[0]!, SIXTY[13]!]) await expectLevel(t, because, level)
    },
  },
  indexes: {
    summary: 'sixty levels that are set by index, counted from the end: each is set by its own index',
    platform: cpu(SIXTY, {
      level_indexing: true,
      levels: SIXTY.map((level, i) => ({ level, power: i + 1, frequency: `${level} MHz`, index: 200 - i })),
    }),
    async run(t) {
      await expectOffered(t, 'perf.c:process_response_opp_v4 takes frequency and index of each level', SIXTY)
      for (const level of [SIXTY[59]!, SIXTY[30]!, SIXTY[0]!, SIXTY[13]!]) await expectLevel(t, INDEXES, level)
      await t.step('the platform limits the level')
      const because = 'perf.c:scmi_perf_xlate_opp_to_freq takes the limits of a notification for indexes'
      await t.call('set_policy', [0, 'scaling_governor', 'performance'])
      t.server.platform.model(perfDomains).setPlatformLimits(domainOf(t), { max: 900 })
      await t.expect('the limit bounds the policy', {
        because,
        got: () => t.call('policy', [0, 'scaling_max_freq']),
        is: '900000',
        withinMs: LIMIT_MS,
      })
    },
  },
  'unordered-indexes': {
    onlyInAll: true,
    summary: 'levels that are set by index, out of order: each can be set',
    platform: cpu([1800, 600, 1200], {
      level_indexing: true,
      oddities: ['unordered_levels'],
      levels: [1800, 600, 1200].map((level, i) => ({ level, power: level, frequency: `${level} MHz`, index: i })),
    }),
    async run(t) {
      for (const level of [600, 1800, 1200]) await expectLevel(t, INDEXES, level)
    },
  },
  'limited-at-boot': {
    onlyInAll: true,
    summary: 'the platform limits the level from the start: cpufreq keeps to it',
    platform: cpu([600, 1200, 1800], { limits: { max: 1200 } }),
    async run(t) {
      const because = 'a limit is in force whether or not it changes; PERFORMANCE_LIMITS_GET tells it'
      await t.expect('the limit bounds the policy', {
        because,
        got: () => t.call('policy', [0, 'scaling_max_freq']),
        is: '1200000',
        withinMs: 1000,
      })
    },
  },
  minimum: {
    onlyInAll: true,
    summary: 'the platform sets a lower limit: cpufreq asks for no less',
    platform: cpu([600, 1200, 1800]),
    async run(t) {
      await t.step('the platform sets a lower limit')
      t.server.platform.model(perfDomains).setPlatformLimits(domainOf(t), { min: 1200 })
      await t.expect('the limit bounds the policy', {
        because: 'scmi-cpufreq.c:scmi_limit_notify_cb is told both limits',
        got: () => t.call('policy', [0, 'scaling_min_freq']),
        is: '1200000',
        withinMs: 1000,
      })
    },
  },
  'limit-between-levels': {
    onlyInAll: true,
    summary: 'a limit between two levels: cpufreq goes as far as the level below',
    platform: cpu([600, 1200, 1800]),
    async run(t) {
      t.server.faults.add({
        on: 'notification',
        protocol: 'perf',
        message: 'PERFORMANCE_LIMITS_CHANGED',
        fields: { range_max: 1500 },
      })
      await t.step('the platform limits the level')
      t.server.platform.model(perfDomains).setPlatformLimits(domainOf(t), { max: 1200 })
      await t.expect('the limit bounds the policy to the level below', {
        because:
          'a limit is a performance level of the platform’s (SCMI v3.2 §4.5.4.1), perhaps none that it describes',
        got: () => t.call('policy', [0, 'scaling_max_freq']),
        is: /^(1200000|1500000)$/,
        withinMs: 2000,
      })
    },
  },
  abstract: {
    onlyInAll: true,
    summary: 'power on an abstract scale: no energy model, as the kernel says, and cpufreq works',
    platform: cpu([600, 1200], { power_unit: 'abstract' }),
    async run(t) {
      const because =
        'energy_model.c:em_dev_register_pd_no_update takes microwatts only, and scmi-cpufreq.c says it has none'
      await expectSaid(t, because, 'EM: only supports uW power values')
      await t.expect('there is no energy model', { because, got: () => t.call('energy_model', [0]), is: '' })
      await expectLevel(t, because, 600)
    },
  },
})
