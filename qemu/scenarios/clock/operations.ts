import { clocks } from '../../../src/platform/clocks/index.js'
import { type Change, expectCall, expectEvents, expectUnknown } from '../../runner/calls.js'
import type { Context } from '../../runner/context.js'
import { boards } from '../../runner/firmware.js'

/** So many that their description takes several replies. */
const MANY = Array.from({ length: 70 }, (_, i) => 10_000_000 + i * 1_000_000)
const FEW = [12_000_000, 24_000_000, 48_000_000]
/** The types of a duty cycle and of a vendor's own setting. */
const DUTY_CYCLE = 1
const OEM = 0x80
const CLOCKS = [
  { name: 'many', rates: MANY },
  { name: 'few', rates: FEW, parents: ['many', 'range'], duty_cycle: 50, oem: { [OEM]: 7 } },
  { name: 'range', range: { min: '10 MHz', max: '45 MHz', step: '7 MHz' }, latency: '30 ms' },
  {
    name: 'fixed',
    rate: '24 MHz',
    parents: ['many', 'range'],
    permissions: { state: false, rate: false, parent: false },
    notify: false,
  },
]
const [MANY_ID, FEW_ID, RANGE, FIXED] = [0, 1, 2, 3]
const NONE = CLOCKS.length

const clock = (t: Context, id: number) => t.server.platform.model(clocks).list[id]!

export default boards(
  {
    rates: {
      summary:
        'the operations of rates: all rates of a clock, the nearest of a range, what is set and read, wrong clocks',
      platform: { clocks: CLOCKS, protocols: { clock: { max_pending_async: 4 } } },
      async run(t) {
        const lists = 'clock.c:scmi_clock_all_rates_get describes the rates anew if it has only the first and the last'
        await expectCall(t, 'a short list', lists, `clock all_rates_get ${FEW_ID}`, `list ${FEW.join(' ')}`)
        for (const time of ['once', 'twice']) {
          await expectCall(t, `a long list, ${time}`, lists, `clock all_rates_get ${MANY_ID}`, `list ${MANY.join(' ')}`)
        }
        await expectCall(t, 'a range', lists, `clock all_rates_get ${RANGE}`, 'range 10000000 45000000 7000000')
        const rounds = 'clock.c:scmi_clock_determine_rate rounds up to a step of the range'
        for (const [asked, is] of [
          [1, 10_000_000],
          [11_000_000, 17_000_000],
          [99_000_000, 45_000_000],
        ] as const) {
          await expectCall(t, `${asked} becomes ${is}`, rounds, `clock determine_rate ${RANGE} ${asked}`, String(is))
        }
        await expectCall(t, 'a list leaves it', rounds, `clock determine_rate ${FEW_ID} 13000000`, '13000000')
        const sets = 'clock.c:scmi_clock_rate_set, scmi_clock_rate_get'
        await expectCall(t, 'a rate is set', sets, `clock rate_set ${FEW_ID} 48000000`, 'done')
        await t.expect('the platform has it', { because: sets, got: () => clock(t, FEW_ID).rateHz, is: 48_000_000 })
        await expectCall(t, 'it is read', sets, `clock rate_get ${FEW_ID}`, '48000000')
        await t.step('a delayed response about another clock')
        const delayed = { on: 'delayed', protocol: 'clock', message: 'CLOCK_RATE_SET', times: 1 } as const
        t.server.faults.add({ ...delayed, words: { 2: FIXED } })
        await expectCall(t, 'it is refused', sets, `clock rate_set ${RANGE} 17000000`, 'Protocol error')
        const calls = [
          'info_get N',
          'all_rates_get N',
          'determine_rate N 1',
          'rate_set N 1',
          'enable N',
          'disable N',
          'config_oem_get N 128',
          'config_oem_set N 128 1',
          'parent_get N',
          'parent_set N 0',
        ]
        await expectUnknown(t, 'clock', NONE, calls, 'clock.c:scmi_clock_domain_lookup', /^(Invalid|No such)/)
      },
    },
    settings: {
      summary: 'the operations of states, parents and settings: what is set is what the platform has; what is refused',
      platform: { clocks: CLOCKS },
      async run(t) {
        const states = 'clock.c:scmi_clock_enable, scmi_clock_disable, scmi_clock_state_get'
        for (const [how, is] of [
          ['enable', '1'],
          ['disable', '0'],
        ] as const) {
          await expectCall(t, `${how} it`, states, `clock ${how} ${FEW_ID}`, 'done')
          await t.expect('the platform has', { because: states, got: () => clock(t, FEW_ID).enabled, is: is === '1' })
          await expectCall(t, 'its state is read', states, `clock state_get ${FEW_ID}`, is)
        }
        const parents = 'clock.c:scmi_clock_set_parent, scmi_clock_get_parent'
        await expectCall(t, 'a parent is set', parents, `clock parent_set ${FEW_ID} 1`, 'done')
        await t.expect('the platform has it', {
          because: parents,
          got: () => clock(t, FEW_ID).parent?.name,
          is: 'range',
        })
        await expectCall(t, 'it is read', parents, `clock parent_get ${FEW_ID}`, String(RANGE))
        await expectCall(t, 'a third is refused', parents, `clock parent_set ${FEW_ID} 2`, 'Invalid argument')
        const settings = 'clock.c:scmi_clock_config_oem_set, scmi_clock_config_oem_get'
        await expectCall(t, 'a setting is read', settings, `clock config_oem_get ${FEW_ID} ${OEM}`, /^7 /)
        await expectCall(t, 'it is set', settings, `clock config_oem_set ${FEW_ID} ${OEM} 9`, 'done')
        await expectCall(t, 'it is read', settings, `clock config_oem_get ${FEW_ID} ${OEM}`, /^9 /)
        await expectCall(t, 'a duty cycle is read', settings, `clock config_oem_get ${FEW_ID} ${DUTY_CYCLE}`, /^50 /)
        for (const words of [`config_oem_get ${MANY_ID} ${OEM}`, `config_oem_set ${MANY_ID} ${OEM} 1`]) {
          await expectCall(t, `${words}: it has none`, settings, `clock ${words}`, 'Operation not supported')
        }
        const forbids = 'clock.c:scmi_clock_get_permissions'
        for (const words of ['enable', 'disable', 'rate_set 24000000', 'parent_set 0']) {
          const [name, ...rest] = words.split(' ')
          await expectCall(
            t,
            `${words} is forbidden`,
            forbids,
            ['clock', name, FIXED, ...rest].join(' '),
            'Permission denied',
          )
        }
      },
    },
    events: {
      summary: 'rates that change or are asked for: each listener is told, once, and none after it has ended',
      platform: { clocks: CLOCKS },
      async run(t) {
        const because = 'clock.c:scmi_clk_fill_custom_report; notify.c:scmi_lookup_and_call_event_chain'
        const model = t.server.platform.model(clocks)
        const change = (rate: number): Change => ({
          act: () => model.setRate(clock(t, FEW_ID), rate, 0),
          line: `rate_changed: agent 0 clock ${FEW_ID} rate ${rate}`,
        })
        const changes: [Change, Change, Change] = [change(24_000_000), change(48_000_000), change(12_000_000)]
        await expectEvents(t, { event: 'clock rate_changed', source: FEW_ID, other: RANGE, changes, because })
        const ask = (rate: number): Change => ({
          act: () => model.emit('rateRequested', clock(t, FEW_ID), 0, rate),
          line: `rate_change_requested: agent 0 clock ${FEW_ID} rate ${rate}`,
        })
        const requests: [Change, Change, Change] = [ask(24_000_000), ask(48_000_000), ask(12_000_000)]
        await expectEvents(t, {
          event: 'clock rate_change_requested',
          source: FEW_ID,
          other: RANGE,
          changes: requests,
          because,
        })
        const refuses = 'clock.c:scmi_clk_notify_supported'
        for (const event of ['rate_changed', 'rate_change_requested']) {
          await expectCall(t, 'the kernel refuses', refuses, `clock listen ${event} ${FIXED}`, /^[A-Z]/)
        }
      },
    },
  },
  ['events'],
)
