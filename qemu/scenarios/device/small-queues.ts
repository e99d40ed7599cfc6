import { expectReadable, READABLE_LATER, VALUE } from '../../runner/readings.js'
import { family } from '../../runner/scenario.js'
import { handledNotifications } from '../../runner/storm.js'

/** Notifications sent meanwhile, and their rate per second. */
const NOTIFICATIONS = 100
const RATE = 500
/** Readings of each process. */
const READINGS = 25

const BECAUSE =
  'virtio.c:scmi_vio_probe makes as many messages as fit a ring, with two descriptors for a command, and ' +
  'virtio_send_message takes a free one; ring indexes wrap at any power of two (virtio 1.3 §2.7)'

export default family(
  {
    two: { commands: 2, events: 1, readers: 1, tags: ['ci'] },
    eight: { commands: 8, events: 2, readers: 4, tags: [] },
  },
  ({ commands, events, readers, tags }) => ({
    summary: `rings of ${commands} descriptors for commands and ${events} for events: commands, notifications and delayed responses work`,
    tags,
    platform: READABLE_LATER,
    machine: { devices: [{ isPlugged: false }] },
    async run(t) {
      await t.step('plug in a device whose queues are made small before it has a driver')
      await t.call('no_autoprobe')
      await t.plug()
      await t.expect('the device is there', {
        because: 'virtio_pci binds the PCI function and adds a virtio device',
        got: () => t.call('scmi_devices'),
        is: /^virtio\d+$/,
        withinMs: 20_000,
      })
      await t.call('bind_small', [commands, events])
      await expectReadable(t, 'the sensor can be read', BECAUSE)
      await t.step('many messages')
      const before = handledNotifications(t)
      t.server.faults.send({
        protocol: 'sensor',
        message: 'SENSOR_TRIP_POINT_EVENT',
        words: [0, 0, 0],
        count: NOTIFICATIONS,
        rate: RATE,
      })
      const got = () => t.call('readings', [readers, READINGS])
      await t.expect('each reading is right', { because: BECAUSE, got, is: VALUE })
      await t.expect('notifications go on to come, or are given up while the driver has no buffer free', {
        because: 'virtio.c:scmi_vio_complete_cb returns each buffer',
        got: () => handledNotifications(t) - before >= NOTIFICATIONS,
        is: true,
        withinMs: 10_000,
      })
      await expectReadable(t, 'the sensor can be read afterwards', BECAUSE)
    },
  }),
  ['two'],
)
