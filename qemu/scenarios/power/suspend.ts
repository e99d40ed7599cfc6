import { expectInstance } from '../../runner/expectations.js'
import { family } from '../../runner/scenario.js'

export default family(
  {
    pci: { how: 'suspend_devices', bus: 'pci', summary: 'the device, on PCI, is suspended and resumed' },
    mmio: { how: 'suspend_devices', bus: 'mmio', summary: 'the device, on virtio-mmio, is suspended and resumed' },
    s2idle: { how: 'sleep_till_alarm', bus: 'pci', summary: 'the guest sleeps until its clock wakes it' },
  } as const,
  ({ how, bus, summary }, name) => ({
    summary: `${summary}: SCMI keeps working`,
    tags: name === 'pci' ? ['ci'] : [],
    machine: { devices: [{ bus }], append: ['suspend.pm_test_delay=0'] },
    kernel: { config: ['CONFIG_PM_DEBUG=y', 'CONFIG_SUSPEND=y', 'CONFIG_RTC_DRV_PL031=y'] },
    async run(t) {
      await expectInstance(t, 'there is an instance', 'driver.c:scmi_probe')
      await t.step('suspend and resume')
      await t.idle(() => t.call(how))
      await expectInstance(
        t,
        'the instance works after resume',
        'virtio.c:virtio_device_restore resets the device, which loses its rings; the driver must set them up again in its ' +
          'restore callback',
      )
    },
  }),
  ['pci', 's2idle'],
)
