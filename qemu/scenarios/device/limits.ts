import type { Context } from '../../runner/context.js'
import { expectReadable, expectReading, expectSaid, READABLE, TIMED_OUT } from '../../runner/readings.js'
import { family, type KernelNeeds } from '../../runner/scenario.js'

/** Messages that fit QEMU's rings of 256 descriptors, at two descriptors each. */
const RING_MESSAGES = 128

/** Sends `sent` commands while replies are held: the kernel must take `taken` of them. */
async function expectTaken(t: Context, sent: number, taken: number, because: string): Promise<void> {
  const held = t.server.faults.add({ protocol: 'base', hold: true })
  await t.step(`${sent} messages at once`)
  await t.expect('as many messages are under way as there can be', {
    because,
    got: () => t.call('send_many', [sent], { timeoutMs: 60_000 }),
    is: `${taken}`,
  })
  t.server.faults.remove(held.id)
}

interface Member {
  summary: string
  node: string
  kernel?: KernelNeeds
  tags?: string[]
  play: (t: Context) => Promise<void>
}

/** Before Linux 6.15 or so, of these properties only the timeout exists. */
const PROPERTIES: KernelNeeds = { releases: '>=7.2' }

export default family<Member>(
  {
    ring: {
      summary: 'as many messages are in flight as the ring has room for, and one more is refused',
      node: '',
      play: t =>
        expectTaken(
          t,
          RING_MESSAGES + 4,
          RING_MESSAGES,
          'virtio.c:scmi_vio_probe counts two descriptors per message, and driver.c:scmi_xfer_get then has no transfer left',
        ),
    },
    'max-msg': {
      summary: 'arm,max-msg in the node limits the messages in flight',
      node: 'arm,max-msg = <4>;',
      kernel: PROPERTIES,
      play: t => expectTaken(t, 8, 4, 'arm,scmi.yaml: the number of outstanding messages that the server can handle'),
    },
    'max-msg-size': {
      summary: 'arm,max-msg-size in the node limits the length of messages',
      node: 'arm,max-msg-size = <64>;',
      kernel: PROPERTIES,
      async play(t) {
        const because = 'the raw file and raw_mode.c:scmi_xfer_raw_get_init have room for this length and no more'
        const send = (words: number) => () => t.call('send_long', [words])
        await t.expect('a message of 64 bytes is sent', { because, got: send(16), is: /^status / })
        await t.expect('one of 68 bytes is not', { because, got: send(17), is: 'No space left on device' })
      },
    },
    'max-rx-timeout-ms': {
      summary: 'arm,max-rx-timeout-ms in the node limits the time that the kernel waits for a reply',
      node: 'arm,max-rx-timeout-ms = <2000>;',
      async play(t) {
        await t.step('an answer that never comes')
        t.server.faults.add({ protocol: 'sensor', message: 'SENSOR_READING_GET', drop: true, times: 1 })
        const because = 'driver.c:scmi_transport_setup reads it, and driver.c:scmi_wait_for_reply waits for that long'
        await expectReading(t, 'the reader does not wait for a minute', because, TIMED_OUT)
        await expectSaid(t, because, 'timed out in resp')
      },
    },
  },
  ({ summary, node, kernel, tags = [], play }) => ({
    summary,
    tags,
    platform: READABLE,
    machine: { nodes: [node] },
    ...(kernel ? { kernel } : {}),
    // The scenario sends words that no command has through the raw mode: no fault of the kernel.
    allows: { platform: [{ pattern: /PROTOCOL_VERSION.*PROTOCOL_ERROR/, because: 'the scenario sent it' }] },
    async run(t) {
      await expectReadable(t, 'the sensor can be read', 'driver.c:scmi_probe')
      await play(t)
      await expectReadable(t, 'the sensor can be read afterwards', 'reaching a limit breaks nothing')
    },
  }),
  ['ring'],
)
