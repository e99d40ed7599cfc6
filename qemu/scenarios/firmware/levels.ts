import { perfDomains } from '../../../src/platform/perf-domains/index.js'
import type { Context } from '../../runner/context.js'
import { boards } from '../../runner/firmware.js'
import { expectSaid } from '../../runner/readings.js'

/** Levels in MHz with a power in mW; the CPUs' domain is the one with this name. */
const cpu = (levels: number[], more: Record<string, unknown> = {}, power = (level: number) => level) => ({
  perf_domains: [
    {
      name: 'cpu',
      levels: levels.map(level => ({ level, power: power(level) })),
      sustained_frequency: `${Math.max(...levels)} MHz`,
      ...more,
    },
  ],
})

const REGISTERS = 'scmi-cpufreq.c:scmi_cpufreq_init makes a frequency of each level (perf.c:scmi_dvfs_device_opps_add)'

async function expectFrequencies(t: Context, because: string, mhz: number[]): Promise<void> {
  await t.expect('cpufreq has these frequencies', {
    because,
    got: () => t.call('frequencies'),
    is: mhz.map(frequency => frequency * 1000).join(' '),
  })
}

/** Asks for a frequency; then the platform must have `level`, and the kernel must read `khz`. */
async function expectLevel(t: Context, because: string, asked: number, level: number, khz = asked): Promise<void> {
  await t.step(`ask for ${asked} kHz`)
  await t.expect(`${asked} kHz result in ${khz} kHz`, {
    because,
    got: () => t.call('ask_frequency', [asked]),
    is: String(khz),
  })
  await t.expect(`${asked} kHz are level ${level} of the platform`, {
    because,
    got: () => t.server.platform.model(perfDomains).named('cpu').level.level,
    is: level,
  })
}

export default boards(
  {
    repeated: {
      summary: 'a level twice, as on an X1E: the kernel says so, skips the second, and cpufreq works',
      platform: {
        perf_domains: [
          {
            name: 'cpu',
            wire_name: 'NCC',
            levels: [2976, 3244, 3244].map((level, i) => ({ level, power: 1000 + i })),
            sustained_frequency: '3.244 GHz',
            oddities: ['repeated_levels'],
          },
        ],
      },
      tags: ['ci'],
      async run(t) {
        const because = 'perf.c:iter_perf_levels_process_response skips levels that the domain has already'
        await expectSaid(t, because, '(Firmware Bug.*)?Failed to add opps_by_lvl at 3244 for NCC - ret:-16')
        await expectFrequencies(t, because, [2976, 3244])
        await expectLevel(t, because, 2976_000, 2976)
      },
    },
    order: {
      summary: 'levels out of order: cpufreq has all of them',
      platform: cpu([1800, 600, 1200], { oddities: ['unordered_levels'] }),
      async run(t) {
        const because = 'perf.c:scmi_perf_describe_levels_get sorts them'
        await expectFrequencies(t, because, [600, 1200, 1800])
        for (const mhz of [600, 1200]) await expectLevel(t, because, mhz * 1000, mhz)
      },
    },
    'zero-power': {
      summary: 'levels that cost nothing: there is no energy model, and cpufreq works',
      platform: cpu([600, 1200], { oddities: ['zero_power'] }, () => 0),
      async run(t) {
        const because = 'energy_model.c:em_create_perf_table refuses a power of 0'
        await expectSaid(t, because, 'EM: invalid power: 0')
        await t.expect('there is no energy model', { because, got: () => t.call('energy_models'), is: '' })
        await expectFrequencies(t, REGISTERS, [600, 1200])
        await expectLevel(t, REGISTERS, 600_000, 600)
      },
    },
    'zero-frequency': {
      summary: 'a sustained frequency of 0: the kernel takes levels for kHz, and cpufreq works',
      platform: cpu([600_000, 1_200_000], { sustained_frequency: 0, oddities: ['zero_sustained'] }),
      async run(t) {
        const because =
          'perf.c:scmi_perf_domain_attributes_get has the factor 1000 for a platform that does not tell it'
        await expectFrequencies(t, because, [600, 1200])
        await expectLevel(t, because, 600_000, 600_000)
      },
    },
    'zero-level': {
      summary: 'a sustained level of 0: the kernel takes levels for kHz, and cpufreq works',
      platform: cpu([600_000, 1_200_000], {
        sustained_frequency: '1.2 GHz',
        sustained_level: 0,
        oddities: ['zero_sustained'],
      }),
      async run(t) {
        const because =
          'perf.c:scmi_perf_domain_attributes_get has the factor 1000 for a platform that does not tell it'
        await expectFrequencies(t, because, [600, 1200])
        await expectLevel(t, because, 600_000, 600_000)
      },
    },
    fractional: {
      summary:
        'a sustained frequency that is no multiple of its level: the kernel says so, and sets the levels it is asked for',
      platform: cpu([1000, 2000, 3000], {
        sustained_frequency: '1 GHz',
        sustained_level: 3000,
        oddities: ['fractional_sustained'],
      }),
      async run(t) {
        const because = 'perf.c:scmi_perf_domain_attributes_get rounds the factor of levels and frequencies'
        await expectSaid(t, because, 'multiplier for domain 0 rounded')
        await expectLevel(t, because, 333_333, 1000)
      },
    },
    'fractional-khz': {
      summary: 'levels whose frequencies are no whole kHz: the kernel sets the level that it is asked for',
      platform: cpu([1, 2, 3], {
        sustained_frequency: '1 GHz',
        sustained_level: 3,
        oddities: ['fractional_sustained'],
      }),
      async run(t) {
        const because = 'the frequency that perf.c:scmi_dvfs_freq_set gets is that of a level'
        await expectLevel(t, because, 666_666, 2)
      },
    },
    granted: {
      summary: 'the platform grants another level than the kernel sets: cpufreq reads what was granted',
      platform: cpu([600, 1200, 1800], { grants: { 1200: 600 } }),
      async run(t) {
        const because = 'cpuinfo_cur_freq is read from the platform: perf.c:scmi_dvfs_freq_get'
        await expectLevel(t, because, 1_200_000, 600, 600_000)
        await expectLevel(t, because, 1_800_000, 1800)
      },
    },
  },
  ['order'],
)
