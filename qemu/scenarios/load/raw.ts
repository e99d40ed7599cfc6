import type { EventMessage, FaultRule } from '../../../src/faults/rule.js'
import { expectReadable, READABLE_LATER, VALUE } from '../../runner/readings.js'
import { family } from '../../runner/scenario.js'
import { expectStorm, handledNotifications, SOON_TRIED_AGAIN, startStorm } from '../../runner/storm.js'

/** How long messages are sent. */
const STORM_MS = 1_500

/** The answers by which the storm learns what is right, before anything goes wrong. */
const LEARNED = 7
const BASE: FaultRule = { protocol: 'base', skip: LEARNED }

const NOTIFICATION: EventMessage = { protocol: 'sensor', message: 'SENSOR_TRIP_POINT_EVENT', words: [0, 0, 0] }
/** About as many as the storm lasts, at so many a second. */
const NOTIFICATIONS = 1_500
const RATE = 1_000

interface Member {
  what: string
  /** What goes wrong meanwhile, now and then, but the same in each run. */
  rules: FaultRule[]
  notifications?: true
  tags?: string[]
  because: string
}

const TOKENS = 'driver.c:scmi_xfer_command_acquire finds whose answer it is by its token, in whatever order they come'

export default family<Member>(
  {
    commands: {
      what: 'all is well',
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
      what: 'one answer in five is late, and overtaken by others',
      rules: [{ ...BASE, delay: '5 ms', probability: 0.2, seed: 1 }],
      because: TOKENS,
    },
    'reverse-order': {
      what: 'the first answers to the four come in reverse order',
      // As many as are under way at once, twice: a collection that stays incomplete would never arrive.
      rules: [{ ...BASE, reorder: 4, times: 8 }],
      because: TOKENS,
    },
    refusals: {
      what: 'one command in ten is refused',
      rules: [{ ...BASE, status: 'BUSY', probability: 0.1, seed: 2 }],
      because: 'the status belongs to the message as its content does: msg.c:msg_fetch_response',
    },
    everything: {
      what: 'answers are late, come twice or refuse, delayed responses overtake and notifications come',
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
    summary: `four processes send commands as fast as they can and one reads a sensor, while ${what}: all get their own answers`,
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
          because: 'driver.c:scmi_handle_notification gives each to the raw mode as well, which keeps the latest',
          got: () => t.call('take_notifications'),
          is: 'notification 0x00 of protocol 0x15',
        })
        await t.expect('the driver takes all notifications', {
          because: 'virtio.c:scmi_vio_complete_cb gives each buffer back',
          got: () => handledNotifications(t) - sent >= NOTIFICATIONS,
          is: true,
          withinMs: 10_000,
        })
      }
      await expectReadable(t, 'the sensor can be read afterwards', because)
    },
  }),
)
