import { system } from '../../../src/platform/system/index.js'
import { SystemState } from '../../../src/platform/system/model.js'
import { expectHeard, expectSent, listen } from '../../runner/calls.js'
import type { Context } from '../../runner/context.js'
import { expectSaid } from '../../runner/readings.js'
import { family, type Scenario } from '../../runner/scenario.js'

const { SHUTDOWN, COLD_RESET, WARM_RESET, SUSPEND } = SystemState
const DRIVER = 'scmi_power_control.c:scmi_userspace_notifier'
const LIMIT_MS = 30_000

const model = (t: Context) => t.server.platform.model(system)

/** The guest's console has this text; by then its shell may be gone. */
async function expectConsole(t: Context, what: string, because: string, is: RegExp): Promise<void> {
  await t.expect(what, { because, got: () => t.guest.console, is, withinMs: LIMIT_MS })
}

async function expectOff(t: Context, because: string): Promise<void> {
  await expectConsole(t, 'the kernel powers off', because, /reboot: Power down/)
  await t.expect('the machine is off', {
    because,
    got: () => t.guest.vm.isRunning,
    is: false,
    withinMs: LIMIT_MS,
  })
}

const OFF = 'the guest is off by then'

/** A reset that the platform asks for. QEMU ends when the kernel restarts, as the lab makes it do. */
const reset = (kind: string, state: number): Omit<Scenario, 'platform'> => ({
  summary: `the platform asks for a ${kind} reset: the guest restarts in order`,
  allows: { noInstance: OFF },
  async run(t) {
    model(t).request(state, { graceful: true })
    const serves = new RegExp(`Serving shutdown/reboot request: ${state}`)
    await expectConsole(t, 'the driver says what it serves', DRIVER, serves)
    const because = 'scmi_power_control.c:scmi_request_graceful_transition calls orderly_reboot'
    await expectConsole(t, 'the kernel restarts', because, /reboot: Restarting system/)
  },
})

const scenarios: Record<string, Omit<Scenario, 'platform'> & { version?: string }> = {
  shutdown: {
    summary: 'the platform asks for a graceful shutdown: user space ends, and the machine is off before it is forced',
    allows: { noInstance: OFF },
    async run(t) {
      const forced: number[] = []
      model(t).on('forced', state => forced.push(state))
      model(t).request(SHUTDOWN, { graceful: true, timeoutMs: 60_000 })
      await expectConsole(t, 'the driver says what it serves', DRIVER, /Serving shutdown\/reboot request: 0/)
      await expectOff(t, 'scmi_power_control.c:scmi_request_graceful_transition calls orderly_poweroff')
      await t.expect('nothing was forced', { because: DRIVER, got: () => forced, is: [] })
    },
  },
  forced: {
    summary:
      'user space does not obey a graceful shutdown: after three quarters of the time the kernel powers off itself',
    allows: { noInstance: OFF },
    async run(t) {
      await t.call('disobey')
      model(t).request(SHUTDOWN, { graceful: true, timeoutMs: 4_000 })
      const because = 'scmi_power_control.c:scmi_forceful_work_func, after 3/4 of the timeout'
      await expectSaid(t, DRIVER, 'Serving shutdown/reboot request: 0')
      await t.idle(() => expectOff(t, because))
    },
  },
  'cold-reset': reset('cold', COLD_RESET),
  'warm-reset': reset('warm', WARM_RESET),
  suspend: {
    summary: 'the platform asks for a suspend: the guest suspends and resumes',
    machine: { append: ['suspend.pm_test_delay=0'] },
    kernel: { config: ['CONFIG_PM_DEBUG=y', 'CONFIG_SUSPEND=y'] },
    allows: { noInstance: 'SCMI does not survive a suspend: power/suspend has that finding' },
    async run(t) {
      await t.call('suspend_shortly')
      model(t).request(SUSPEND, { graceful: true })
      await expectSaid(t, DRIVER, 'Serving shutdown/reboot request: 4')
      await expectSaid(t, 'scmi_power_control.c:scmi_suspend_work_func calls pm_suspend', 'PM: suspend exit')
    },
  },
  ignored: {
    summary: 'forceful notifications and unknown states: the driver ignores them and says so; listeners are told',
    async run(t) {
      const before = await listen(t, 'system state')
      await t.step('a forceful notification')
      model(t).request(SHUTDOWN, { graceful: false })
      await expectSaid(t, DRIVER, 'Ignoring forceful notification')
      const tells = 'system.c:scmi_system_fill_custom_report'
      await expectHeard(t, 'the listener is told', tells, before, 'state: agent 0 flags 0x0 state 0 timeout 0')
      await t.step('a state that the driver does not know')
      const message = { protocol: 'system', message: 'SYSTEM_POWER_STATE_NOTIFIER' } as const
      t.server.faults.send({ ...message, words: [0, 1, 9, 0] })
      await expectSaid(t, DRIVER, 'Ignoring unsupported system_state: 0x9')
      await expectHeard(t, 'the listener is told of it', tells, before, 'state: agent 0 flags 0x1 state 9 timeout 0')
      await t.step('power up')
      t.server.faults.send({ ...message, words: [0, 1, 3, 0] })
      await expectSaid(t, DRIVER, 'Ignoring unsupported system_state: 0x3')
    },
  },
  unbound: {
    summary:
      'while the driver is unbound the platform is told to be silent, and requests are not served; after bind they are',
    allows: { noInstance: OFF },
    async run(t) {
      const device = await t.call('unbind_client', ['scmi-system-power'])
      const disables = 'notify.c: the last listener is gone with the driver, whose registration is managed'
      await expectSent(
        t,
        'the platform sends no notification',
        disables,
        () => model(t).request(COLD_RESET, { graceful: true }),
        0,
      )
      await t.step('bind the driver')
      await t.call('bind_client', ['scmi-system-power', device])
      model(t).request(SHUTDOWN, { graceful: true })
      await expectOff(t, DRIVER)
    },
  },
  'version-1': {
    summary: 'a system power protocol of version 1.0, whose notifications have no timeout: a shutdown is carried out',
    version: '1.0',
    allows: { noInstance: OFF },
    async run(t) {
      model(t).request(SHUTDOWN, { graceful: true })
      await expectConsole(t, 'the driver says what it serves', DRIVER, /Serving shutdown\/reboot request: 0/)
      await expectOff(t, 'system.c:scmi_system_fill_custom_report knows the shorter notification of version 1.0')
    },
  },
}

export default family(scenarios, ({ version, ...rest }, name) => ({
  ...rest,
  ...(name === 'shutdown' || name === 'ignored' ? {} : { onlyInAll: true as const }),
  platform: {
    vendor: 'acme',
    // Something that the lab's module for calls has a device of.
    resets: [{ name: 'uart' }],
    system: { warm_reset: true, suspend: true },
    ...(version ? { protocols: { system: { version } } } : {}),
  },
}))
