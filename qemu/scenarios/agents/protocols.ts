import { clocks } from '../../../src/platform/clocks/index.js'
import type { Context } from '../../runner/context.js'
import { expectUse } from '../../runner/firmware.js'
import { expectReading, READABLE, VALUE } from '../../runner/readings.js'
import { scenario } from '../../runner/scenario.js'

/** Agents 2 and 3; device 0. */
const LEFT = '2'
const DEVICE = '0'
/** BASE_SET_PROTOCOL_PERMISSIONS of the clocks of the device. */
const permit = (allowed: 0 | 1) => ['0x10', '0xa', LEFT, DEVICE, '0x14', allowed]
/** BASE_RESET_AGENT_CONFIGURATION, with its permissions. */
const RESET = ['0x10', '0xb', LEFT, 1]
const DENIED = 'Permission denied'
const SETS = 'clk-scmi.c:scmi_clk_set_rate'

const MHZ = 1_000_000

const expectRate = (t: Context, what: string, mhz: number, is: string = String(mhz * MHZ)): Promise<void> =>
  expectUse(t, what, SETS, ['clocks', 'uart', 'rate', mhz * MHZ], is)

export default scenario({
  summary:
    'of a device that two guests share, the trusted guest takes the clock from one of them, and resets that agent: the rest works on',
  onlyInAll: true,
  platform: {
    ...READABLE,
    clocks: [{ name: 'uart', rates: ['24 MHz', '48 MHz'] }],
    agents: [{ name: 'host' }, { name: 'left' }, { name: 'right' }],
    devices: [{ name: 'serial', resources: { clocks: ['uart'], sensors: ['battery'] } }],
  },
  machine: { cpus: 1 },
  guests: ['left', 'right'],

  async run(t) {
    const [left, right] = [t.agent('left'), t.agent('right')]
    await expectRate(left, 'the left guest sets the clock', 48)
    await expectRate(right, 'the right guest sets it, too', 48)
    await t.step('take the clock from the left guest')
    await t.expect('it may not do that itself', {
      because: 'SCMI v3.2 §4.2.2.12: only a trusted agent may',
      got: () => right.call('raw', permit(0)),
      is: /^status -3 /,
    })
    await t.expect('the trusted guest may', { because: 'it is', got: () => t.call('raw', permit(0)), is: /^status 0 / })
    const denied = 'common.h:scmi_linux_errmap has -EACCES for DENIED'
    await left.expect('its driver gets an error', {
      because: denied,
      got: () => left.call('outcome', ['write_to', '/sys/kernel/debug/scmi-lab/clocks/uart/on', 1]),
      is: DENIED,
    })
    await expectReading(left, 'it reads the sensor of the device as before', denied, VALUE)
    for (const mhz of [24, 48]) await expectRate(right, 'the right guest sets the clock', mhz)
    await t.step('reset what was set for the left guest')
    await t.expect('the trusted guest may', { because: 'it is', got: () => t.call('raw', RESET), is: /^status 0 / })
    await expectRate(left, 'the left guest sets the clock', 24)
    await t.expect('the platform has it', {
      because: SETS,
      got: () => t.server.platform.model(clocks).named('uart').rateHz,
      is: 24 * MHZ,
    })
  },
})
