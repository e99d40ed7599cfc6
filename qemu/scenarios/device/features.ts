import { expectReadable, READABLE, READABLE_LATER } from '../../runner/readings.js'
import { type DeviceNeeds, family } from '../../runner/scenario.js'
import { expectStorm, handledNotifications, startStorm } from '../../runner/storm.js'

/** Bits of the features that a device offers (virtio 1.3 §6, §5.17.3). */
const P2A_CHANNELS = 0
const INDIRECT_DESC = 28
const EVENT_IDX = 29

/** How long messages are sent. */
const STORM_MS = 500
/** Notifications that come meanwhile, and how many a second. */
const NOTIFICATIONS = 200
const RATE = 500

interface Member {
  what: string
  needs: DeviceNeeds
  /** Bits that the driver must not take, as they are not offered. */
  without: number[]
  tags?: string[]
}

export default family<Member>(
  {
    'one-queue': {
      what: 'has no event queue',
      needs: { device: { native: { events: false } } },
      without: [P2A_CHANNELS],
      tags: ['ci'],
    },
    'no-event-idx': {
      what: 'knows no event indexes',
      needs: { device: { native: { withoutFeatures: [EVENT_IDX] } } },
      without: [EVENT_IDX],
    },
    'no-indirect': {
      what: 'knows no indirect descriptors',
      needs: { device: { native: { withoutFeatures: [INDIRECT_DESC] } } },
      without: [INDIRECT_DESC],
    },
    least: {
      what: 'has nothing that it can do without',
      needs: { device: { native: { events: false, withoutFeatures: [INDIRECT_DESC, EVENT_IDX] } } },
      without: [P2A_CHANNELS, INDIRECT_DESC, EVENT_IDX],
    },
    mmio: { what: 'is on virtio-mmio', needs: { bus: 'mmio' }, without: [], tags: ['ci'] },
  },
  ({ what, needs, without, tags = [] }) => {
    const hasEvents = !without.includes(P2A_CHANNELS)
    return {
      summary: `a device that ${what}: commands and, where it has an event queue, notifications and delayed responses work`,
      tags,
      platform: hasEvents ? READABLE_LATER : READABLE,
      machine: { devices: [needs] },
      async run(t) {
        await expectReadable(
          t,
          'the sensor can be read',
          'virtio.c:scmi_vio_probe asks for a second queue only if there is one, and leaves rings to virtio_ring.c; ' +
            'without it driver.c:scmi_txrx_setup does without, and delayed responses are not asked for',
        )
        await t.expect('the driver takes only what is offered', {
          because: 'virtio 1.3 §2.2.1: the driver must not accept a feature that the device did not offer',
          got: () => without.filter(bit => (t.device.native.features() >>> bit) & 1),
          is: [],
        })
        await t.step('many messages')
        await startStorm(t, STORM_MS)
        const before = handledNotifications(t)
        if (hasEvents) {
          const message = { protocol: 'sensor', message: 'SENSOR_TRIP_POINT_EVENT', words: [0, 0, 0] }
          t.server.faults.send({ ...message, count: NOTIFICATIONS, rate: RATE })
        }
        await expectStorm(t, 'virtio.c:virtio_send_message and scmi_vio_complete_cb work on any split ring')
        await t.expect('the driver takes all notifications', {
          because: 'virtio.c:scmi_vio_complete_cb gives each buffer back',
          got: () => handledNotifications(t) - before,
          is: hasEvents ? NOTIFICATIONS : 0,
          withinMs: 10_000,
        })
        await expectReadable(t, 'the sensor can be read afterwards', 'nothing has gone wrong')
      },
    }
  },
)
