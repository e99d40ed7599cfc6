import { perfDomains } from '../../../src/platform/perf-domains/index.js'
import { type Change, expectCall, expectEvents, expectUnknown } from '../../runner/calls.js'
import type { Context } from '../../runner/context.js'
import { boards } from '../../runner/firmware.js'

const LEVELS = [600, 1200, 1800]
/** Ids: 0 by level, 1 by index, 2 where the platform decides, 3 for cpufreq, so that nothing else uses the others. */
const DOMAINS = [
  { name: 'levels', levels: LEVELS.map((level, i) => ({ level, power: 100 * (i + 1), frequency: `${level} MHz` })) },
  {
    name: 'indexes',
    level_indexing: true,
    levels: LEVELS.map((level, i) => ({
      level: i + 1,
      power: 100 * (i + 1),
      frequency: `${level} MHz`,
      index: 7 - 3 * i,
    })),
  },
  {
    name: 'fixed',
    levels: [{ level: 800, power: 1, frequency: '800 MHz' }],
    permissions: { level: false, limits: false },
    notify: { level: false, limits: false },
  },
  { name: 'cpu', levels: [{ level: 800, power: 1, frequency: '800 MHz' }] },
]
const [BY_LEVEL, BY_INDEX, FIXED] = [0, 1, 2]
const NONE = DOMAINS.length
const LOOKS_UP = 'perf.c:scmi_perf_domain_lookup'
const POLL = 1

const domain = (t: Context, id: number) => t.server.platform.model(perfDomains).list[id]!

/** A driver sets limits, highest first; the platform must have them, and tell them to the driver. */
async function expectLimits(t: Context, id: number, max: number, min: number): Promise<void> {
  const because = 'perf.c:scmi_perf_limits_set, scmi_perf_limits_get'
  await expectCall(t, `limits of ${max} and ${min} are set`, because, `perf limits_set ${id} ${max} ${min}`, 'done')
  await t.expect('the platform has them', {
    because,
    got: () => [domain(t, id).max.level, domain(t, id).min.level],
    is: [max, min],
  })
  await expectCall(t, 'they are read', because, `perf limits_get ${id}`, `${max} ${min}`)
}

export default boards({
  limits: {
    summary:
      'a driver sets limits of a domain, by level and by index: the platform keeps to them, and refuses wrong ones',
    platform: { perf_domains: DOMAINS },
    async run(t) {
      const refuses = 'perf.c:scmi_perf_limits_set'
      await t.step('by level')
      await expectLimits(t, BY_LEVEL, 1200, 600)
      await t.expect('the level follows', {
        because: 'SCMI v3.2 §4.5.3.6',
        got: () => domain(t, BY_LEVEL).level.level,
        is: 1200,
      })
      await expectCall(
        t,
        'a level above is refused',
        LOOKS_UP,
        `perf level_set ${BY_LEVEL} 1800`,
        'Numerical result out of range',
      )
      await expectLimits(t, BY_LEVEL, 1800, 600)
      await expectCall(t, 'no limit at all is refused', refuses, `perf limits_set ${BY_LEVEL} 0 0`, 'Invalid argument')
      await t.step('by index')
      await expectLimits(t, BY_INDEX, 2, 1)
      for (const limits of ['9 1', '2 9']) {
        await expectCall(
          t,
          `${limits}: no such level`,
          refuses,
          `perf limits_set ${BY_INDEX} ${limits}`,
          'Input/output error',
        )
      }
      await t.step('where they may not be set')
      await expectCall(t, 'it is refused', refuses, `perf limits_set ${FIXED} 800 800`, 'Operation not supported')
      await expectUnknown(t, 'perf', NONE, ['limits_set N 1 1', 'limits_get N'], LOOKS_UP, 'Invalid argument')
      t.server.faults.add({ protocol: 'perf', message: 'PERFORMANCE_LIMITS_GET', status: 'HARDWARE_ERROR', times: 1 })
      await expectCall(t, 'a failure is told', refuses, `perf limits_get ${BY_LEVEL}`, 'Remote I/O error')
    },
  },
  levels: {
    summary: 'levels and frequencies of domains by level and by index, polled for and not, and what is known of them',
    platform: { perf_domains: DOMAINS },
    async run(t) {
      const sets = 'perf.c:scmi_perf_level_set, scmi_perf_level_get'
      const scales = 'perf.c:scmi_dvfs_freq_set, scmi_dvfs_freq_get'
      for (const [id, level, hz] of [
        [BY_LEVEL, 600, 600_000_000],
        [BY_INDEX, 2, 1_200_000_000],
      ] as const) {
        await t.step(DOMAINS[id]!.name)
        for (const poll of [0, POLL]) {
          await expectCall(t, 'a level is set', sets, `perf level_set ${id} ${level} ${poll}`, 'done')
          await t.expect('the platform has it', { because: sets, got: () => domain(t, id).level.level, is: level })
          await expectCall(t, 'it is read', sets, `perf level_get ${id} ${poll}`, String(level))
          await expectCall(t, 'its frequency is read', scales, `perf freq_get ${id} ${poll}`, String(hz))
          await expectCall(t, 'another frequency is set', scales, `perf freq_set ${id} 1800000000 ${poll}`, 'done')
          await t.expect('the platform has it', {
            because: scales,
            got: () => domain(t, id).level.frequencyKhz,
            is: 1_800_000,
          })
        }
        const estimates = 'perf.c:scmi_dvfs_est_power_get takes the next level above'
        await expectCall(t, 'a power is estimated', estimates, `perf est_power_get ${id} 700000000`, '1200000000 200')
        await expectCall(
          t,
          'no fast channel',
          'perf.c:scmi_fast_switch_possible',
          `perf fast_switch_possible ${id}`,
          '0',
        )
        await expectCall(
          t,
          'a latency is told',
          'perf.c:scmi_dvfs_transition_latency_get',
          `perf transition_latency_get ${id}`,
          '50000',
        )
      }
      await expectCall(t, 'an unknown index is refused', sets, `perf level_set ${BY_INDEX} 9`, 'Input/output error')
      await expectCall(
        t,
        'an unknown frequency is refused',
        scales,
        `perf freq_set ${BY_INDEX} 5`,
        'Input/output error',
      )
      await expectCall(t, 'it may not be set', sets, `perf level_set ${FIXED} 800`, 'Operation not supported')
      const calls = ['level_set N 1', 'level_get N', 'freq_set N 1', 'freq_get N', 'est_power_get N 1']
      await expectUnknown(t, 'perf', NONE, calls, LOOKS_UP, 'Invalid argument')
      await t.step('the platform sets an index that the guest does not know')
      t.server.faults.add({ protocol: 'perf', message: 'PERFORMANCE_LEVEL_GET', fields: { performance_level: 99 } })
      await expectCall(t, 'the level is refused', sets, `perf level_get ${BY_INDEX}`, 'Input/output error')
      await expectCall(t, 'so is its frequency', scales, `perf freq_get ${BY_INDEX}`, 'Input/output error')
    },
  },
  events: {
    summary:
      'levels and limits that the platform changes, by level and by index: each listener is told, with frequencies',
    platform: { perf_domains: DOMAINS },
    async run(t) {
      const model = t.server.platform.model(perfDomains)
      const because = 'perf.c:scmi_perf_fill_custom_report; notify.c:scmi_lookup_and_call_event_chain'
      for (const [id, other, levels, wire] of [
        [BY_LEVEL, BY_INDEX, LEVELS, LEVELS],
        [BY_INDEX, BY_LEVEL, [1, 2, 3], [7, 4, 1]],
      ] as const) {
        const limit = (i: number): Change => ({
          act: () => model.setPlatformLimits(domain(t, id), { max: levels[i]! }),
          line: `limits_changed: agent 0 domain ${id} max ${wire[i]} min ${wire[0]} max_hz ${LEVELS[i]! * 1e6} min_hz ${LEVELS[0]! * 1e6}`,
        })
        const level = (i: number): Change => ({
          act: () => model.setLevel(domain(t, id), domain(t, id).levels[i]!, 0),
          line: `level_changed: agent 0 domain ${id} level ${wire[i]} hz ${LEVELS[i]! * 1e6}`,
        })
        model.setLevel(domain(t, id), domain(t, id).levels[0]!, 0)
        await expectEvents(t, {
          event: 'perf limits_changed',
          source: id,
          other,
          changes: [limit(1), limit(0), limit(2)],
          because,
        })
        await expectEvents(t, {
          event: 'perf level_changed',
          source: id,
          other,
          changes: [level(2), level(1), level(0)],
          because,
        })
      }
      const refuses = 'perf.c:scmi_perf_notify_supported'
      for (const event of ['limits_changed', 'level_changed']) {
        await expectCall(t, 'the kernel refuses', refuses, `perf listen ${event} ${FIXED}`, /^[A-Z]/)
      }
    },
  },
})
