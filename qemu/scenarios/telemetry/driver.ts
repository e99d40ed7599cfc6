import type { Context } from '../../runner/context.js'
import { family } from '../../runner/scenario.js'

const PLATFORM = {
  vendor: 'lab',
  shared_memory: {},
  telemetry: {
    update_intervals: ['10 ms', '100 ms'],
    groups: [{ name: 'package' }],
    events: [
      { id: 0x100, name: 'ramp', value: { ramp: { from: 0, to: 1e15, period: '1000 s' } }, timestamp: 'block' },
      { id: 0x101, name: 'line', value: 7, timestamp: 'line' },
      { id: 0x102, name: 'grouped', value: 8, group: 'package' },
      { id: 0x103, name: 'channel', value: 9, via: 'fast_channel', timestamp: 'line' },
      { id: 0x104, name: 'message', value: 10, via: 'message' },
    ],
  },
}

/** What the series asks at probe, in this order; written from its source, and not yet run against it. */
const PROBE =
  'scmi_telemetry_protocol_init: version, attributes, intervals, areas, configuration; each failure ends the probe'

export default family<{ summary: string; run(t: Context): Promise<void> }>(
  {
    probe: {
      summary: 'the series’ driver finds areas, intervals and events',
      async run(t) {
        await t.expect('the protocol is probed without a complaint', {
          because: PROBE,
          got: () => t.call('complaints'),
          is: '',
        })
        await t.expect('there is an instance', {
          because: 'stlmfs (up to v4) has a directory, later versions have a character device',
          got: () => t.call('telemetry_instance'),
          is: /tlm_0/,
          withinMs: 5000,
        })
      },
    },
    values: {
      summary: 'stlmfs: an enabled event is read twice, and has changed; a disabled one is not read',
      async run(t) {
        if ((await t.status('has_stlmfs')) !== 0) {
          await t.step('this version has no stlmfs: nothing to read without a program for its character device')
          return
        }
        await t.expect('values change', {
          because: 'scmi_telemetry_tdcf_de_parse reads memory anew when the sequence has changed',
          got: () => t.call('two_values', ['0x00000100']),
          is: 'changed',
          withinMs: 5000,
        })
        await t.expect('a disabled event is not read', {
          because: 'its state is known to the driver: ENODATA',
          got: () => t.call('value_when_disabled', ['0x00000100']),
          is: /No data available/,
        })
      },
    },
  },
  ({ summary, run }) => ({
    summary,
    platform: PLATFORM,
    kernel: { config: ['CONFIG_ARM_SCMI_SYSTEM_TELEMETRY=y'] },
    run,
  }),
)
