import type { Context } from '../../runner/context.js'
import { expectReadable, expectSaid, readable, shortTimeout } from '../../runner/readings.js'
import { family, type KernelNeeds } from '../../runner/scenario.js'

/** raw/message_poll is there since then. */
const polls: KernelNeeds = { releases: '>=7.2' }
const ROUNDS = 20

const SUCCESS = 'status 0 (SUCCESS)'
const NONE = 'scmi-raw: no answer: time is up'
const because =
  'driver.c:scmi_wait_for_reply spins until virtio.c:virtio_poll_done has found the message in the used ring, or ' +
  'virtio.c:scmi_vio_complete_cb has'

const expectPolled = (t: Context, what: string, is: string, rounds: number, why = because): Promise<string> =>
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
      what: 'answers are found',
      tags: ['ci'],
      play: async t => void (await expectPolled(t, 'each answer is found', SUCCESS, ROUNDS)),
    },
    unanswered: {
      what: 'nobody answers: the kernel stops to poll, and works on when the answer comes',
      nodes: [shortTimeout],
      async play(t) {
        const { id } = t.server.faults.add({ protocol: 'base', hold: true })
        const why = 'driver.c:scmi_wait_for_reply polls no longer than arm,max-rx-timeout-ms'
        await expectPolled(t, 'there is no answer', NONE, 1, why)
        await expectSaid(t, why, 'timed out in resp.* - polling')
        t.server.faults.remove(id)
        await expectPolled(
          t,
          'answers are found again',
          SUCCESS,
          1,
          'virtio.c:virtio_mark_txdone: late ones are dropped',
        )
      },
    },
  },
  ({ what, nodes, tags = [], play }) => ({
    summary: `polling for answers: ${what}`,
    tags,
    platform: readable,
    ...(nodes ? { machine: { nodes } } : {}),
    kernel: polls,
    async run(t) {
      await expectReadable(t, 'the sensor can be read', 'driver.c:scmi_probe')
      await play(t)
      await expectReadable(t, 'the sensor can be read afterwards', because)
    },
  }),
)
