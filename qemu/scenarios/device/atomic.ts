import type { Context } from '../../runner/context.js'
import { expectSaid, SHORT_TIMEOUT } from '../../runner/readings.js'
import { family } from '../../runner/scenario.js'

const CLOCK = 'uart'
/** The clock's delay is below the node's threshold, so Linux may enable it in atomic context. */
const SLOW_CLOCK = { name: CLOCK, rate: '24 MHz', enable_delay: '10 us' }
const THRESHOLD = 'atomic-threshold-us = <100>;'

const BECAUSE =
  'virtio.c:scmi_virtio_desc has atomic_enabled, so that clk-scmi.c:scmi_clk_atomic_enable requests polling: ' +
  'driver.c:scmi_wait_for_reply does not sleep'

async function expectSwitched(t: Context, what: string, on: number, says = 'done'): Promise<void> {
  await t.expect(what, { because: BECAUSE, got: () => t.call('switch_clock', [CLOCK, on]), is: says })
}

interface Member {
  what: string
  play: (t: Context) => Promise<void>
}

export default family<Member>(
  {
    answered: {
      what: 'the kernel finds the reply by polling',
      async play(t) {
        const before = Number(await t.call('polled'))
        await t.step('switch the clock on and off')
        await expectSwitched(t, 'it is switched on', 1)
        await expectSwitched(t, 'it is switched off', 0)
        await t.expect('both commands were polled for', {
          because: BECAUSE,
          got: async () => Number(await t.call('polled')) - before,
          is: polled => polled >= 2,
        })
      },
    },
    unanswered: {
      what: 'without a reply the kernel stops polling, and the next command works',
      async play(t) {
        t.server.faults.add({ protocol: 'clock', message: 'CLOCK_CONFIG_SET', drop: true, times: 1 })
        await t.step('switch the clock on, without an answer')
        await expectSwitched(t, 'it cannot be switched on', 1, 'Connection timed out')
        await expectSaid(t, BECAUSE, 'timed out in resp.* - polling')
        await t.step('switch the clock on again')
        await expectSwitched(t, 'it is switched on', 1)
      },
    },
  },
  ({ what, play }) => ({
    summary: `atomic mode: a driver enables a clock where it must not sleep: ${what}`,
    platform: { vendor: 'acme', clocks: [SLOW_CLOCK] },
    machine: { nodes: [`${THRESHOLD} ${SHORT_TIMEOUT}`] },
    kernel: { config: ['CONFIG_ARM_SCMI_TRANSPORT_VIRTIO_ATOMIC_ENABLE=y', 'CONFIG_ARM_SCMI_DEBUG_COUNTERS=y'] },
    async run(t) {
      await t.call('load_consumer')
      await play(t)
    },
  }),
)
