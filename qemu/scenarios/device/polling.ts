import type { Context } from '../../runner/context.js'
import { expectReadable, expectSaid, READABLE, SHORT_TIMEOUT, VALUE } from '../../runner/readings.js'
import { family, type KernelNeeds } from '../../runner/scenario.js'
import { expectStorm, SOON_TRIED_AGAIN, startStorm } from '../../runner/storm.js'

/** The first release of the lab's that has raw/message_poll. */
const POLLS: KernelNeeds = { releases: '>=7.2' }
const ROUNDS = 20
/** How long messages are sent. */
const STORM_MS = 1_500

const SUCCESS = 'status 0 (SUCCESS)'
const NONE = 'scmi-raw: no answer: time is up'
const BECAUSE =
  'driver.c:scmi_wait_for_reply spins until virtio.c:virtio_poll_done or virtio.c:scmi_vio_complete_cb has found the ' +
  'message in the used ring'

const expectPolled = (t: Context, what: string, is: string, rounds: number, why = BECAUSE): Promise<string> =>
  t.expect(what, { because: why, got: () => t.call('poll_often', [rounds]), is })

interface Member {
  what: string
  nodes?: string[]
  tags?: string[]
  play: (t: Context) => Promise<void>
}

export default family<Member>(
  {
    alone: {
      what: 'the kernel finds replies',
      tags: ['ci'],
      play: async t => void (await expectPolled(t, 'each answer is found', SUCCESS, ROUNDS)),
    },
    'among-others': {
      what: 'four processes send commands by polling, while others wait for interrupts: all get their own replies',
      nodes: [SOON_TRIED_AGAIN],
      async play(t) {
        await startStorm(t, STORM_MS, 'message_poll')
        await t.call('start_readings')
        await expectStorm(t, BECAUSE)
        await t.expect('the sensor was read right each time', {
          because:
            "virtio.c:scmi_vio_deferred_tx_worker delivers other commands' replies that a poller took from the ring",
          got: () => t.call('end_readings'),
          is: VALUE,
        })
      },
    },
    unanswered: {
      what: 'without a reply the kernel stops polling, and a late reply breaks nothing',
      nodes: [SHORT_TIMEOUT],
      async play(t) {
        const { id } = t.server.faults.add({ protocol: 'base', hold: true })
        const why = 'driver.c:scmi_wait_for_reply polls for arm,max-rx-timeout-ms'
        await expectPolled(t, 'there is no answer', NONE, 1, why)
        await expectSaid(t, why, 'timed out in resp.* - polling')
        t.server.faults.remove(id)
        await expectPolled(t, 'answers are found again', SUCCESS, 1, 'virtio.c:virtio_mark_txdone drops late replies')
      },
    },
  },
  ({ what, nodes, tags = [], play }) => ({
    summary: `polling for replies: ${what}`,
    tags,
    platform: READABLE,
    ...(nodes ? { machine: { nodes } } : {}),
    kernel: POLLS,
    async run(t) {
      await expectReadable(t, 'the sensor can be read', 'driver.c:scmi_probe')
      await play(t)
      await expectReadable(t, 'the sensor can be read afterwards', BECAUSE)
    },
  }),
  ['alone'],
)
