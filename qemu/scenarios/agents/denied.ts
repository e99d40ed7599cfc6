import { expectClients, expectIdentity, rediscover } from '../../runner/discovery.js'
import { READABLE } from '../../runner/readings.js'
import { scenario } from '../../runner/scenario.js'

/** CLOCK_RATE_GET of the guest's only clock. */
const RATE_GET = ['0x14', '0x6', '0']
const DENIED = /^status -3 /
/** 24 MHz. */
const RATE = 'status 0 (SUCCESS) 0x016e3600 0x00000000'
/** BASE_SET_DEVICE_PERMISSIONS for agent 2 and device 0. */
const permit = (allowed: 0 | 1) => ['0x10', '0x9', '2', '0', allowed]

export default scenario({
  summary:
    'a guest to which everything is denied boots and finds no protocol, until the trusted guest grants a device to it',
  tags: ['ci'],
  platform: {
    ...READABLE,
    clocks: [
      { name: 'cpu', rate: '1 GHz' },
      { name: 'uart', rates: ['24 MHz', '48 MHz'] },
    ],
    agents: [{ name: 'host' }, { name: 'guest', permissions: 'denied', resources: { clocks: ['uart'] } }],
    devices: [{ name: 'serial', resources: { clocks: ['uart'] } }],
  },
  machine: { cpus: 1 },
  guests: ['guest'],

  async run(t) {
    const guest = t.agent('guest')
    await expectIdentity(guest, 'the guest knows its platform', 'nobody can deny Base', '2.1 acme/battery 0x7')
    await expectClients(
      guest,
      'the guest has no clients',
      'BASE_DISCOVER_LIST_PROTOCOLS leaves out the protocols that are denied, and driver.c:scmi_probe goes by it',
      '',
    )
    await t.expect('its messages are refused', {
      because: 'SCMI v3.2 §4.2.2.11: what an agent may not use is DENIED',
      got: () => guest.call('raw', RATE_GET),
      is: DENIED,
    })

    await t.step('the trusted guest grants the device')
    await t.expect('the guest may not grant it to itself', {
      because: 'SCMI v3.2 §4.2.2.11: only a trusted agent may',
      got: () => guest.call('raw', permit(1)),
      is: DENIED,
    })
    await t.expect('the trusted guest may', { because: 'it is', got: () => t.call('raw', permit(1)), is: /^status 0 / })
    await t.expect('the clock is there at once', {
      because: 'permissions apply from the next message on',
      got: () => guest.call('raw', RATE_GET),
      is: RATE,
    })
    await expectClients(guest, 'the kernel has not looked again', 'driver.c:scmi_probe reads the list once', '')

    await t.step('the guest probes again')
    await rediscover(guest)
    await expectClients(
      guest,
      'it has the driver of its clock, and of nothing else',
      'Clock is on the list now, and Sensor is still denied',
      'scmi-clocks',
    )

    await t.step('the trusted guest takes the device away')
    await t.expect('it may', { because: 'it is trusted', got: () => t.call('raw', permit(0)), is: /^status 0 / })
    await t.expect('the clock is refused again', {
      because: 'permissions apply from the next message on',
      got: () => guest.call('raw', RATE_GET),
      is: DENIED,
    })
  },
})
