import { perfDomains } from '../../../src/platform/perf-domains/index.js'
import { olderVersions } from '../../runner/clients.js'
import { Heard } from '../../runner/messages.js'

const LIMIT_MS = 5000
/** Indexes that a kernel must not use, and powers that are no whole milliwatts. */
const LEVELS = Array.from({ length: 20 }, (_, i) => ({ level: 300 + i * 100, power: 1500 * (i + 1), index: 100 + i }))

export default olderVersions('perf', [1, 2, 3], version => ({
  summary: `performance protocol ${version}.0: levels by their numbers, limits, powers in the unit that it has`,
  onlyInAll: true,
  platform: {
    perf_domains: [
      {
        name: 'cpu_with_a_long_name',
        levels: LEVELS.map(level => ({ ...level, frequency: `${level.level} MHz` })),
        level_indexing: true,
        power_unit: 'microwatt',
      },
    ],
  },
  async run(t) {
    const heard = new Heard(t.server)
    const model = t.server.platform.model(perfDomains)
    const domain = model.list[0]!
    const because =
      'perf.c:process_response_opp: a level has three words before version 4.0, and its number is all there is'
    await t.expect('cpufreq has a frequency for each level', {
      because,
      got: () => t.call('offered', [0]),
      is: LEVELS.map(({ level }) => level * 1000).join(' '),
    })
    const microwatts = (power: number) => (version < 3 ? Math.ceil(power / 1000) * 1000 : power)
    await t.expect('the energy model is in microwatts', {
      because: 'perf.c:scmi_perf_attributes_get knows microwatts since version 3.0; platforms tell milliwatts before',
      got: () => t.call('energy_model', [0]),
      is: LEVELS.map(({ level, power }) => `${level * 1000} ${microwatts(power)}`).join('\n'),
    })
    for (const { level } of [LEVELS[0]!, LEVELS[19]!, LEVELS[12]!]) {
      heard.clear()
      await t.expect(`level ${level} is set, for the guest`, {
        because,
        got: () => t.call('ask_frequency', [level * 1000]),
        is: String(level * 1000),
      })
      await t.expect(`level ${level} is set, for the platform`, {
        because,
        got: () => [domain.level.level, heard.commands('PERFORMANCE_LEVEL_SET').at(-1)],
        is: [level, { domain_id: 0, performance_level: level }],
      })
    }
    await t.call('set_policy', [0, 'scaling_governor', 'performance'])
    for (const [max, khz] of [
      [900, 900_000],
      [undefined, 2_200_000],
    ] as const) {
      model.setPlatformLimits(domain, { max })
      await t.expect(`limit ${max ?? 'none'}`, {
        because: 'perf.c:scmi_perf_xlate_opp_to_freq finds the frequency of a level by its number',
        got: async () => Number(await t.call('policy', [0, 'scaling_max_freq'])),
        is: khz,
        withinMs: LIMIT_MS,
      })
    }
  },
}))
