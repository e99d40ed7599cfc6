import { expectReadable, READABLE, READABLE_LATER } from '../../runner/readings.js'
import { type DeviceNeeds, family } from '../../runner/scenario.js'
import { expectStorm, handledNotifications, startStorm } from '../../runner/storm.js'

/** Feature bits (virtio 1.3 §6, §5.17.3). */
const P2A_CHANNELS = 0
const INDIRECT_DESC = 28
const EVENT_IDX = 29

/** How long messages are sent. */
const STORM_MS = 500
/** Notifications sent meanwhile, and their rate per second. */
const NOTIFICATIONS = 200
const RATE = 500

interface Member {
  what: string
  needs: DeviceNeeds
  /** Feature bits that are not offered, so the driver must not accept them. */
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
      what: 'does not offer EVENT_IDX',
      needs: { device: { native: { withoutFeatures: [EVENT_IDX] } } },
      without: [EVENT_IDX],
    },
    'no-indirect': {
      what: 'does not offer INDIRECT_DESC',
      needs: { device: { native: { withoutFeatures: [INDIRECT_DESC] } } },
      without: [INDIRECT_DESC],
    },
    least: {
      what: 'offers no optional feature',
      needs: { device: { native: { events: false, withoutFeatures: [INDIRECT_DESC, EVENT_IDX] } } },
      without: [P2A_CHANNELS, INDIRECT_DESC, EVENT_IDX],
    },
    mmio: { what: 'is on virtio-mmio', needs: { bus: 'mmio' }, without: [], tags: ['ci'] },
  },
  ({ what, needs, without, tags = [] }) => {
    const hasEvents = !without.includes(P2A_CHANNELS)
    return {
      summary: `a device that ${what}: commands work, and so do notifications and delayed responses if it has an event queue`,
      tags,
      platform: hasEvents ? READABLE_LATER : READABLE,
      machine: { devices: [needs] },
      async run(t) {
        await expectReadable(
          t,
          'the sensor can be read',
          'virtio.c:scmi_vio_probe asks for a second queue only if there is one, and leaves rings to virtio_ring.c; ' +
            'without it driver.c:scmi_txrx_setup sets up one channel, and the kernel requests no delayed responses',
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
          because: 'virtio.c:scmi_vio_complete_cb returns each buffer',
          got: () => handledNotifications(t) - before,
          is: hasEvents ? NOTIFICATIONS : 0,
          withinMs: 10_000,
        })
        await expectReadable(t, 'the sensor can be read afterwards', 'nothing has gone wrong')
      },
    }
  },
  ['one-queue', 'mmio'],
)
