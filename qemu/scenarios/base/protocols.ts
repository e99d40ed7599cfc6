import type { FaultRule } from '../../../src/faults/rules/rule.js'
import { call, expectCall, expectHeard, expectSilence, listen, unlisten } from '../../runner/calls.js'
import { expectSaid } from '../../runner/readings.js'
import { family, type Scenario } from '../../runner/scenario.js'

/** What PROTOCOL_VERSION answers, from the first message on. */
const newer = (version: number): FaultRule => ({ protocol: 'reset', message: 'PROTOCOL_VERSION', fields: { version } })
const VERSION = 'driver.c:scmi_protocol_version_initialize'
const ERROR = { protocol: 'base', message: 'BASE_ERROR_EVENT' } as const

interface Member extends Omit<Scenario, 'platform'> {
  faults?: FaultRule[]
  version?: string
}

const members: Record<string, Member> = {
  errors: {
    summary: 'error notifications of the platform: each listener is told of them, with what they report',
    async run(t) {
      const tells = 'base.c:scmi_base_fill_custom_report'
      const first = await listen(t, 'base error')
      const second = await listen(t, 'base error 0', 'devm_listen')
      await t.step('an error without reports')
      t.server.faults.send({ ...ERROR, words: [0, 0] })
      for (const one of [first, second]) await expectHeard(t, 'it is told', tells, one, 'error: agent 0 fatal 0')
      await t.step('a fatal error with two reports')
      t.server.faults.send({ ...ERROR, words: [0, 0x8000_0002, 0x14, 0xffff_fffd, 0x15, 0xffff_fffc] })
      const line = 'error: agent 0 fatal 1 0xfffffffd00000014 0xfffffffc00000015'
      for (const one of [first, second]) await expectHeard(t, 'it is told of both', tells, one, line)
      await t.step('fewer reports than the notification counts')
      t.server.faults.send({ ...ERROR, words: [0, 3, 1, 2] })
      await expectSaid(t, tells, 'report not available - proto:10')
      await expectSilence(t, 'nobody is told', tells, first)
      await unlisten(t, first)
      await unlisten(t, second)
    },
  },
  'refused-notifications': {
    summary: 'the platform refuses to send notifications: who registers is told so, and can register later',
    async run(t) {
      const because = 'notify.c:__scmi_enable_evt, scmi_event_handler_enable_events'
      for (const [message, words] of [
        ['BASE_NOTIFY_ERRORS', 'base listen error'],
        ['RESET_NOTIFY', 'reset listen issued 0'],
      ] as const) {
        await t.step(`${message} is denied`)
        t.server.faults.add({ message, status: 'DENIED', times: 1 })
        await expectCall(t, 'the listener is refused', because, words, /^[A-Z]/)
        await expectCall(t, 'the next one is not', because, words, /^\d+$/)
      }
      await t.step('events and sources that there are not')
      await expectCall(t, 'an event that the protocol does not have', because, 'reset listen 9', /^[A-Z]/)
      await expectCall(t, 'a source that the protocol does not have', because, 'reset listen issued 7', /^[A-Z]/)
      await expectCall(t, 'a listener that there is not', because, 'reset unlisten 77', /^[A-Z]/)
    },
  },
  'half-refused': {
    summary:
      'the platform refuses notifications of one source of several: a listener for all hears of the others, and can end',
    onlyInAll: true,
    faults: [{ message: 'RESET_NOTIFY', where: { domain_id: 1 }, status: 'DENIED' }],
    async run(t) {
      const listener = await listen(t, 'reset issued')
      const message = { protocol: 'reset', message: 'RESET_ISSUED' } as const
      t.server.faults.send({ ...message, words: [0, 0, 0] })
      const because = 'notify.c:__scmi_enable_evt succeeds if at least one source can be enabled'
      await expectHeard(t, 'it is told', because, listener, 'issued: agent 0 domain 0 state 0x0')
      await unlisten(t, listener)
      await expectCall(t, 'the lines can be used', because, 'reset assert 0', 'done')
    },
  },
  negotiated: {
    summary: "a protocol that is newer than the kernel's: the kernel negotiates its own version, and uses it",
    onlyInAll: true,
    faults: [newer(0x0009_0000)],
    async run(t) {
      await t.expect('the kernel says so', {
        because: VERSION,
        got: () => t.call('logged', ['successfully negotiated version']),
        is: /Protocol 0x16 successfully negotiated version 0x30001/,
      })
      await expectCall(t, 'it uses the protocol', VERSION, 'reset assert 0', 'done')
    },
  },
  'not-negotiated': {
    summary:
      "a protocol that is newer than the kernel's and does not negotiate: the kernel warns, and uses its own version",
    onlyInAll: true,
    faults: [newer(0x0009_0000), { protocol: 'reset', message: 'NEGOTIATE_PROTOCOL_VERSION', status: 'NOT_SUPPORTED' }],
    async run(t) {
      await t.expect('the kernel warns', {
        because: VERSION,
        got: () => t.call('logged', ['UNSUPPORTED higher version']),
        is: /Detected UNSUPPORTED higher version 0x90000 for protocol 0x16/,
      })
      await expectCall(t, 'it uses the protocol', VERSION, 'reset assert 0', 'done')
    },
  },
  'version-1': {
    summary: 'Base of version 1.0: the kernel has the instance and the protocols',
    onlyInAll: true,
    version: '1.0',
    async run(t) {
      await t.expect('the kernel says which version', {
        because: 'base.c:scmi_base_protocol_init',
        got: () => t.call('logged', ['SCMI Protocol v']),
        is: /SCMI Protocol v1\.0 'acme:/,
      })
      await expectCall(t, 'a protocol is used', 'driver.c:scmi_probe', 'reset assert 0', 'done')
      const listener = await listen(t, 'base error')
      t.server.faults.send({ ...ERROR, words: [0, 0] })
      await expectHeard(t, 'errors are told', 'base.c', listener, 'error: agent 0 fatal 0')
    },
  },
  put: {
    summary: 'a driver gives a protocol back while another uses it, and gets it again: the other one is not disturbed',
    onlyInAll: true,
    async run(t) {
      const counts = 'driver.c:scmi_protocol_release ends a protocol with its last user'
      await expectCall(t, 'the protocol is used', counts, 'reset assert 0', 'done')
      await expectCall(t, 'it is given back', counts, 'reset put', 'done')
      await expectCall(t, 'it has no operations', counts, 'reset assert 0', 'No such device')
      await t.expect('another driver uses it', {
        because: counts,
        got: () => t.call('use', ['resets', 'uart', 'asserted', 0]),
        is: '0',
      })
      await expectCall(t, 'it is got again', counts, 'reset get', 'done')
      await expectCall(t, 'it is used again', counts, 'reset deassert 0', 'done')
      await expectCall(t, 'Base can be acquired', 'driver.c:scmi_devm_protocol_acquire', 'base acquire', 'done')
      await t.expect('the transport sleeps, or polls in atomic mode', {
        because: 'driver.c:scmi_is_transport_atomic',
        got: () => call(t, 'reset atomic'),
        is: /^[01] \d+$/,
      })
    },
  },
}

export default family(members, ({ faults = [], version, ...rest }) => ({
  ...rest,
  platform: {
    vendor: 'acme',
    resets: [{ name: 'uart' }, { name: 'gpu' }],
    ...(version ? { protocols: { base: { version } } } : {}),
  },
  machine: { devices: [{ device: { faults } }] },
}))
