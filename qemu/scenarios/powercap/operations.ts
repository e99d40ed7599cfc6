import { UNCAPPED } from '../../../src/platform/powercaps/domain.js'
import { powercaps } from '../../../src/platform/powercaps/index.js'
import {
  type Change,
  expectCall,
  expectEvents,
  expectHeard,
  expectSilence,
  expectUnknown,
  listen,
  unlisten,
} from '../../runner/calls.js'
import type { Context } from '../../runner/context.js'
import { boards } from '../../runner/firmware.js'
import { Heard } from '../../runner/messages.js'

const CAPS = { min: 1_000_000, max: 9_000_000, step: 500_000 }
const INTERVALS = { min: '10 ms', max: '1 s', step: '10 ms' }
/** Ids: 0 and 1 can do everything, 2 nothing. */
const DOMAINS = [
  { name: 'board', cap_range: CAPS, pai_range: INTERVALS, power: 3_000_000, async: { latency: '30 ms' } },
  { name: 'cpu', cap_range: CAPS, pai_range: INTERVALS, power: 2_000_000, parent: 'board' },
  { name: 'fixed', cap: 5_000_000, permissions: { cap: false, pai: false }, notify: false, parent: 'board' },
]
const [BOARD, CPU, FIXED] = [0, 1, 2]
const NONE = DOMAINS.length
const LOOKS_UP = 'powercap.c:scmi_powercap_dom_info_get'

const domain = (t: Context, id: number) => t.server.platform.model(powercaps).list[id]!

async function expectCap(t: Context, because: string, id: number, is: number): Promise<void> {
  await t.expect(`the platform has a cap of ${is}`, { because, got: () => domain(t, id).cap, is })
}

export default boards({
  caps: {
    summary: 'caps through the operations: with and without a wait, out of range, disabled and enabled; intervals',
    platform: { powercaps: DOMAINS },
    async run(t) {
      const sets = 'powercap.c:scmi_powercap_cap_set'
      await expectCall(t, 'a cap is set', sets, `powercap cap_set ${BOARD} 4000000`, 'done')
      await expectCap(t, sets, BOARD, 4_000_000)
      const heard = new Heard(t.server)
      await expectCall(
        t,
        'a cap is set without a delayed response',
        sets,
        `powercap cap_set ${BOARD} 5000000 1`,
        'done',
      )
      await expectCap(t, sets, BOARD, 5_000_000)
      await t.expect('the platform was told to send none', {
        because: sets,
        got: () => heard.count('POWERCAP_CAP_SET', 'delayed response'),
        is: 0,
      })
      await expectCall(t, 'it is read', sets, `powercap cap_get ${BOARD}`, '5000000')
      for (const cap of [CAPS.min - 1, CAPS.max + 1]) {
        await expectCall(t, `${cap} is out of range`, sets, `powercap cap_set ${CPU} ${cap}`, 'Invalid argument')
      }
      await expectCall(t, 'none is refused', sets, `powercap cap_set ${CPU} 0`, 'Invalid argument')
      await expectCall(t, 'a fixed cap is refused', sets, `powercap cap_set ${FIXED} 5000000`, 'Invalid argument')

      await t.step('disable the cap, set another, enable it')
      const enables = 'powercap.c:scmi_powercap_cap_enable_set'
      await expectCall(t, 'it is enabled', enables, `powercap cap_enable_get ${CPU}`, '1')
      await expectCall(t, 'a cap is set', sets, `powercap cap_set ${CPU} 6000000`, 'done')
      await expectCall(t, 'it is disabled', enables, `powercap cap_enable_set ${CPU} 0`, 'done')
      await expectCap(t, enables, CPU, UNCAPPED)
      await expectCall(t, 'the guest knows', enables, `powercap cap_enable_get ${CPU}`, '0')
      await expectCall(t, 'a cap is kept for later', enables, `powercap cap_set ${CPU} 7000000`, 'done')
      await expectCap(t, enables, CPU, UNCAPPED)
      await expectCall(t, 'it is enabled', enables, `powercap cap_enable_set ${CPU} 1`, 'done')
      await expectCap(t, enables, CPU, 7_000_000)
      await expectCall(t, 'once more is nothing', enables, `powercap cap_enable_set ${CPU} 1`, 'done')

      await t.step('averaging intervals')
      const averages = 'powercap.c:scmi_powercap_pai_set, scmi_powercap_pai_get'
      await expectCall(t, 'one is set', averages, `powercap pai_set ${CPU} 50000`, 'done')
      await t.expect('the platform has it', { because: averages, got: () => domain(t, CPU).paiUs, is: 50_000 })
      await expectCall(t, 'it is read', averages, `powercap pai_get ${CPU}`, '50000')
      for (const us of [9_999, 1_000_001, 0]) {
        await expectCall(t, `${us} us is refused`, averages, `powercap pai_set ${CPU} ${us}`, 'Invalid argument')
      }
      await expectCall(t, 'a fixed one is refused', averages, `powercap pai_set ${FIXED} 100000`, 'Invalid argument')
      const measures = 'powercap.c:scmi_powercap_measurements_get'
      await expectCall(t, 'the power is read', measures, `powercap measurements_get ${CPU}`, '2000000 50000')
      await expectCall(
        t,
        'that of another is unknown',
        measures,
        `powercap measurements_get ${FIXED}`,
        'Invalid argument',
      )
      const calls = [
        'info_get N',
        'cap_get N',
        'cap_set N 1000000',
        'cap_enable_set N 1',
        'cap_enable_get N',
        'pai_get N',
        'pai_set N 20000',
        'measurements_get N',
        'measurements_threshold_get N',
        'measurements_threshold_set N 1 2',
      ]
      await expectUnknown(t, 'powercap', NONE, calls, LOOKS_UP, /^(Invalid argument|No such file or directory)$/)
    },
  },
  thresholds: {
    summary: 'thresholds of measured power: events only once it leaves them, and new thresholds while a driver listens',
    platform: { powercaps: DOMAINS },
    async run(t) {
      const sets = 'powercap.c:scmi_powercap_measurements_threshold_set'
      const asks = 'powercap.c:scmi_powercap_notify sends the thresholds that were set last'
      await expectCall(t, 'there is none at first', sets, `powercap measurements_threshold_get ${CPU}`, '0 0')
      await expectCall(
        t,
        'none is nothing to listen for',
        asks,
        `powercap listen measurements_changed ${CPU}`,
        /^[A-Z]/,
      )
      const wrong = `powercap measurements_threshold_set ${CPU} 2 1`
      await expectCall(t, 'the lower above the upper is refused', sets, wrong, 'Invalid argument')
      const set = (low: number, high: number) =>
        expectCall(t, `${low} to ${high}`, sets, `powercap measurements_threshold_set ${CPU} ${low} ${high}`, 'done')
      await set(1_000_000, 3_000_000)
      await expectCall(t, 'they are read', sets, `powercap measurements_threshold_get ${CPU}`, '1000000 3000000')

      await t.step('listen')
      const heard = new Heard(t.server)
      const listener = await listen(t, `powercap measurements_changed ${CPU}`)
      const sent = (low: number, high: number, enable: 0 | 1) =>
        t.expect('the platform got the thresholds', {
          because: asks,
          got: () =>
            heard
              .commands('POWERCAP_MEASUREMENTS_NOTIFY')
              .map(({ domain_id, notify_enable, power_thresh_low, power_thresh_high }) =>
                [domain_id, Number(notify_enable), power_thresh_low, power_thresh_high].join(' '),
              ),
          is: [[CPU, enable, low, high].join(' ')],
        })
      await sent(1_000_000, 3_000_000, 1)
      const told = 'powercap.c:scmi_powercap_fill_custom_report'
      const draw = (power: number) => t.server.platform.model(powercaps).setPower(domain(t, CPU), power)
      draw(3_500_000)
      const line = (power: number) => `measurements_changed: agent 0 domain ${CPU} power ${power}`
      await expectHeard(t, 'a power above is told', told, listener, new RegExp(`^(${line(3_500_000)}\n?)+$`))

      await t.step('other thresholds')
      await set(1_000_000, 8_000_000)
      await sent(1_000_000, 8_000_000, 1)
      await set(1_000_000, 8_000_000)
      await t.expect('the same are not sent again', {
        because: sets,
        got: () => heard.commands('POWERCAP_MEASUREMENTS_NOTIFY').length,
        is: 0,
      })
      await t.call('heard', [listener.protocol, listener.number])
      draw(4_000_000)
      await expectSilence(t, 'a power within them is not told', told, listener)
      draw(8_500_000)
      await expectHeard(t, 'one above is', told, listener, new RegExp(`^(${line(8_500_000)}\n?)+$`))
      await unlisten(t, listener)
      await set(2_000_000, 8_000_000)
    },
  },
  events: {
    summary: 'caps that the platform changes: each listener is told, once, and none after it has ended',
    platform: { powercaps: DOMAINS },
    async run(t) {
      const model = t.server.platform.model(powercaps)
      const change = (cap: number): Change => ({
        act: () => model.setCap(domain(t, CPU), cap, 0),
        line: `cap_changed: agent 0 domain ${CPU} cap ${cap} pai ${domain(t, CPU).paiUs}`,
      })
      const because = 'powercap.c:scmi_powercap_fill_custom_report; notify.c:scmi_lookup_and_call_event_chain'
      const changes: [Change, Change, Change] = [change(2_000_000), change(3_000_000), change(4_000_000)]
      await expectEvents(t, { event: 'powercap cap_changed', source: CPU, other: BOARD, changes, because })
      const refuses = 'powercap.c:scmi_powercap_notify_supported'
      for (const event of ['cap_changed', 'measurements_changed']) {
        await expectCall(t, 'the kernel refuses', refuses, `powercap listen ${event} ${FIXED}`, /^[A-Z]/)
      }
    },
  },
})
