/** `answers` of a resource: every command that names one can be given a status, and nothing else changes. */
import { describe, expect, test } from 'vitest'
import { packHeader } from '../../../src/wire/header.js'
import { statusName } from '../../../src/wire/status.js'
import { createTestAgent, everyProtocol, message } from '../../support/agent.js'
import { isIdField } from '../../support/permission-site.js'
import { commandsOfAll, requestsOf, wordsOf } from '../../support/permission-table.js'

const rows = commandsOfAll().flatMap(({ protocol, version, command }) => {
  const ids = command.request.flatMap(field => ('name' in field && isIdField(field.name) ? [field.name] : []))
  return ids.length === 0 ? [] : [{ protocol, version, command, ids }]
})

/** Answers to all commands of a protocol that name a resource. */
function answersOf(protocol: string): string {
  const names = new Set(rows.filter(row => row.protocol.name === protocol).map(({ command }) => command.name))
  return `{ ${[...names].map(name => `${name}: HARDWARE_ERROR`).join(', ')} }`
}

/** Of each kind `plain` has id 0, and `odd`, with id 1, answers everything itself. */
const two = (protocol: string, rest = '') =>
  `[{ name: plain${protocol}, ${rest} }, { name: odd${protocol}, answers: ${answersOf(protocol)}, ${rest} }]`
const PLATFORM = `
vendor: NXP
sub_vendor: IMX
protocols: { clock: { max_pending_async: 8 }, powercap: { version: 3.0 } }
shared_memory: { address: 0x4f000000 }
clocks: ${two('clock', 'rates: [1, 2]')}
power_domains: ${two('power', '')}
perf_domains: ${two('perf', 'levels: [{ level: 1, power: 1, frequency: 1 kHz }], fast_channels: true')}
sensors: ${two('sensor', 'type: celsius, value: 1, trip_points: 1, continuous_updates: true')}
resets: ${two('reset')}
voltages: ${two('voltage', 'levels: [1, 2]')}
powercaps: ${two('powercap', 'cap_range: { min: 1, max: 9, step: 1 }, power: 1, limits: [{ name: two, cap: 1 }], fast_channels: true')}
telemetry: { events: ${two('telemetry', 'value: 1')} }
pinctrl:
  pins: ${two('pinctrl', 'configs: { oem: { 0xc0: 1 } }')}
  groups: ${two('pinctrl', 'pins: [plainpinctrl]')}
  functions: ${two('pinctrl', 'pins: [plainpinctrl]')}
imx_cpus: ${two('imx_cpu')}
imx_lms: ${two('imx_lmm')}
imx_bbm: { rtcs: ${two('imx_bbm')} }
imx_misc:
  device_controls: ${two('imx_misc')}
  board_controls: ${two('imx_misc').replaceAll('imx_misc,', 'board,')}
devices:
  - { name: odd, resources: { clocks: [oddclock] } }
`
const BOARD = 0x8000
const MALFORMED = ['INVALID_PARAMETERS', 'PROTOCOL_ERROR']

function setUp(versions: Record<string, number> = {}) {
  const { exchange, agent, events } = createTestAgent(PLATFORM, { versions })
  const ask = (protocol: number, command: number, ...words: number[]): string => {
    const reply = exchange(message(packHeader(protocol, command, 0, 1), ...words), 1024)
    return statusName(new DataView(reply.buffer).getInt32(4, true))
  }
  return { ask, agent, events, exchange }
}

describe.each([...new Set(rows.map(({ protocol }) => protocol.name))])('%s', name => {
  const ofProtocol = rows.filter(({ protocol }) => protocol.name === name)
  test.each(ofProtocol.map(row => [row.command.name, `0x${row.version.toString(16)}`, row] as const))(
    '%s, version %s',
    (_command, _version, { protocol, version, command, ids }) => {
      const { ask } = setUp({ [name]: version })
      const answersTo = (field: string, id: number) => {
        const own = field === 'ctrl_id' ? [id, BOARD + id] : [id]
        const answers = new Set<string>()
        for (const values of requestsOf(command, field, other => (other === field ? own : [0]))) {
          answers.add(ask(protocol.id, command.id, ...wordsOf(command.request, values)))
        }
        return answers
      }
      // The CPU of LMM_RESET_VECTOR_SET is another machine's, and no resource of the protocol.
      for (const field of ids.filter(field => name !== 'imx_lmm' || field !== 'cpu_id')) {
        expect([...answersTo(field, 1)].filter(answer => !MALFORMED.includes(answer))).toContain('HARDWARE_ERROR')
        expect([...answersTo(field, 0)]).not.toContain('HARDWARE_ERROR')
        expect([...answersTo(field, 2)]).toContain(name === 'telemetry' ? 'INVALID_PARAMETERS' : 'NOT_FOUND')
      }
    },
  )
})

test('a denied resource stays DENIED, and answers again once it is granted', () => {
  const { ask } = setUp()
  const deny = (flags: number) => ask(0x10, 0x9, 1, 0, flags)
  expect([deny(0), ask(0x14, 0x6, 1), deny(1), ask(0x14, 0x6, 1)]).toEqual([
    'SUCCESS',
    'DENIED',
    'SUCCESS',
    'HARDWARE_ERROR',
  ])
})

test('the resource is counted, and other commands of it are as ever', () => {
  const file = (answers: string) => `vendor: acme\nclocks: [{ name: a, rates: [1, 2], answers: { ${answers} } }]`
  const { exchange, agent } = createTestAgent(file('CLOCK_ATTRIBUTES: NOT_SUPPORTED'))
  const send = (id: number, ...words: number[]) => [
    ...new Int32Array(exchange(message(packHeader(0x14, id, 0, 1), ...words)).slice(4).buffer),
  ]
  expect(send(0x1)).toEqual([0, 1])
  expect(send(0x3, 0)).toEqual([-1])
  expect(send(0x5, 0, 0, 2, 0)).toEqual([0])
  expect(send(0x6, 0)).toEqual([0, 2, 0])
  expect(agent.protocols[0x14]!.counts.statuses(3)).toEqual([{ status: -1, count: 1 }])
})

test('SUCCESS does nothing, where a command returns nothing', () => {
  const { exchange, agent } = createTestAgent(
    'vendor: acme\nclocks: [{ name: a, rates: [1, 2], enabled: true, answers: { CLOCK_CONFIG_SET: SUCCESS } }]',
  )
  const reply = exchange(message(packHeader(0x14, 0x7, 0, 1), 0, 0, 0))
  expect([...new Int32Array(reply.slice(4).buffer)]).toEqual([0])
  expect((agent.protocols[0x14]!.state as { list?: readonly { enabled: boolean }[] }).list![0]!.enabled).toBe(true)
})

test('a vendor’s status, by number', () => {
  const { exchange } = createTestAgent(
    'vendor: acme\nclocks: [{ name: a, rate: 1, answers: { CLOCK_RATE_GET: -128 } }]',
  )
  expect([...new Int32Array(exchange(message(packHeader(0x14, 0x6, 0, 1), 0)).slice(4).buffer)]).toEqual([-128])
})

test('negotiating another version keeps the answers', () => {
  const { ask } = setUp({ clock: 0x30000 })
  expect([ask(0x14, 0x10, 0x20000), ask(0x14, 0x7, 1, 1), ask(0x14, 0x7, 0, 1)]).toEqual([
    'SUCCESS',
    'HARDWARE_ERROR',
    'SUCCESS',
  ])
})

test('what no resource answers has the declared commands: hot code is as it was', () => {
  const { agent } = createTestAgent(
    'vendor: acme\nclocks: [{ name: a, rate: 1, answers: { CLOCK_ATTRIBUTES: DENIED } }]',
  )
  const clock = everyProtocol.find(({ name }) => name === 'clock')!
  const served = agent.protocols[clock.id]!.commands
  const differing = clock
    .commandsOf(clock.versions.at(-1)!)
    .flatMap((command, id) => (command === served[id] ? [] : [id]))
  expect(differing).toEqual([3])
})

test.each([
  [
    '{ CLOCK_ATRIBUTES: DENIED }',
    'clock has no command CLOCK_ATRIBUTES that names a resource; did you mean CLOCK_ATTRIBUTES?',
  ],
  [
    '{ RESET: DENIED }',
    /clock has no command RESET that names a resource; there are CLOCK_ATTRIBUTES, CLOCK_DESCRIBE_RATES/,
  ],
  ['{ PROTOCOL_ATTRIBUTES: DENIED }', /this command names no resource; those that do are CLOCK_ATTRIBUTES/],
  ['{ CLOCK_RATE_GET: SUCCESS }', 'SUCCESS would need values; only commands that return none can be answered with it'],
  ['{ CLOCK_RATE_GET: REFUSED }', /clocks\[0\]\.answers\.CLOCK_RATE_GET: REFUSED is not one of SUCCESS, NOT_SUPPORTED/],
])('answers: %s is refused', (answers, message) => {
  const load = () => createTestAgent(`vendor: acme\nclocks:\n  - { name: a, rate: 1, answers: ${answers} }`)
  expect(load).toThrow(message)
  expect(load).toThrow(/^test\.yaml:3:\d+: clocks\[0\]\.answers\./)
})
