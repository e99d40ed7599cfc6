import type { EventMessage, FaultRule } from '../../../src/faults/rules/rule.js'
import { expectReadable, READABLE_LATER, VALUE } from '../../runner/readings.js'
import { family } from '../../runner/scenario.js'
import { expectStorm, handledNotifications, SOON_TRIED_AGAIN, startStorm } from '../../runner/storm.js'

/** How long messages are sent. */
const STORM_MS = 1_500

/** The storm first sends so many commands to learn the right replies: fault rules skip them. */
const LEARNED = 7
const BASE: FaultRule = { protocol: 'base', skip: LEARNED }

const NOTIFICATION: EventMessage = { protocol: 'sensor', message: 'SENSOR_TRIP_POINT_EVENT', words: [0, 0, 0] }
/** Enough, at this rate per second, for as long as the storm lasts. */
const NOTIFICATIONS = 1_500
const RATE = 1_000

interface Member {
  what: string
  /** Faults during the storm: random, but the same in each run. */
  rules: FaultRule[]
  notifications?: true
  tags?: string[]
  because: string
}

const TOKENS = 'driver.c:scmi_xfer_command_acquire finds the command of a reply by its token, in any order'

export default family<Member>(
  {
    commands: {
      what: 'nothing goes wrong',
      rules: [],
      because: TOKENS,
      tags: ['ci'],
    },
    'with-notifications': {
      what: 'notifications come a thousand times a second',
      rules: [],
      notifications: true,
      because: `${TOKENS}; virtio.c:scmi_vio_complete_cb takes a lock for each ring`,
    },
    'late-answers': {
      what: 'one reply in five is late and out of order',
      rules: [{ ...BASE, delay: '5 ms', probability: 0.2, seed: 1 }],
      because: TOKENS,
    },
    'reverse-order': {
      what: 'the first replies to the four come in reverse order',
      // Twice as many as are in flight at once: an incomplete group of four would never be sent.
      rules: [{ ...BASE, reorder: 4, times: 8 }],
      because: TOKENS,
    },
    refusals: {
      what: 'one command in ten is refused',
      rules: [{ ...BASE, status: 'BUSY', probability: 0.1, seed: 2 }],
      because: 'msg.c:msg_fetch_response takes the status from the same reply as the content',
    },
    everything: {
      what: 'replies are late, come twice or refuse, delayed ones come first, and notifications come',
      rules: [
        { ...BASE, status: 'BUSY', probability: 0.1, seed: 3 },
        { ...BASE, delay: '3 ms', probability: 0.1, seed: 4 },
        { protocol: 'sensor', message: 'SENSOR_READING_GET', delay: '3 ms', probability: 0.5, seed: 5 },
        { protocol: 'sensor', message: 'SENSOR_READING_GET', on: 'delayed', duplicate: 1, probability: 0.3, seed: 6 },
      ],
      notifications: true,
      because: TOKENS,
    },
  },
  ({ what, rules, notifications, because, tags = [] }) => ({
    summary: `four processes send commands as fast as they can and one reads a sensor, while ${what}: each gets its own replies`,
    tags,
    platform: READABLE_LATER,
    machine: { nodes: [SOON_TRIED_AGAIN] },
    async run(t) {
      await expectReadable(t, 'the sensor can be read', 'nothing is wrong yet')
      const { faults } = t.server
      const all = rules.map(rule => faults.add(rule))
      const sent = handledNotifications(t)
      await t.step('the storm begins')
      await startStorm(t, STORM_MS)
      await t.call('start_readings')
      if (notifications) faults.send({ ...NOTIFICATION, count: NOTIFICATIONS, rate: RATE })
      const refusals = () =>
        all.filter(({ rule }) => rule.status !== undefined).reduce((sum, { hits }) => sum + hits, 0)
      await expectStorm(t, because, refusals)
      await t.expect('the sensor was read right each time', { because, got: () => t.call('end_readings'), is: VALUE })
      if (notifications) {
        await t.expect('notifications are reported as they came', {
          because: 'driver.c:scmi_handle_notification also gives each to the raw mode, which keeps the latest',
          got: () => t.call('take_notifications'),
          is: 'notification 0x00 of protocol 0x15',
        })
        await t.expect('the driver takes all notifications', {
          because: 'virtio.c:scmi_vio_complete_cb returns each buffer',
          got: () => handledNotifications(t) - sent >= NOTIFICATIONS,
          is: true,
          withinMs: 10_000,
        })
      }
      await expectReadable(t, 'the sensor can be read afterwards', because)
    },
  }),
  ['commands', 'with-notifications', 'reverse-order', 'everything'],
)
