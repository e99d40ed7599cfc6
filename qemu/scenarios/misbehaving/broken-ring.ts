import type { Context } from '../../runner/context.js'
import { rediscover } from '../../runner/discovery.js'
import { expectReadable, expectReading, READABLE, SHORT_TIMEOUT, TIMED_OUT } from '../../runner/readings.js'
import { family } from '../../runner/scenario.js'

interface Member {
  what: string
  mend: (t: Context) => Promise<void>
  because: string
  tags?: string[]
}

export default family<Member>(
  {
    rebound: {
      what: 'the drivers are bound again',
      mend: rediscover,
      because: 'virtio.c:scmi_vio_remove resets the device, and a probe sets up new rings',
      tags: ['ci'],
    },
    'machine-stopped': {
      what: 'QEMU stops and continues the machine',
      async mend(t) {
        await t.qmp.execute('stop')
        await t.qmp.execute('cont')
      },
      because: 'QEMU stops the rings and starts them again, unnoticed by the driver',
    },
  },
  ({ what, mend, because, tags = [] }) => ({
    summary: `the command queue stops in the middle of traffic, until ${what}: waiting commands time out, and SCMI works again`,
    tags,
    platform: READABLE,
    machine: { nodes: [SHORT_TIMEOUT] },
    allows: { platform: [{ pattern: /queue 0 was stopped on purpose/, because: 'the scenario had it stopped' }] },
    async run(t) {
      await expectReadable(t, 'the sensor can be read', 'nothing is wrong yet')
      await t.step('the command queue stops with a message in it')
      t.server.faults.add({ protocol: 'sensor', message: 'SENSOR_READING_GET', break: true, times: 1 })
      const waits = 'there is no reply: driver.c:scmi_wait_for_reply gives up after arm,max-rx-timeout-ms'
      await expectReading(t, 'the reader of the message gives up', waits, TIMED_OUT)
      await expectReading(t, 'the next reader does as well', waits, TIMED_OUT)
      await t.step(what)
      await mend(t)
      await expectReadable(t, 'the sensor can be read again', because)
    },
  }),
  ['rebound'],
)
