import type { Context } from '../../runner/context.js'
import { expectReadable, READABLE, VALUE } from '../../runner/readings.js'
import { family } from '../../runner/scenario.js'
import { expectStorm, startStorm } from '../../runner/storm.js'

/** How long messages are sent while back ends come and go. */
const STORM_MS = 2_000
const LIMIT_MS = 10_000

const BECAUSE =
  'QEMU keeps the rings while there is no back end, and the next back end answers what was in flight (vhost-user, ' +
  'in-flight I/O tracking): to the driver these are late replies'

/** Kills the back end and starts another in its place. */
async function replace(t: Context): Promise<void> {
  await t.step('the back end is killed, and another takes its place')
  t.guest.stopDevice()
  await t.guest.startDevice()
}

interface Member {
  what: string
  tags?: string[]
  play: (t: Context) => Promise<void>
}

export default family<Member>(
  {
    'with-a-message': {
      what: 'while a message is in flight',
      tags: ['ci'],
      async play(t) {
        const { id } = t.server.faults.add({ protocol: 'sensor', message: 'SENSOR_READING_GET', hold: true })
        await t.call('start_reading')
        await t.expect('the device has the message', {
          because: 'each read through hwmon sends a command',
          got: () => t.server.faults.list().find(fault => fault.id === id)!.held,
          is: 1,
          withinMs: LIMIT_MS,
        })
        await replace(t)
        await t.expect('the reader gets its answer', { because: BECAUSE, got: () => t.call('end_reading'), is: VALUE })
      },
    },
    'mid-traffic': {
      what: 'twice, in the middle of traffic',
      async play(t) {
        await startStorm(t, STORM_MS)
        await replace(t)
        await replace(t)
        await expectStorm(t, BECAUSE)
      },
    },
  },
  ({ what, tags = [], play }) => ({
    summary: `the back end is killed ${what}, and another takes its place: every message is answered`,
    tags,
    platform: READABLE,
    machine: { devices: [{ dials: 'device' }] },
    async run(t) {
      await expectReadable(t, 'the sensor can be read', 'nothing is wrong yet')
      await play(t)
      await expectReadable(t, 'the sensor can be read again', BECAUSE)
    },
  }),
  ['mid-traffic'],
)
