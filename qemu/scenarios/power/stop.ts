import type { Context } from '../../runner/context.js'
import { expectInstance } from '../../runner/expectations.js'
import { family } from '../../runner/scenario.js'

const SENDERS = 4
const MESSAGES = 10

async function stopAndContinue(t: Context): Promise<void> {
  await t.step('stop and continue the machine')
  await t.qmp.execute('stop')
  await t.qmp.execute('cont')
}

export default family(
  {
    idle: {
      summary: 'while nothing is under way',
      play: stopAndContinue,
    },
    flood: {
      summary: 'while messages come as fast as they can be sent: each is answered',
      async play(t: Context) {
        const before = t.device.stats().messages
        await t.step('send messages')
        const done = t.call('messages', [SENDERS, MESSAGES])
        await t.expect('messages are under way', {
          because: 'each sender has the next message on its way as soon as it has an answer',
          got: () => t.device.stats().messages - before,
          is: sent => sent > SENDERS,
          withinMs: 5_000,
        })
        await stopAndContinue(t)
        await t.expect('every message is answered', {
          because: 'a guest does not notice that it was stopped: its messages are in the rings, which stay',
          got: () => done,
          is: `${SENDERS * MESSAGES}`,
        })
      },
    },
  },
  ({ summary, play }) => ({
    summary: `QEMU stops and continues the machine ${summary}: SCMI works on`,
    async run(t) {
      await expectInstance(t, 'there is an instance', 'driver.c:scmi_probe')
      await play(t)
      await expectInstance(t, 'the instance works afterwards', 'a guest does not notice that it was stopped')
    },
  }),
)
