import { expectReading, READABLE, VALUE } from '../../runner/readings.js'
import { scenario } from '../../runner/scenario.js'

/** BASE_SET_DEVICE_PERMISSIONS for agent 2 and device 0. */
const permit = (allowed: 0 | 1) => ['0x10', '0x9', '2', '0', allowed]

export default scenario({
  onlyInAll: true,
  summary:
    'the trusted guest takes a sensor from another guest that uses it, and gives it back: errors in between, nothing else',
  tags: ['ci'],
  platform: {
    ...READABLE,
    agents: [{ name: 'host' }, { name: 'guest' }],
    devices: [{ name: 'gauge', resources: { sensors: ['battery'] } }],
  },
  machine: { cpus: 1 },
  guests: ['guest'],

  async run(t) {
    const guest = t.agent('guest')
    const works = 'each guest has its own instance of the same sensor'
    await expectReading(t, 'the trusted guest reads the sensor', works, VALUE)
    await expectReading(guest, 'the other guest reads it, too', works, VALUE)

    await t.step('the trusted guest takes the sensor away')
    await t.expect('it may', { because: 'it is trusted', got: () => t.call('raw', permit(0)), is: /^status 0 / })
    const denied = 'common.h:scmi_linux_errmap has -EACCES for DENIED, which hwmon returns'
    await expectReading(guest, 'the other guest gets an error', denied, 'Permission denied')
    await expectReading(t, 'the trusted guest still reads it', 'it took it from the other agent only', VALUE)

    await t.step('the trusted guest gives it back')
    await t.expect('it may', { because: 'it is trusted', got: () => t.call('raw', permit(1)), is: /^status 0 / })
    await expectReading(guest, 'the other guest reads it again', 'the driver has kept its device', VALUE)
  },
})
