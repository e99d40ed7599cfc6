import { powerDomains } from '../../../src/platform/power-domains/index.js'
import { OFF, ON } from '../../../src/platform/power-domains/model.js'
import { type Change, expectCall, expectEvents } from '../../runner/calls.js'
import type { Context } from '../../runner/context.js'
import { expectUse } from '../../runner/firmware.js'
import { family, type Scenario } from '../../runner/scenario.js'

const RETENTION = 1
const SLEEP = 0x4000_0002
const DOMAINS = [
  { name: 'soc', state: 'on' },
  { name: 'gpu', parents: ['soc'] },
  { name: 'display_of_the_whole_board', state: 'on' },
  { name: 'always', critical: true, state: 'on' },
  {
    name: 'dsp',
    states: [
      { name: 'retention', id: 1 },
      { name: 'sleep', id: 2, context_lost: true },
    ],
  },
  { name: 'modem', sync: false, async: { latency: '10 ms' }, notify: false },
]
const [SOC, GPU, DISPLAY, , DSP, MODEM] = DOMAINS.keys()
const SETS = 'scmi_pm_domain.c:scmi_pd_power sets POWER_STATE_SET, generic on or off'
const OPS = 'power.c:scmi_power_state_set, scmi_power_state_get'

const domain = (t: Context, name: string) => t.server.platform.model(powerDomains).named(name)

async function expectState(t: Context, what: string, because: string, name: string, state: number): Promise<void> {
  await t.expect(what, { because, got: () => domain(t, name).state, is: state })
}

async function expectShown(t: Context, because: string, name: string, is: RegExp): Promise<void> {
  await t.expect(`the kernel shows ${name} as it is`, { because, got: () => t.call('shown', [name]), is })
}

const scenarios: Record<string, Omit<Scenario, 'platform'> & { version?: string }> = {
  driver: {
    summary: "a driver's runtime PM switches its power domain on and off, and no other; unused ones are off after boot",
    async run(t) {
      const unused = 'pmdomain/core.c:genpd_power_off_unused; scmi_pm_domain.c:scmi_pm_domain_probe asks for each state'
      await expectState(t, 'a domain that nobody uses is off', unused, DOMAINS[DISPLAY!]!.name, OFF)
      await expectState(t, 'one that has to stay on is on', unused, 'always', ON)
      await expectShown(t, unused, 'always', /^on/)
      await t.step('switch a domain on')
      await expectUse(t, 'it is on', SETS, ['power-domains', 'gpu', 'on', 1], '1')
      await expectState(t, 'the platform has switched it on', SETS, 'gpu', ON)
      await expectState(t, 'another stays off', SETS, 'dsp', OFF)
      await expectShown(t, SETS, 'gpu', /^on/)
      await t.step('switch it off')
      await expectUse(t, 'it is off', SETS, ['power-domains', 'gpu', 'on', 0], '0')
      await expectState(t, 'the platform has switched it off', SETS, 'gpu', OFF)
      await expectShown(t, SETS, 'gpu', /^off/)
    },
  },
  operations: {
    summary: "the protocol's operations: names, states of the platform's own, refusals",
    async run(t) {
      for (const [id, { name }] of DOMAINS.entries()) {
        const because = 'power.c:scmi_power_domain_attributes_get'
        await expectCall(t, `domain ${id} has its name`, because, `power name_get ${id}`, name)
      }
      await expectCall(t, 'there are six', 'power.c:scmi_power_attributes_get', 'power num_domains_get', '6')
      for (const [state, name] of [
        [ON, 'on'],
        [RETENTION, 'retention'],
        [SLEEP, 'sleep'],
        [OFF, 'off'],
      ] as const) {
        await t.step(`state ${name}`)
        await expectCall(t, `${name} is set`, OPS, `power state_set ${DSP} ${state}`, 'done')
        await expectState(t, `the platform is in ${name}`, OPS, 'dsp', state)
        await expectCall(t, `${name} is read`, OPS, `power state_get ${DSP}`, `0x${state.toString(16)}`)
      }
      await t.step('what the platform changes')
      t.server.platform.model(powerDomains).setState(domain(t, 'dsp'), RETENTION, 0)
      await expectCall(t, 'it is read', OPS, `power state_get ${DSP}`, '0x1')
      await t.step('refusals')
      await expectCall(t, 'a state that there is not', OPS, `power state_set ${DSP} 3`, /^[A-Z]/)
      await expectCall(t, 'a domain that there is not', OPS, 'power state_get 6', /^(No such file|Invalid)/)
      await expectCall(t, 'a domain that changes only later', OPS, `power state_set ${MODEM} 0`, /^[A-Z]/)
      await expectState(t, 'that one is as before', OPS, 'modem', OFF)
    },
  },
  events: {
    summary: 'a state that the platform changes: each listener is told, once, and none after it has ended',
    async run(t) {
      const change = (state: number): Change => ({
        act: () => t.server.platform.model(powerDomains).setState(domain(t, 'dsp'), state, 0),
        line: `state_changed: agent 0 domain ${DSP} state 0x${state.toString(16)}`,
      })
      const because = 'power.c:scmi_power_fill_custom_report; notify.c:scmi_lookup_and_call_event_chain'
      const changes: [Change, Change, Change] = [change(ON), change(RETENTION), change(ON)]
      await expectEvents(t, { event: 'power state_changed', source: DSP!, other: GPU!, changes, because })
      const refuses = 'power.c:scmi_power_notify_supported'
      await expectCall(t, 'a domain without notifications', refuses, `power listen state_changed ${MODEM}`, /^[A-Z]/)
    },
  },
  refused: {
    summary: 'the platform refuses to switch a domain: its driver is told so, and the next one switches it',
    async run(t) {
      // Runtime PM makes the first of these a temporary error since Linux 6.16 or so.
      for (const [status, says] of [
        ['DENIED', /^(Permission denied|Resource temporarily unavailable)$/],
        ['HARDWARE_ERROR', /^Remote I\/O error$/],
      ] as const) {
        await t.step(`the platform answers ${status}`)
        // The driver core powers a domain on to attach a device to it.
        await t.call('use', ['power-domains', 'gpu', 'on'])
        await t.expect('it is off at first', {
          because: SETS,
          got: () => domain(t, 'gpu').state,
          is: OFF,
          withinMs: 5_000,
        })
        t.server.faults.add({ protocol: 'power', message: 'POWER_STATE_SET', status, times: 1 })
        const because = 'pmdomain/core.c:_genpd_power_on returns what scmi_pd_power_on does'
        await expectUse(t, `a driver is told of ${status}`, because, ['power-domains', 'gpu', 'on', 1], says)
        await expectState(t, 'it is off', because, 'gpu', OFF)
        // A device whose runtime PM failed stays so.
        await t.call('unload_consumer')
      }
      await expectUse(t, 'the next attempt works', SETS, ['power-domains', 'gpu', 'on', 1], '1')
      await expectState(t, 'the platform has switched it on', SETS, 'gpu', ON)
    },
  },
  rebound: {
    summary: 'the driver of the power domains is unbound and bound again: drivers use the domains as before',
    async run(t) {
      await t.step('unbind the driver, bind it again')
      await t.call('rebind', ['scmi-power-domain'])
      await expectUse(t, 'a domain is switched on', SETS, ['power-domains', 'gpu', 'on', 1], '1')
      await expectState(t, 'the platform has switched it on', SETS, 'gpu', ON)
      await expectUse(t, 'it is switched off', SETS, ['power-domains', 'gpu', 'on', 0], '0')
      await expectState(t, 'the platform has switched it off', SETS, 'gpu', OFF)
    },
  },
  'version-1': {
    summary:
      'a power domain protocol of version 1.0: the driver switches domains, whose names have at most 15 characters',
    version: '1.0',
    async run(t) {
      await expectUse(t, 'a domain is switched on', SETS, ['power-domains', 'gpu', 'on', 1], '1')
      await expectState(t, 'the platform has switched it on', SETS, 'gpu', ON)
      const short = 'power.c:scmi_power_domain_attributes_get asks for long names only from version 3.0 on'
      await expectCall(
        t,
        'the long name is cut',
        short,
        `power name_get ${DISPLAY}`,
        DOMAINS[DISPLAY!]!.name.slice(0, 15),
      )
      await expectCall(t, 'a state is read', OPS, `power state_get ${SOC}`, '0x0')
    },
  },
}

export default family(scenarios, ({ version, ...rest }, name) => ({
  ...rest,
  ...(name === 'driver' || name === 'events' || name === 'operations' ? {} : { onlyInAll: true as const }),
  platform: { vendor: 'acme', power_domains: DOMAINS, ...(version ? { protocols: { power: { version } } } : {}) },
}))
