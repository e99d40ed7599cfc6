import { perfDomains } from '../../../src/platform/perf-domains/index.js'
import { powercaps } from '../../../src/platform/powercaps/index.js'
import { expectCall } from '../../runner/calls.js'
import type { Context } from '../../runner/context.js'
import { countsOf, cpu, LIMIT_MS, levelOf, SHARED, setLevel } from '../../runner/fast-channels.js'
import { boards } from '../../runner/firmware.js'

const POWERCAP = 0x18
/** One for each width of a doorbell, and one that cpufreq has, so that nothing else uses the others. */
const WIDTHS = [8, 16, 32, 64]
const bells = {
  shared_memory: SHARED,
  perf_domains: [
    ...WIDTHS.map(doorbell => ({ ...cpu({ doorbell }).perf_domains[0], name: `bell-${doorbell}` })),
    ...cpu(true).perf_domains,
  ],
}
const package_ = {
  shared_memory: SHARED,
  powercaps: [
    {
      name: 'package',
      cap_range: { min: '1 W', max: '9 W', step: '1 W' },
      pai_range: { min: '10 ms', max: '100 ms', step: '10 ms' },
      power: '2 W',
      fast_channels: true,
    },
  ],
}

/** Two limits at once, which only version 3.0 tells of. */
const limited = {
  ...package_,
  protocols: { powercap: { version: '3.0' } },
  powercaps: package_.powercaps.map(domain => ({
    ...domain,
    limits: [{ name: 'peak', cap_range: { min: '1 W', max: '20 W', step: '1 W' } }],
  })),
}

const SETS = 'perf.c:scmi_perf_level_set writes the level and rings, where DESCRIBE_FASTCHANNEL told of a channel'
const CAPS = 'powercap.c:__scmi_powercap_cap_set writes the cap and rings'
const families = {
  perf: {
    summary: 'performance: levels and frequencies go through channels, and both sides tell the same of them',
    platform: cpu(true),
    tags: ['ci'],
    async run(t: Context) {
      await t.expect('the kernel complains of no channel', {
        because: SETS,
        got: () => t.call('said', ['Failed to get FC']),
        is: '',
      })
      await t.expect('the region is reserved', { because: 'no-map', got: () => t.call('region'), is: /^(reserved|)$/ })
      await t.call('trace_uses')
      const before = countsOf(t, 'PERFORMANCE_LEVEL_SET')
      const levels = [600, 1200, 1800, 600]
      for (const level of levels) await setLevel(t, SETS, level)
      await t.expect('levels are written, and not sent', {
        because: SETS,
        got: () => countsOf(t, 'PERFORMANCE_LEVEL_SET'),
        is: now => now.messages === 0 && now.writes - before.writes >= levels.length,
      })
      await t.expect('the kernel has traced the same writes', {
        because: 'perf.c:scmi_perf_level_set traces scmi_fc_call',
        // If cpufreq reads the old frequency, as the platform has not looked yet, it sets the new one again.
        got: async () => (await t.call('uses', ['13', '07'])).split(',').filter((use, i, all) => use !== all[i - 1]),
        is: levels.map(level => `0 ${level} 0`),
      })
      await t.expect('frequencies are read there, too', {
        because: 'perf.c:scmi_perf_level_get reads the channel of PERFORMANCE_LEVEL_GET',
        got: async () => [await t.call('frequency'), countsOf(t, 'PERFORMANCE_LEVEL_GET').messages],
        is: ['600000', 0],
      })
      await t.step('the platform changes the level')
      const model = t.server.platform.model(perfDomains)
      model.setLevel(model.named('cpu'), model.named('cpu').highest, 0)
      await t.expect('the kernel reads it', { because: SETS, got: () => t.call('frequency'), is: '1800000' })
    },
  },
  limits: {
    summary: 'performance: limits are written to channels and read there, with doorbells of 8, 16, 32 and 64 bits',
    platform: bells,
    async run(t: Context) {
      const because = 'perf.c:__scmi_perf_limits_set, driver.c:scmi_common_fastchannel_db_ring'
      const limitsOf = ({ max, min }: { max: { level: number }; min: { level: number } }) => [max.level, min.level]
      for (const [id, width] of WIDTHS.entries()) {
        const domain = t.server.platform.model(perfDomains).list[id]!
        for (const [max, min] of [
          [1200, 600],
          [1800, 1200],
        ] as const) {
          const what = `limits of ${max} and ${min} by a doorbell of ${width} bits`
          await expectCall(t, what, because, `perf limits_set ${id} ${max} ${min}`, 'done')
          await t.expect('the platform has them', {
            because,
            got: () => limitsOf(domain),
            is: [max, min],
            withinMs: LIMIT_MS,
          })
          await expectCall(
            t,
            'they are read',
            'perf.c:__scmi_perf_limits_get',
            `perf limits_get ${id}`,
            `${max} ${min}`,
          )
        }
      }
      await t.expect('nothing was sent', {
        because,
        got: () => ['PERFORMANCE_LIMITS_SET', 'PERFORMANCE_LIMITS_GET'].map(name => countsOf(t, name).messages),
        is: [0, 0],
      })
      await t.expect('the platform has counted the writes', {
        because,
        got: () => countsOf(t, 'PERFORMANCE_LIMITS_SET').writes,
        is: 2 * WIDTHS.length,
      })
    },
  },
  schedutil: {
    summary: 'performance: the governor schedutil sets levels from the scheduler, by channel',
    // On 32 bits listeners for changes of the frequency (arch/arm/kernel/smp.c) keep cpufreq from it.
    kernel: { config: ['CONFIG_ARM64=y'] },
    platform: cpu(true),
    async run(t: Context) {
      const because = 'scmi-cpufreq.c:scmi_cpufreq_init: fast_switch_possible with a channel for PERFORMANCE_LEVEL_SET'
      await t.step('use schedutil')
      await t.expect('it is used', { because, got: () => t.call('use_schedutil'), is: 'schedutil' })
      await t.expect('it needs no thread', { because, got: () => t.call('governor_threads'), is: '0' })
      await t.expect('it waits as long as the platform takes to look', {
        because: 'scmi-cpufreq.c: the rate limit of the channel is transition_delay_us',
        got: () => t.call('rate_limit'),
        is: `${t.device.agent.shared!.pollMs * 1000}`,
      })
      for (const level of [600, 1200]) {
        await t.step(`limit it to ${level} MHz, and use the processor`)
        await t.expect(`it sets level ${level}`, {
          because,
          got: async () => {
            await t.call('work', [level * 1000])
            return levelOf(t)
          },
          is: level,
          withinMs: LIMIT_MS,
        })
      }
      await t.expect('it does so by channel', {
        because,
        got: () => countsOf(t, 'PERFORMANCE_LEVEL_SET'),
        is: ({ messages, writes }) => messages === 0 && writes >= 2,
      })
    },
  },
  powercap: {
    summary: 'powercap: caps and intervals go through channels, and both sides tell the same of them',
    platform: package_,
    tags: ['ci'],
    async run(t: Context) {
      const domain = t.server.platform.model(powercaps).named('package')
      await t.expect('the cap was read there', {
        because: 'powercap.c reads the channel of POWERCAP_CAP_GET',
        got: async () => [await t.call('cap'), countsOf(t, 'POWERCAP_CAP_GET').messages],
        is: ['9000000', 0],
      })
      await t.call('trace_uses')
      const expectDomain = (what: string, got: () => number, is: number) =>
        t.expect(what, { because: CAPS, got, is, withinMs: LIMIT_MS })
      await t.step('set the cap')
      await t.call('set_cap', [4_000_000])
      await expectDomain('the platform has the cap', () => domain.cap, 4_000_000)
      await t.step('set the interval')
      await t.call('set_interval', [50_000])
      await expectDomain('the platform has the interval', () => domain.paiUs, 50_000)
      await t.step('disable it')
      await t.call('set_enabled', [0])
      await expectDomain('there is no cap', () => domain.cap, 0)
      await t.expect('the guest knows', {
        // Before, enabling does nothing: scmi_powercap_cap_enable_set reads the cap when the platform may not have looked yet.
        because: 'powercap.c:scmi_powercap_cap_enable_get reads the cap by channel',
        got: () => t.call('enabled'),
        is: '0',
      })
      await t.step('enable it')
      await t.call('set_enabled', [1])
      await expectDomain('the cap is back', () => domain.cap, 4_000_000)
      await t.expect('nothing was sent', {
        because: CAPS,
        got: () => ['POWERCAP_CAP_SET', 'POWERCAP_PAI_SET'].map(name => countsOf(t, name).messages),
        is: [0, 0],
      })
      await t.expect('the kernel has traced the same writes', {
        because: 'powercap.c traces scmi_fc_call',
        got: () => t.call('uses', ['18', '05']),
        is: ['0 4000000 0', '0 0 0', '0 4000000 0'].join(','),
      })
      await t.expect('the platform has counted them', {
        because: CAPS,
        got: () => ['POWERCAP_CAP_SET', 'POWERCAP_PAI_SET'].map(name => countsOf(t, name).writes),
        is: [3, 1],
      })
    },
  },
  'powercap-3': {
    summary: 'powercap: on a platform of version 3.0 the kernel negotiates 2.0, and sees the first of two limits',
    platform: limited,
    async run(t: Context) {
      const because = 'protocols.c:scmi_negotiate_protocol_version, as powercap.c supports 2.0'
      await t.expect('the kernel uses 2.0', {
        because,
        got: () => {
          const { announced, version } = t.device.agent.protocols[POWERCAP]!
          return [announced, version]
        },
        is: [0x3_0000, 0x2_0000],
      })
      const [first, peak] = t.server.platform.model(powercaps).named('package').caps
      await t.expect('it has one limit', { because, got: () => t.call('constraints'), is: '1' })
      await t.step('set the cap')
      await t.call('set_cap', [4_000_000])
      await t.expect('the first limit has it', {
        because: CAPS,
        got: () => first!.cap,
        is: 4_000_000,
        withinMs: LIMIT_MS,
      })
      await t.expect('the other limit is as it was', { because, got: () => peak!.cap, is: 20_000_000 })
      await t.expect('the kernel reads its own', { because: CAPS, got: () => t.call('cap'), is: '4000000' })
      await t.expect('the power is read', { because: CAPS, got: () => t.call('power'), is: '2000000' })
    },
  },
  rebind: {
    summary: 'the virtio driver is unbound and bound again: channels are described anew, and values are right',
    platform: cpu(true),
    async run(t: Context) {
      const because = 'perf.c:scmi_perf_domain_init_fc, for the new instance'
      await setLevel(t, SETS, 600)
      await t.step('unbind and bind the virtio driver, probe the core')
      await t.expect('the instance is back', {
        because: 'driver.c:scmi_probe finds the supplier again',
        got: () => t.idle(() => t.call('steps_and_answer', ['-v', '-t', '+v', '+t'])),
        is: /^status 0 /,
      })
      await t.expect('the platform and the kernel agree', {
        because,
        got: async () => Number(await t.call('frequency_again')) === levelOf(t) * 1000,
        is: true,
        withinMs: LIMIT_MS,
      })
      const before = countsOf(t, 'PERFORMANCE_LEVEL_SET')
      for (const level of [1200, 600]) await setLevel(t, SETS, level)
      await t.expect('levels are written, and not sent', {
        because,
        got: () => countsOf(t, 'PERFORMANCE_LEVEL_SET'),
        is: now => now.messages === 0 && now.writes - before.writes === 2,
      })
    },
  },
  'x1e-quirk': {
    summary: 'an X1E tells only with the domain that levels are read by channel: the kernel knows, and reads there',
    platform: {
      vendor: 'Qualcomm',
      implementation_version: 0x20000,
      ...cpu({ set: [], get: ['level'], announced: false }),
    },
    async run(t: Context) {
      const because = 'quirks.c: perf_level_get_fc_force, for implementations from 0x20000 on'
      await t.call('trace_uses')
      await t.expect('the frequency is read by channel', {
        because,
        got: async () => [await t.call('frequency'), countsOf(t, 'PERFORMANCE_LEVEL_GET').messages],
        is: ['1800000', 0],
      })
      await t.expect('the kernel has traced that', {
        because,
        got: () => t.call('uses', ['13', '08']),
        is: /^0 1800 0/,
      })
      await setLevel(t, 'there is no channel to set levels: a message is sent', 600)
    },
  },
}

export default boards(families, ['perf', 'powercap', 'schedutil'])
