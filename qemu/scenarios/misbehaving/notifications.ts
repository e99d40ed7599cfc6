import type { EventMessage } from '../../../src/faults/rules/rule.js'
import { expectReadable, expectSaid, READABLE } from '../../runner/readings.js'
import { family } from '../../runner/scenario.js'
import { handledNotifications } from '../../runner/storm.js'

const TRIP_POINT: EventMessage = { protocol: 'sensor', message: 'SENSOR_TRIP_POINT_EVENT', words: [0, 0, 0] }

interface Member {
  what: string
  /** What the platform sends at once; `isStarved`: while the queue has no buffers, which come later. */
  messages: EventMessage[]
  isStarved?: true
  because: string
  says?: string
  tags?: string[]
}

export default family<Member>(
  {
    unasked: {
      what: 'that nobody asked for',
      messages: [TRIP_POINT],
      because: 'notify.c:scmi_lookup_and_call_event_chain finds no listeners',
      tags: ['ci'],
    },
    unknown: {
      what: 'of an unknown protocol, and an unknown one of a known protocol',
      messages: [
        { protocol: 0x7f, message: 0x7f },
        { ...TRIP_POINT, message: 0x7f },
      ],
      because: 'notify.c:scmi_notify drops notifications that no protocol has registered',
    },
    long: {
      what: 'that is longer than any of its protocol',
      messages: [{ ...TRIP_POINT, words: Array.from({ length: 24 }, () => 0) }],
      because: "notify.c:scmi_notify compares the length with the protocol's longest notification",
      says: 'discard badly sized message',
    },
    short: {
      what: 'that is too short for its kind',
      messages: [{ ...TRIP_POINT, words: [0] }],
      because: 'sensors.c:scmi_sensor_fill_custom_report compares the length',
      says: 'report not available - proto:15',
    },
    response: {
      what: 'whose type is response, and one whose type is delayed response',
      messages: [
        { ...TRIP_POINT, type: 'response', message: 'SENSOR_READING_GET', token: 1023 },
        { ...TRIP_POINT, type: 'delayed', message: 0x6, token: 1023 },
      ],
      because: 'driver.c:scmi_xfer_command_acquire finds no such message in flight',
      says: 'type 2 is not expected',
    },
    storm: {
      what: 'two thousand times at once',
      messages: [{ ...TRIP_POINT, count: 2_000 }],
      because:
        'virtio.c:scmi_finalize_message returns each buffer at once, and notify.c:scmi_notify drops what exceeds its queue',
    },
    starved: {
      what: 'two hundred times while the event queue has no buffers',
      messages: [{ ...TRIP_POINT, count: 200 }],
      isStarved: true,
      because: 'virtio.c:scmi_vio_complete_cb handles and returns one buffer after another until there are none',
    },
  },
  ({ what, messages, isStarved, because, says, tags = [] }) => ({
    summary: `the platform sends a notification ${what}: commands are answered, and the driver takes all notifications`,
    tags,
    platform: READABLE,
    async run(t) {
      const { faults } = t.server
      await expectReadable(t, 'the sensor can be read', 'nothing is wrong yet')
      await t.step(`a notification ${what}`)
      const before = handledNotifications(t)
      const count = messages.reduce((sum, message) => sum + (message.count ?? 1), 0)
      if (isStarved) faults.holdEvents()
      for (const message of messages) faults.send(message)
      await expectReadable(t, 'commands are answered meanwhile', 'commands and notifications have separate rings')
      faults.releaseEvents()
      await t.expect('the driver takes them all', {
        because,
        got: () => handledNotifications(t) - before,
        is: count,
        withinMs: 15_000,
      })
      if (says) await expectSaid(t, because, says)
      await expectReadable(t, 'commands are answered afterwards', because)
    },
  }),
  ['unasked', 'short', 'storm'],
)
