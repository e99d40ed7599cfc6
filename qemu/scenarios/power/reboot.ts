import { expectInstance } from '../../runner/expectations.js'
import { family } from '../../runner/scenario.js'

export default family(
  { 'in-order': 'in order', 'at-once': 'at once' } as const,
  (how, name) => ({
    summary: `the guest is restarted ${how}: the next kernel finds a device that was reset`,
    tags: name === 'in-order' ? ['ci'] : [],
    async run(t) {
      await expectInstance(t, 'there is an instance', 'driver.c:scmi_probe')
      await t.step(`restart the guest ${how}`)
      await t.reboot(how)
      await expectInstance(
        t,
        'the next kernel has its instance',
        'a reset of the machine resets its devices, and virtio.c:virtio_dev_probe resets them again (virtio 1.3 §3.1.1)',
      )
    },
  }),
  ['at-once'],
)
