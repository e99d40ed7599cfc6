import { batteryBacked, cpus, lms, misc } from '../../../src/plugins/imx/kinds.js'
import { type Change, expectCall, expectHeard, expectSilence, listen } from '../../runner/calls.js'
import type { Context } from '../../runner/context.js'
import { family, type Scenario } from '../../runner/scenario.js'

/** An i.MX with little but NXP's protocols: its clocks and pins would take the guest's time. */
const SMALL = {
  vendor: 'NXP',
  sub_vendor: 'IMX',
  plugins: ['imx'],
  imx_lms: [
    { name: 'SM', permissions: { manage: false } },
    { name: 'M7', state: 'off', latency: '20 ms' },
    { name: 'AP', default: true },
  ],
  imx_bbm: {
    rtcs: [
      { name: 'bbnsm', time: 1_000_000 },
      { name: 'other', time: 5 },
    ],
    registers: 8,
  },
  imx_cpus: [{ name: 'm33p', run_mode: 'start', permissions: { control: false } }, { name: 'm7p' }],
  imx_misc: {
    device_controls: [
      { name: 'pdm_clk_sel' },
      { name: 'wide', value: [1, 2, 3] },
      { name: 'fixed', permissions: { set: false } },
    ],
    board_controls: [{ name: 'sd3_wake' }],
    reasons: ['cm33_lockup', 'por'],
    boot_reason: { reason: 1, origin: 2 },
    shutdown_reason: { reason: 0, error: 3 },
    log: Array.from({ length: 100 }, (_, i) => i * 3),
  },
}
const M7 = 1
const RTC = 'rtc-imx-sm-bbm.c'
const KEY = 'imx-sm-bbm-key.c'

const bbm = (t: Context) => t.server.platform.model(batteryBacked)

const scenarios: Record<string, Omit<Scenario, 'platform'> & { platform?: Scenario['platform'] }> = {
  imx95: {
    summary: "an i.MX95: every driver of NXP's protocols is bound, and each works",
    platform: 'imx95',
    kernel: { releases: '>=6.17' },
    async run(t) {
      const wanted = ['bbm-key', 'bbm-rtc', 'cpu', 'lmm', 'misc-ctrl'].map(name => `scmi-imx-${name}`)
      await t.expect('the drivers are bound', {
        because: 'driver.c:scmi_protocol_get finds the protocol by vendor and sub-vendor',
        got: async () => (await t.call('clients')).split('\n').filter(name => name.startsWith('scmi-imx')),
        is: got => wanted.every(name => got.includes(name)),
        withinMs: 10_000,
      })
      await expectCall(
        t,
        'a machine is described',
        'imx-sm-lmm.c:scmi_imx_lmm_attributes',
        'lmm info 1',
        /^M7 id 1 state 0 /,
      )
      await expectCall(t, 'a CPU is started', 'imx-sm-cpu.c:scmi_imx_cpu_start', 'cpu start 1 1', 'done')
      await t.expect('the platform runs it', {
        because: 'imx-sm-cpu.c:scmi_imx_cpu_start',
        got: () => t.server.platform.model(cpus).named('m7p').runMode,
        is: 'start',
      })
      await expectCall(t, 'a control is set', 'imx-sm-misc.c:scmi_imx_misc_ctrl_set', 'misc ctrl_set 0 7', 'done')
      await t.expect('the platform has it', {
        because: 'imx-sm-misc.c:scmi_imx_misc_ctrl_set',
        got: () => [...t.server.platform.model(misc).named('pdm_clk_sel').values],
        is: [7],
      })
    },
  },
  rtc: {
    summary: 'the real-time clock: its time is read and set, its alarm comes, and the other clock is as before',
    tags: ['ci'],
    async run(t) {
      const seconds = () => Math.floor(bbm(t).named('bbnsm').seconds)
      await t.expect('its time is read', {
        because: `${RTC}:scmi_imx_bbm_read_time`,
        got: async () => Number(await t.call('rtc_time')) - seconds(),
        is: difference => Math.abs(difference) <= 1,
      })
      await t.step('set the time')
      await t.call('set_rtc', [2_000_000])
      await t.expect('the platform has it', {
        because: `${RTC}:scmi_imx_bbm_set_time`,
        got: () => seconds(),
        is: now => now >= 2_000_000 && now < 2_000_060,
      })
      await t.expect('the other clock has its own', {
        because: `${RTC} uses clock 0`,
        got: () => bbm(t).named('other').seconds,
        is: now => now < 1_000,
      })
      await t.step('set an alarm')
      const listener = await listen(t, 'bbm rtc')
      await t.call('set_alarm', [1])
      const alarms = `${RTC}:scmi_imx_bbm_set_alarm; imx-sm-bbm.c:scmi_imx_bbm_fill_custom_report`
      await t.idle(() =>
        expectHeard(t, 'it comes', alarms, listener, /^rtc: is_rtc 1 is_button 0 rtc 0 event 0x[0-9a-f]+$/),
      )
      await t.step('set the time and an alarm of the other clock, by the operations')
      await expectCall(t, 'it is set', 'imx-sm-bbm.c:scmi_imx_bbm_rtc_time_set', 'bbm rtc_time_set 1 300', 'done')
      await t.expect('the platform has it', {
        because: 'imx-sm-bbm.c:scmi_imx_bbm_rtc_time_set',
        got: () => Math.floor(bbm(t).named('other').seconds / 60),
        is: 5,
      })
      await expectCall(
        t,
        'a clock that there is not',
        'imx-sm-bbm.c:scmi_imx_bbm_validate_rtc_id',
        'bbm rtc_time_get 2',
        /^[A-Z]/,
      )
    },
  },
  key: {
    summary:
      'the power button: a press and a release are a key pressed and released, and listeners are told of the press',
    async run(t) {
      await t.call('start_keys')
      const listener = await listen(t, 'bbm button')
      await t.step('press the button')
      bbm(t).press()
      await expectHeard(t, 'a listener is told', 'imx-sm-bbm.c', listener, /^button: is_rtc 0 is_button 1 /)
      const keys = `${KEY}:scmi_imx_bbm_pwrkey_check_for_events`
      await t.expect('KEY_POWER is pressed', {
        because: keys,
        got: () => t.call('keys'),
        is: '1 116 1',
        withinMs: 10_000,
      })
      await expectCall(
        t,
        'the button is read as pressed',
        'imx-sm-bbm.c:scmi_imx_bbm_button_get',
        'bbm button_get',
        '0x1',
      )
      await t.step('release it')
      bbm(t).release()
      await t.expect('KEY_POWER is released', {
        because: keys,
        got: () => t.call('keys'),
        is: '1 116 1\n1 116 0',
        withinMs: 10_000,
      })
      await expectCall(
        t,
        'the button is read as released',
        'imx-sm-bbm.c:scmi_imx_bbm_button_get',
        'bbm button_get',
        '0x0',
      )
    },
  },
  misc: {
    summary: 'controls: their words are read and set, what happens to them is told; the reasons of resets',
    kernel: { releases: '>=6.17' },
    async run(t) {
      const model = t.server.platform.model(misc)
      const gets = 'imx-sm-misc.c:scmi_imx_misc_ctrl_get'
      const sets = 'imx-sm-misc.c:scmi_imx_misc_ctrl_set'
      await expectCall(t, 'a control of three words', gets, 'misc ctrl_get 1', '0x1\n0x2\n0x3')
      await expectCall(t, 'it is set', sets, 'misc ctrl_set 1 7 8 9', 'done')
      await t.expect('the platform has it', {
        because: sets,
        got: () => [...model.named('wide').values],
        is: [7, 8, 9],
      })
      await expectCall(t, 'a control of the board is set', sets, 'misc ctrl_set 0x8000 5', 'done')
      await t.expect('the platform has that', {
        because: sets,
        got: () => [...model.named('sd3_wake').values],
        is: [5],
      })
      await expectCall(t, 'a control that is not for agents', sets, 'misc ctrl_set 2 5', 'Permission denied')
      await expectCall(t, 'a control that there is not', gets, 'misc ctrl_get 9', /^[A-Z]/)
      await t.step('something happens to a control')
      const control = await listen(t, 'misc control 0')
      await expectCall(
        t,
        'flags are asked for',
        'imx-sm-misc.c:scmi_imx_misc_ctrl_req_notify',
        'misc ctrl_req_notify 0 0 6',
        'done',
      )
      model.happen(model.named('pdm_clk_sel'), 4)
      await expectHeard(
        t,
        'a listener is told',
        'imx-sm-misc.c:scmi_imx_misc_ctrl_fill_custom_report',
        control,
        'control: control 0 flags 0x4',
      )
      await t.step('reasons of resets')
      await expectCall(
        t,
        'the reasons are those of the platform',
        'imx-sm-misc.c:scmi_imx_misc_reset_reason',
        'misc reset_reason 1',
        /^boot valid 1 1 0 reason 1 origin 2 error \d+\nshutdown valid 1 0 1 reason 0 origin \d+ error 3\n/,
      )
    },
  },
  log: {
    summary: "the System Manager's log, which comes in several replies, is read whole",
    onlyInAll: true,
    kernel: { releases: '>=6.17' },
    async run(t) {
      const log = SMALL.imx_misc.log.map(word => `0x${word.toString(16)}`).join('\n')
      await expectCall(t, 'the log is whole', 'imx-sm-misc.c:scmi_imx_misc_syslog_get', 'misc syslog', log)
    },
  },
  machines: {
    summary:
      'logical machines and CPUs: they are described, started, stopped, given their vectors; who may not is refused',
    kernel: { releases: '>=6.17' },
    async run(t) {
      const machines = t.server.platform.model(lms)
      const cpu = t.server.platform.model(cpus)
      const boots = 'imx-sm-lmm.c:scmi_imx_lmm_power_boot'
      const info = 'imx-sm-lmm.c:scmi_imx_lmm_attributes'
      await expectCall(t, 'a machine is described', info, `lmm info ${M7}`, `M7 id ${M7} state 0 error 0`)
      await expectCall(t, "the agent's own is described", info, 'lmm info 0xffffffff', /^AP id 2 state 1 /)
      await expectCall(t, 'it is started', boots, `lmm power_boot ${M7} 1`, 'done')
      await t.expect('the platform runs it', {
        because: boots,
        got: () => machines.named('M7').state,
        is: 'on',
        withinMs: 5_000,
      })
      await expectCall(t, 'it is described as running', info, `lmm info ${M7}`, `M7 id ${M7} state 1 error 0`)
      await expectCall(t, 'it is shut down', 'imx-sm-lmm.c:scmi_imx_lmm_shutdown', `lmm shutdown ${M7} 0`, 'done')
      await t.expect('the platform has stopped it', {
        because: boots,
        got: () => machines.named('M7').state,
        is: 'off',
        withinMs: 5_000,
      })
      await expectCall(t, 'a machine that is not for agents', boots, 'lmm power_boot 0 1', 'Permission denied')
      await expectCall(t, 'a machine that there is not', info, 'lmm info 9', /^[A-Z]/)
      await t.step('the vector of a CPU of a machine')
      const gives = 'imx-sm-lmm.c:scmi_imx_lmm_reset_vector_set'
      await expectCall(t, 'it is set', gives, `lmm reset_vector_set ${M7} 1 0 0x20000000`, 'done')
      await t.expect('the platform has it', {
        because: gives,
        got: () => cpu.named('m7p').vectors.boot,
        is: 0x2000_0000,
      })
      await t.step('CPUs')
      const vectors = 'imx-sm-cpu.c:scmi_imx_cpu_reset_vector_set'
      await expectCall(t, 'a CPU gets its vector', vectors, 'cpu reset_vector_set 1 0x80000000 1 0 0', 'done')
      await expectCall(t, 'it is started', 'imx-sm-cpu.c:scmi_imx_cpu_start', 'cpu start 1 1', 'done')
      await t.expect('the platform runs it', { because: vectors, got: () => cpu.named('m7p').runMode, is: 'start' })
      await expectCall(t, 'it is read as running', 'imx-sm-cpu.c:scmi_imx_cpu_started', 'cpu started 1', '1')
      await expectCall(t, 'it is stopped', 'imx-sm-cpu.c:scmi_imx_cpu_start', 'cpu start 1 0', 'done')
      await expectCall(t, 'it is read as stopped', 'imx-sm-cpu.c:scmi_imx_cpu_started', 'cpu started 1', '0')
      await expectCall(
        t,
        'a CPU that is not for agents',
        'imx-sm-cpu.c:scmi_imx_cpu_start',
        'cpu start 0 0',
        'Permission denied',
      )
      await expectCall(
        t,
        'a CPU that there is not',
        'imx-sm-cpu.c:scmi_imx_cpu_validate_cpuid',
        'cpu started 9',
        /^[A-Z]/,
      )
    },
  },
  controls: {
    summary:
      'the device tree asks for what happens to two controls: each is told of, and unbinding the driver ends both',
    onlyInAll: true,
    machine: { deviceTreeSource: '&scmi_84 { nxp,ctrl-ids = <0 4 1 4>; };' },
    async run(t) {
      const model = t.server.platform.model(misc)
      const change = (flags: number): Change => ({
        act: () => model.happen(model.named('pdm_clk_sel'), flags),
        line: `control: control 0 flags 0x${flags.toString(16)}`,
      })
      const because = 'sm-misc.c:scmi_imx_misc_ctrl_probe registers for each'
      const listener = await listen(t, 'misc control 0')
      const other = await listen(t, 'misc control 1')
      change(4).act()
      await expectHeard(t, 'a listener is told, too', because, listener, change(4).line)
      model.happen(model.named('wide'), 4)
      await expectHeard(t, "the other control's is told of the other", because, other, 'control: control 1 flags 0x4')
      await expectSilence(t, 'the first is not', 'a notifier block is in one chain at most', listener)
      await t.step('unbind the driver')
      await t.call('unbind_client', ['scmi-imx-misc-ctrl'])
      change(4).act()
      await expectHeard(t, 'the listener is still told', because, listener, change(4).line)
    },
  },
  rebound: {
    summary: "each driver of NXP's protocols is unbound and bound again: it works as before",
    onlyInAll: true,
    kernel: { releases: '>=6.17' },
    async run(t) {
      for (const name of ['bbm-rtc', 'bbm-key', 'misc-ctrl', 'cpu', 'lmm']) {
        await t.step(`unbind scmi-imx-${name}, and bind it`)
        await t.expect(`scmi-imx-${name} can be bound again`, {
          because: 'a driver that was unbound has given back all that it had',
          got: () => t.call('rebind_says', [`scmi-imx-${name}`]),
          is: 'done',
        })
      }
      await t.expect('the time is read', {
        because: `${RTC}:scmi_imx_bbm_read_time`,
        got: () => t.call('rtc_time'),
        is: /^1\d{6}$/,
      })
    },
  },
}

// Chips with these protocols have 64 bits, and 32-bit kernels of the lab lack their drivers.
export default family(scenarios, ({ platform = SMALL, kernel, ...rest }) => ({
  ...rest,
  platform,
  kernel: { ...kernel, config: [...(kernel?.config ?? []), 'CONFIG_ARM64=y'] },
}))
