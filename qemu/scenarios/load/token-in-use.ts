import { expectReadable, READABLE, VALUE } from '../../runner/readings.js'
import { scenario } from '../../runner/scenario.js'
import { ask, expectAnswered, firstHit } from '../../runner/tokens.js'

/** `arm,max-rx-timeout-ms` of the node. */
const TIMEOUT_MS = 10_000
const LIMIT_MS = 10_000

export default scenario({
  onlyInAll: true,
  summary:
    'a process sends a command with the token of a reading that is in flight: it is sent when the reading is over',
  platform: READABLE,
  machine: { nodes: [`arm,max-rx-timeout-ms = <${TIMEOUT_MS}>;`] },

  async run(t) {
    await expectReadable(t, 'the sensor can be read', 'nothing is wrong yet')
    const { faults } = t.server
    const reading = faults.add({ protocol: 'sensor', message: 'SENSOR_READING_GET', hold: true, times: 1 })
    // Its hits show whether the device got the command.
    const command = faults.add({ protocol: 'base', delay: '1 ms' })
    const first = firstHit(t)
    await t.call('start_reading')
    await t.expect('the device has the reading', {
      because: 'each read through hwmon sends a command',
      got: () => reading.held.length,
      is: 1,
      withinMs: LIMIT_MS,
    })
    await t.step('a command with the same token')
    await ask(t, first.token)
    await t.expect('it is not sent while the token is in use', {
      because: 'driver.c:scmi_xfer_inflight_register returns EBUSY: replies are told apart by their tokens',
      got: async () => [await t.call('is_waiting'), command.hits],
      is: ['yes', 0],
    })
    faults.release(reading.id)
    await t.expect('the reader gets its answer', {
      because: 'driver.c:scmi_xfer_command_acquire finds the command by its token',
      got: () => t.call('end_reading'),
      is: VALUE,
    })
    const because = 'raw_mode.c:scmi_xfer_raw_get_init tries ten times, a tenth of arm,max-rx-timeout-ms apart'
    await expectAnswered(t, 'the command is sent then, and gets its own answer', because)
    await expectReadable(t, 'the sensor can be read afterwards', 'nothing has gone wrong')
  },
})
