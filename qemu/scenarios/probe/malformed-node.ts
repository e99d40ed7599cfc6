import { expectInstance } from '../../runner/expectations.js'
import { expectReadable, expectSaid, READABLE } from '../../runner/readings.js'
import { scenario } from '../../runner/scenario.js'

const PROPERTIES = ['arm,max-rx-timeout-ms', 'arm,max-msg-size', 'arm,max-msg']

export default scenario({
  onlyInAll: true,
  summary: "the node's limits of the transport have no value: the kernel says so for each, and uses its own",
  platform: READABLE,
  machine: { nodes: [PROPERTIES.map(name => `${name};`).join(' ')] },
  // Before Linux 6.15 or so the transport reads only the timeout.
  kernel: { releases: '>=7.2' },
  async run(t) {
    const because = 'driver.c:scmi_transport_setup keeps the limits of virtio.c:scmi_virtio_desc'
    await expectInstance(t, 'there is an instance', because)
    for (const name of PROPERTIES) await expectSaid(t, because, `Malformed ${name} DT property`)
    await expectSaid(t, because, 'SCMI max-rx-timeout: 60000ms / max-msg-size: 128bytes')
    await expectReadable(t, 'the sensor can be read', because)
  },
})
