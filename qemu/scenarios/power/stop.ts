import type { Context } from '../../runner/context.js'
import { expectInstance } from '../../runner/expectations.js'
import { family } from '../../runner/scenario.js'
import { expectStorm, startStorm } from '../../runner/storm.js'

/** How long messages are sent. */
const STORM_MS = 500

async function stopAndContinue(t: Context): Promise<void> {
  await t.step('stop and continue the machine')
  await t.qmp.execute('stop')
  await t.qmp.execute('cont')
}

export default family(
  {
    idle: {
      summary: 'while nothing is in flight',
      play: stopAndContinue,
    },
    flood: {
      summary: 'while messages are sent as fast as possible: each is answered',
      async play(t: Context) {
        await startStorm(t, STORM_MS)
        await stopAndContinue(t)
        await expectStorm(t, 'a guest does not notice that it was stopped: its messages stay in the rings')
      },
    },
  },
  ({ summary, play }) => ({
    summary: `QEMU stops and continues the machine ${summary}: SCMI keeps working`,
    async run(t) {
      await expectInstance(t, 'there is an instance', 'driver.c:scmi_probe')
      await play(t)
      await expectInstance(t, 'the instance works afterwards', 'a guest does not notice that it was stopped')
    },
  }),
  ['flood'],
)
