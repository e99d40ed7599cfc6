import { resets } from '../../../src/platform/resets/index.js'
import { COLD_RESET } from '../../../src/platform/resets/model.js'
import { expectCall, expectEvents } from '../../runner/calls.js'
import type { Context } from '../../runner/context.js'
import { expectUse } from '../../runner/firmware.js'
import { expectSaid, SHORT_TIMEOUT } from '../../runner/readings.js'
import { family, type Scenario } from '../../runner/scenario.js'

/** As many as several replies of Base would not need; the driver asks for the attributes of each. */
const LINES = [
  { name: 'uart' },
  { name: 'gpu', asserted: true },
  { name: 'display_controller_of_the_board', async: { latency: '30 ms' } },
  { name: 'watchdog', explicit: false, notify: false },
]
const UART = 0
const GPU = 1
const DISPLAY = 2
const WATCHDOG = 3
const RESETS = 'reset-scmi.c:scmi_reset_ops'
const SENDS = 'reset.c:scmi_domain_reset sends the flags and the state'

const line = (t: Context, name: string) => t.server.platform.model(resets).named(name)

/** Holds what the platform was asked for: NAME, or "asserted"/"deasserted" with it. */
function recordResets(t: Context): string[] {
  const seen: string[] = []
  t.server.platform.model(resets).on('issued', (domain, agentId, state) => {
    seen.push(`${domain.asserted ? 'held' : 'reset'} ${domain.name} state ${state} agent ${agentId}`)
  })
  return seen
}

async function expectLine(t: Context, what: string, name: string, asserted: boolean): Promise<void> {
  await t.expect(what, { because: SENDS, got: () => line(t, name).asserted, is: asserted })
}

const scenarios: Record<string, Omit<Scenario, 'platform'> & { version?: string }> = {
  driver: {
    summary: 'a driver holds a line in reset, lets it go, and resets it: the platform does each, to that line only',
    tags: ['ci'],
    async run(t) {
      const seen = recordResets(t)
      const agent = t.device.agent.id
      await t.step('hold the line in reset')
      await expectUse(t, 'it is asserted', RESETS, ['resets', 'uart', 'asserted', 1], '1')
      await expectLine(t, 'the platform holds it', 'uart', true)
      await t.step('let it go')
      await expectUse(t, 'it is deasserted', RESETS, ['resets', 'uart', 'asserted', 0], '0')
      await expectLine(t, 'the platform has let it go', 'uart', false)
      await expectLine(t, 'another line is as before', 'gpu', true)
      await t.step('reset lines at once, and one that takes its time')
      for (const name of ['gpu', 'watchdog', LINES[DISPLAY]!.name]) {
        await expectUse(t, `${name} is reset`, SENDS, ['resets', name, 'reset', 1], /./)
        await expectLine(t, `${name} runs afterwards`, name, false)
      }
      await t.expect('the platform has carried out these', {
        because: SENDS,
        got: () => seen,
        is: [
          `held uart state ${COLD_RESET} agent ${agent}`,
          `reset gpu state ${COLD_RESET} agent ${agent}`,
          `reset watchdog state ${COLD_RESET} agent ${agent}`,
          `reset ${LINES[DISPLAY]!.name} state ${COLD_RESET} agent ${agent}`,
        ],
      })
    },
  },
  operations: {
    summary:
      "the protocol's operations: names, latencies, refusals; a whole reset is answered later where the platform can",
    async run(t) {
      const lookup = 'reset.c:scmi_reset_domain_attributes_get'
      await expectCall(t, 'there are four lines', lookup, 'reset num_domains_get', '4')
      for (const [id, { name }] of LINES.entries()) {
        await expectCall(t, `line ${id} has its name`, lookup, `reset name_get ${id}`, name)
      }
      await expectCall(t, 'the latency is in microseconds', lookup, `reset latency_get ${DISPLAY}`, '30000')
      await expectCall(t, 'a line without one has 0', lookup, `reset latency_get ${UART}`, '0')
      await expectCall(t, 'line 4 is refused', 'reset.c:scmi_reset_domain_lookup', 'reset assert 4', 'Invalid argument')
      await t.step('lines that cannot be held')
      await expectCall(
        t,
        'it is refused',
        SENDS,
        `reset assert ${WATCHDOG}`,
        /^(Operation not supported|Invalid argument)$/,
      )
      await expectLine(t, 'it runs', 'watchdog', false)
      await t.step('let go of a line that was held at start')
      await expectCall(t, 'it is let go', SENDS, `reset deassert ${GPU}`, 'done')
      await expectLine(t, 'the platform has let it go', 'gpu', false)
      await t.step('a reset whose delayed response does not come')
      const dropped = { on: 'delayed', protocol: 'reset', message: 'RESET', drop: true, times: 1 } as const
      t.server.faults.add(dropped)
      const waits = 'driver.c:do_xfer_with_response waits for the delayed response'
      await t.idle(() => expectCall(t, 'it times out', waits, `reset reset ${DISPLAY}`, 'Connection timed out'))
      await expectSaid(t, waits, 'timed out in delayed resp')
      await expectCall(t, 'the next one is done', waits, `reset reset ${DISPLAY}`, 'done')
    },
  },
  events: {
    summary: 'a reset that the platform issues: each listener is told, once, and none after it has ended',
    async run(t) {
      const model = t.server.platform.model(resets)
      const change = (state = COLD_RESET) => ({
        act: () => model.reset(line(t, 'uart'), state, 0),
        line: `issued: agent 0 domain ${UART} state 0x${state.toString(16)}`,
      })
      const because = 'reset.c:scmi_reset_fill_custom_report; notify.c:scmi_lookup_and_call_event_chain'
      const changes: [ReturnType<typeof change>, ReturnType<typeof change>, ReturnType<typeof change>] = [
        change(),
        change(),
        change(),
      ]
      await expectEvents(t, { event: 'reset issued', source: UART, other: GPU, changes, because })
      await t.step('listen to a line without notifications')
      const refuses = 'reset.c:scmi_reset_notify_supported'
      await expectCall(t, 'the kernel refuses', refuses, `reset listen issued ${WATCHDOG}`, /^[A-Z]/)
    },
  },
  rebound: {
    summary:
      'the driver of the reset lines is unbound and bound again: a line that was held stays so, and can be let go',
    async run(t) {
      await expectCall(t, 'a line is held', SENDS, `reset assert ${UART}`, 'done')
      await t.step('unbind the driver, bind it again')
      await t.call('rebind', ['scmi-reset'])
      await expectLine(t, 'the line is still held', 'uart', true)
      await expectUse(t, 'a driver holds it, too', RESETS, ['resets', 'uart', 'asserted', 1], '1')
      await expectUse(t, 'it runs', RESETS, ['resets', 'uart', 'asserted', 0], '0')
      await expectLine(t, 'the platform has let it go', 'uart', false)
    },
  },
  refused: {
    summary: 'the platform denies a reset, is busy, or fails: the driver is told so, and the next reset works',
    async run(t) {
      for (const [status, says] of [
        ['DENIED', 'Permission denied'],
        ['BUSY', 'Device or resource busy'],
        ['HARDWARE_ERROR', 'Remote I/O error'],
        ['GENERIC_ERROR', 'Input/output error'],
      ] as const) {
        await t.step(`the platform answers ${status}`)
        t.server.faults.add({ protocol: 'reset', message: 'RESET', status, times: 1 })
        const maps = 'driver.c:scmi_linux_errmap'
        await expectUse(t, `a driver gets "${says}"`, maps, ['resets', 'uart', 'asserted', 1], says)
        await expectLine(t, 'the line runs', 'uart', false)
      }
      await expectUse(t, 'the next one is done', RESETS, ['resets', 'uart', 'asserted', 1], '1')
    },
  },
  'version-1': {
    summary: 'a reset protocol of version 1.0: the driver uses the lines, whose names have at most 15 characters',
    version: '1.0',
    async run(t) {
      await expectUse(t, 'a line is held', RESETS, ['resets', 'uart', 'asserted', 1], '1')
      await expectLine(t, 'the platform holds it', 'uart', true)
      const short = 'reset.c:scmi_reset_domain_attributes_get asks for long names only from version 3.0 on'
      await expectCall(t, 'the long name is cut', short, `reset name_get ${DISPLAY}`, LINES[DISPLAY]!.name.slice(0, 15))
    },
  },
}

export default family(scenarios, ({ version, ...rest }, name) => ({
  ...rest,
  ...(name === 'driver' || name === 'events' || name === 'operations' ? {} : { onlyInAll: true as const }),
  platform: { vendor: 'acme', resets: LINES, ...(version ? { protocols: { reset: { version } } } : {}) },
  machine: { nodes: [SHORT_TIMEOUT] },
}))
