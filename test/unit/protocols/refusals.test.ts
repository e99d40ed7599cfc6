/**
 * The order of src/protocols/declaration/refusals.ts, for all commands: a command with one thing wrong gets the status of
 * that thing, one with two the status of the first. What can be wrong with the frame, ids and notify_enable follows from
 * the declarations; the rest is listed here for each command, as changes to a message that succeeds.
 */
import { describe, expect, test } from 'vitest'
import { pins } from '../../../src/platform/pins/index.js'
import { NEGOTIATE_PROTOCOL_VERSION } from '../../../src/protocols/declaration/define-protocol.js'
import type { Command, Protocol } from '../../../src/protocols/declaration/protocol.js'
import { REFUSALS, type RefusalName, VALUES } from '../../../src/protocols/declaration/refusals.js'
import { packHeader } from '../../../src/wire/header.js'
import { statusName } from '../../../src/wire/status.js'
import { createTestAgent, message, everyProtocol as protocols, type TestAgent } from '../../support/agent.js'

/** Of each kind: 0 can be used, 1 may not be changed, 2 lacks optional features that 0 has. */
const PLATFORM = `
vendor: NXP
sub_vendor: IMX
protocols: { clock: { max_pending_async: 1 }, powercap: { version: 3.0 } }
agents: [{ name: one }]
shared_memory: { address: 0x4f000000 }
devices: [{ name: d, resources: { clocks: [c2] } }]
power_domains: [{ name: a, async: {} }, { name: b, critical: true, state: on }, { name: c, notify: false }]
system: {}
perf_domains:
  - { name: p0, levels: [{ level: 1, power: 1, frequency: 1 GHz }, { level: 2, power: 2, frequency: 2 GHz }], fast_channels: true }
  - { name: p1, levels: [{ level: 1, power: 1, frequency: 1 GHz }], permissions: { level: false, limits: false }, set_limits: false }
  - { name: p2, levels: [{ level: 1, power: 1, frequency: 1 GHz }], set_limits: false, notify: { level: false, limits: false } }
clocks:
  - { name: c0, rates: [10, 20], parents: [c2, c3], duty_cycle: 50 }
  - { name: c1, rates: [10, 20], permissions: { state: false, rate: false, parent: false } }
  - { name: c2, rates: [10, 20], notify: false }
  - { name: c3, rate: 1 }
sensors:
  - { name: s0, type: celsius, value: 1, trip_points: 1, continuous_updates: true, async: { latency: 1 s }, timestamps: { exponent: 0 } }
  - { name: s1, type: celsius, value: 1, enabled: false }
  - { name: s2, type: celsius, axes: [{ name: x, value: 1 }] }
resets: [{ name: r0, async: {} }, { name: r1, notify: false, explicit: false }]
voltages:
  - { name: v0, levels: [1 V, 2 V] }
  - { name: v1, levels: [1 V, 2 V], permissions: { mode: false, level: false } }
  - { name: v2, levels: [1 V, 2 V], async: {} }
powercaps:
  - { name: w0, cap_range: { min: 1 W, max: 9 W, step: 1 W }, pai_range: { min: 1 ms, max: 9 ms, step: 1 ms }, mai_range: { min: 1 ms, max: 9 ms, step: 1 ms }, limits: [{ name: x, cap: 1 W }], power: 1 W, async: {}, fast_channels: true }
  - { name: w1, cap: 1 W, permissions: { cap: false, pai: false } }
  - { name: w2, cap: 1 W, notify: false }
pinctrl:
  pins: [{ name: n0, configs: { slew_rate: { value: 1, range: { min: 0, max: 9 } }, input_value: 1 } }, { name: n1 }]
  groups: [{ name: g0, pins: [n1] }]
  functions: [{ name: f0, pins: [n0] }, { name: f1, groups: [g0] }]
telemetry:
  max_enabled: 2
  groups: [{ name: all, update_intervals: [1 s] }]
  events:
    - { id: 0, name: e0, value: 1, timestamp: line, group: all }
    - { id: 1, name: e1, value: 1, group: all }
    - { id: 2, name: e2, value: 1, group: all, enabled: true }
imx_lms: [{ name: sm, agents: [one] }, { name: m7 }, { name: m8, permissions: { manage: false, notify: false } }]
imx_bbm: { rtcs: [{ name: t0, seconds_width: 8 }, { name: t1, permissions: { time: false, alarm: false, notify: false } }], registers: 2 }
imx_cpus: [{ name: u0 }, { name: u1, permissions: { control: false } }]
imx_misc:
  device_controls: [{ name: k0, actions: { 0: [] }, extended: 2 }, { name: k1, permissions: { set: false, notify: false } }]
  reasons: [por]
  build: { number: 1, commit: 2 }
  config: { name: c }
  board: { name: b }
  silicon: { name: s, device_id: 1 }
  rom_passover: [1]
  log: [1]
`

interface Message {
  protocol: number
  id: number
  type: number
  words: number[]
  /** Bytes cut off at the end. */
  cut: number
  room: number
  events: boolean
  /** What happens before it is sent. */
  before: ((agent: TestAgent) => void)[]
}
type Change = (message: Message) => void
type Changes = Partial<Record<RefusalName, Change>>

/** Two changes that are wrong only together. */
const both =
  (one: Change, other: Change): Change =>
  message => {
    one(message)
    other(message)
  }
const NOWHERE = 0xffff_fff0
const set =
  (at: number, word: number): Change =>
  ({ words }) =>
    void words.splice(at, 1, word)
const or =
  (at: number, bits: number): Change =>
  ({ words }) =>
    void words.splice(at, 1, (words[at]! | bits) >>> 0)
const first =
  (...messages: [id: number, ...words: number[]][]): Change =>
  ({ protocol, before }) =>
    void before.push(({ exchange }) => {
      for (const [id, ...words] of messages) exchange(message(packHeader(protocol, id, 0, 1), ...words))
    })
/** Another agent holds pin 0. */
const held: Change = ({ before }) =>
  void before.push(({ platform }) => {
    const model = platform.model(pins)
    model.hold(model.list[0]!, 9, true)
  })
const append =
  (...more: number[]): Change =>
  ({ words }) =>
    void words.push(...more)

const BIT_31 = 2 ** 31

/** For each command: the words of a message that succeeds, if they are not all 0, and what can be wrong with it. */
const COMMANDS: Readonly<Record<string, { good?: number[]; wrong?: Changes }>> = {
  // permissions.test.ts tests who may change permissions: here the only agent is trusted.
  NEGOTIATE_PROTOCOL_VERSION: { wrong: { unsupported: set(0, NOWHERE) } },
  BASE_DISCOVER_LIST_PROTOCOLS: { wrong: { value: set(0, 99) } },
  BASE_SET_DEVICE_PERMISSIONS: { good: [1, 0, 1], wrong: { malformed: or(2, 2) } },
  BASE_SET_PROTOCOL_PERMISSIONS: { good: [1, 0, 0x14, 1], wrong: { malformed: or(3, 2) } },
  BASE_RESET_AGENT_CONFIGURATION: { good: [1, 0], wrong: { malformed: or(1, 2) } },
  POWER_STATE_SET: {
    good: [0, 0, 0x4000_0000],
    wrong: {
      resource: set(1, NOWHERE),
      malformed: or(0, 2),
      forbidden: set(1, 1),
      busy: first([4, 1, 0, 0x4000_0000]),
    },
  },
  POWER_STATE_NOTIFY: { wrong: { unsupported: set(0, 2) } },
  POWER_STATE_CHANGE_REQUESTED_NOTIFY: { wrong: { unsupported: set(0, 2) } },
  SYSTEM_POWER_STATE_SET: { good: [1, 1], wrong: { malformed: or(0, 2), unsupported: set(1, 4) } },
  PERFORMANCE_DESCRIBE_LEVELS: { wrong: { value: set(1, 9) } },
  PERFORMANCE_LIMITS_SET: {
    good: [0, 2, 1],
    wrong: { forbidden: set(0, 1), unsupported: set(0, 2), value: set(1, 9) },
  },
  PERFORMANCE_LEVEL_SET: { good: [0, 1], wrong: { forbidden: set(0, 1), value: set(1, 9) } },
  PERFORMANCE_DESCRIBE_FASTCHANNEL: { good: [0, 8], wrong: { unsupported: set(0, 2), value: set(1, 0x77) } },
  PERFORMANCE_NOTIFY_LIMITS: { wrong: { unsupported: set(0, 2) } },
  PERFORMANCE_NOTIFY_LEVEL: { wrong: { unsupported: set(0, 2) } },
  CLOCK_DESCRIBE_RATES: { wrong: { value: set(1, 9) } },
  CLOCK_RATE_SET: {
    good: [1, 0, 10, 0],
    wrong: {
      resource: set(1, NOWHERE),
      malformed: or(0, 0x10),
      forbidden: set(1, 1),
      unsupported: message => void (message.events = false),
      value: set(2, 9),
      busy: first([5, 1, 0, 10, 0]),
    },
  },
  CLOCK_CONFIG_SET: { wrong: { malformed: or(1, 8), forbidden: set(0, 1), value: or(1, 0x7f_0000) } },
  CLOCK_CONFIG_GET: { wrong: { malformed: or(1, 0x100), value: or(1, 0x7f) } },
  CLOCK_RATE_NOTIFY: { wrong: { unsupported: set(0, 2) } },
  CLOCK_RATE_CHANGE_REQUESTED_NOTIFY: { wrong: { unsupported: set(0, 2) } },
  CLOCK_POSSIBLE_PARENTS_GET: { wrong: { unsupported: set(0, 2), value: set(1, 9) } },
  CLOCK_PARENT_SET: { good: [0, 2], wrong: { forbidden: set(0, 1), value: set(1, 1) } },
  CLOCK_PARENT_GET: { wrong: { unsupported: set(0, 2) } },
  SENSOR_DESCRIPTION_GET: { wrong: { value: set(0, 99) } },
  SENSOR_TRIP_POINT_NOTIFY: { wrong: { unsupported: set(0, 1) } },
  SENSOR_TRIP_POINT_CONFIG: { good: [0, 1, 0, 0], wrong: { malformed: or(1, 4), value: or(1, 0x10) } },
  SENSOR_READING_GET: {
    good: [0, 1],
    wrong: {
      malformed: or(1, 2),
      unsupported: message => void (message.events = false),
      state: first([0xa, 0, 0]),
      busy: first(...Array.from({ length: 16 }, (): [number, number, number] => [6, 0, 1])),
    },
  },
  SENSOR_AXIS_DESCRIPTION_GET: { good: [2, 0], wrong: { unsupported: set(0, 0), value: set(1, 9) } },
  SENSOR_AXIS_NAME_GET: { good: [2, 0], wrong: { unsupported: set(0, 0), value: set(1, 9) } },
  SENSOR_LIST_UPDATE_INTERVALS: { wrong: { value: set(1, 9) } },
  // 1 × 10^-1 s, rounded down: no interval is below the only one, 1 s.
  SENSOR_CONFIG_SET: {
    good: [2, 1],
    wrong: { malformed: or(1, 0x4), unsupported: or(1, 2), value: or(1, (1 << 16) | (0x1f << 11)) },
  },
  SENSOR_CONTINUOUS_UPDATE_NOTIFY: { wrong: { unsupported: set(0, 1) } },
  RESET: {
    good: [0, 1, 0],
    wrong: { malformed: or(1, 8), unsupported: both(set(0, 1), or(1, 4)), busy: first([4, 0, 5, 0]) },
  },
  RESET_NOTIFY: { wrong: { unsupported: set(0, 1) } },
  VOLTAGE_DESCRIBE_LEVELS: { wrong: { value: set(1, 9) } },
  VOLTAGE_CONFIG_SET: { good: [0, 7], wrong: { malformed: or(1, 0x10), forbidden: set(0, 1) } },
  VOLTAGE_LEVEL_SET: {
    good: [2, 0, 1_000_000],
    wrong: { malformed: or(1, 2), forbidden: set(0, 1), value: set(2, 1), busy: first([7, 2, 1, 2_000_000]) },
  },
  POWERCAP_CAP_SET: {
    good: [0, 0, 0, 2_000_000],
    wrong: {
      malformed: or(2, 4),
      forbidden: set(0, 1),
      unsupported: set(0, 2),
      value: set(3, 1),
      busy: first([5, 0, 0, 2, 3_000_000]),
    },
  },
  POWERCAP_DESCRIBE_FASTCHANNEL: { good: [0, 4, 0], wrong: { unsupported: set(0, 2), value: set(1, 0x77) } },
  POWERCAP_CPC_ATTRIBUTES: { wrong: { unsupported: set(0, 2), value: set(1, 9) } },
  POWERCAP_CAI_SET: {
    good: [0, 0, 2000, 0],
    wrong: { malformed: or(1, 1), forbidden: set(0, 1), unsupported: set(0, 2), value: set(2, 1) },
  },
  POWERCAP_PAI_SET: {
    good: [0, 0, 2000],
    wrong: { malformed: or(1, 1), forbidden: set(0, 1), unsupported: set(0, 2), value: set(2, 1) },
  },
  POWERCAP_MEASUREMENTS_GET: { wrong: { unsupported: set(0, 1) } },
  POWERCAP_CAP_NOTIFY: { wrong: { unsupported: set(0, 2) } },
  POWERCAP_MEASUREMENTS_NOTIFY: { wrong: { unsupported: set(0, 2) } },
  PINCTRL_ATTRIBUTES: { wrong: { selector: set(1, 3) } },
  PINCTRL_LIST_ASSOCIATIONS: { good: [0, 1, 0], wrong: { selector: set(1, 3), value: set(2, 9) } },
  PINCTRL_SETTINGS_GET: {
    good: [0, 20],
    wrong: { selector: or(1, 0x3_0000), unsupported: set(1, 99), value: set(1, (1 << 18) | (9 << 8)) },
  },
  PINCTRL_SETTINGS_CONFIGURE: {
    good: [0, 0, (1 << 10) | (1 << 2), 20, 2],
    wrong: {
      count: or(2, 2 << 2),
      selector: or(2, 3),
      forbidden: set(3, 14),
      unsupported: set(3, 99),
      value: set(4, 99),
      busy: held,
    },
  },
  PINCTRL_REQUEST: { wrong: { selector: set(1, 3), busy: held } },
  PINCTRL_RELEASE: { wrong: { selector: set(1, 3), busy: held } },
  PINCTRL_NAME_GET: { wrong: { selector: set(1, 3) } },
  TELEMETRY_LIST_SHMTI: { wrong: { value: set(0, 99) } },
  TELEMETRY_DE_DESCRIPTION: { wrong: { value: set(0, 99) } },
  TELEMETRY_LIST_UPDATE_INTERVALS: {
    good: [0, 0, 1],
    wrong: { selector: or(2, 2), resource: set(1, NOWHERE), value: set(0, 99) },
  },
  TELEMETRY_DE_CONFIGURE: {
    good: [0, 2],
    wrong: { malformed: or(1, 0x10), value: first([6, 1, 1]) },
  },
  TELEMETRY_DE_ENABLED_LIST: { wrong: { malformed: or(1, 2), value: set(0, 9) } },
  // 1 s is 0x20.
  TELEMETRY_CONFIG_SET: {
    good: [0, 0x21, 0x20],
    wrong: {
      selector: or(1, 0x40),
      resource: set(0, NOWHERE),
      malformed: or(1, 0x200),
      value: set(2, 0),
      state: first([6, 0, 4]),
      // Two single readings.
      busy: both(or(1, 4), both(set(2, 0x20), first([8, 0, 0x25, 0]))),
    },
  },
  TELEMETRY_CONFIG_GET: { good: [0, 1], wrong: { selector: or(1, 2), resource: set(0, NOWHERE) } },
  TELEMETRY_RESET: { wrong: { malformed: or(0, 2) } },
  LMM_BOOT: { good: [1], wrong: { forbidden: set(0, 2) } },
  LMM_RESET: { good: [1, 0], wrong: { malformed: or(1, 2), forbidden: set(0, 2) } },
  LMM_SHUTDOWN: { good: [1, 0], wrong: { malformed: or(1, 2), forbidden: set(0, 2) } },
  LMM_WAKE: { good: [1], wrong: { forbidden: set(0, 2) } },
  LMM_SUSPEND: { good: [1], wrong: { forbidden: set(0, 2) } },
  LMM_NOTIFY: { wrong: { malformed: or(1, BIT_31), forbidden: set(0, 2) } },
  LMM_POWER_ON: { good: [1], wrong: { forbidden: set(0, 2) } },
  LMM_RESET_VECTOR_SET: { good: [1, 0, 0, 0, 0], wrong: { malformed: or(2, 2), forbidden: set(0, 2) } },
  BBM_RTC_TIME_SET: { wrong: { malformed: or(1, 2), forbidden: set(0, 1), value: set(3, 1) } },
  BBM_RTC_TIME_GET: { wrong: { malformed: or(1, 2) } },
  BBM_RTC_ALARM_SET: { good: [0, 1, 9, 0], wrong: { malformed: or(1, 2), forbidden: set(0, 1), value: set(2, 0) } },
  BBM_RTC_NOTIFY: { wrong: { malformed: or(1, 8), forbidden: set(0, 1) } },
  BBM_BUTTON_NOTIFY: { wrong: { malformed: or(0, 2) } },
  CPU_START: { wrong: { forbidden: set(0, 1) } },
  CPU_STOP: { wrong: { forbidden: set(0, 1) } },
  CPU_RESET_VECTOR_SET: { good: [0, BIT_31, 0, 0], wrong: { malformed: or(1, 2), forbidden: set(0, 1) } },
  CPU_SLEEP_MODE_SET: { wrong: { malformed: set(2, 4), forbidden: set(0, 1) } },
  CPU_IRQ_WAKE_SET: {
    good: [0, 0, 1, 7],
    wrong: { count: set(2, 2), forbidden: set(0, 1), value: set(1, 12) },
  },
  CPU_NON_IRQ_WAKE_SET: { good: [0, 0, 1, 7], wrong: { count: set(2, 2), forbidden: set(0, 1), value: set(1, 1) } },
  CPU_PD_LPM_CONFIG_SET: {
    good: [0, 1, 0, 4, 0],
    wrong: { count: set(1, 2), malformed: set(3, 5), forbidden: set(0, 1) },
  },
  CPU_PER_LPM_CONFIG_SET: {
    good: [0, 1, 0, 4],
    wrong: { count: set(1, 2), malformed: set(3, 5), forbidden: set(0, 1) },
  },
  MISC_CONTROL_SET: { good: [0, 1, 5], wrong: { count: set(1, 2), forbidden: set(0, 1), value: set(1, 0) } },
  MISC_CONTROL_ACTION: { good: [0, 0, 0], wrong: { count: set(2, 1), forbidden: set(0, 1), unsupported: set(1, 9) } },
  MISC_CONTROL_NOTIFY: { wrong: { forbidden: set(0, 1) } },
  MISC_RESET_REASON: { wrong: { malformed: or(0, 2) } },
  MISC_CONTROL_EXT_SET: {
    good: [0, 0, 1, 1, 5],
    wrong: { count: set(3, 2), malformed: set(2, 2), forbidden: set(0, 1), value: set(1, 2) },
  },
  MISC_CONTROL_EXT_GET: { good: [0, 0, 1], wrong: { unsupported: set(0, 1), value: set(1, 2) } },
}

/** Fields that are ids; those of one message are looked up together. */
const IDS =
  /^(agent|device|domain|clock|sensor|de|reason|rtc|lm|cpu|ctrl|parent|function)_id$|^identifier$|^message_id$/
/** Fields in which bits are reserved. */
const FLAGS = /^(flags|notify_enable|attributes|config|sensor_config|trip_point_ev_ctrl)$/
/** Commands in which every bit of such a field has a meaning: the device's, or a value's. */
const WITHOUT_RESERVED = ['MISC_CONTROL_NOTIFY', 'MISC_SYSLOG_GET']

function changesOf(command: Command): Changes {
  const changes: Changes = {
    protocol: message => void (message.protocol = 0x7f),
    message: message => void (message.id = 0x6f),
    type: message => void (message.type = 1),
  }
  if (command.requestMin > 0)
    changes.size = message => void (message.cut = 4 * message.words.length - command.requestMin + 1)
  else if (command.requestFixed) changes.size = append(0)
  if (command.replyMin > 0) changes.room = message => void (message.room = 8 + command.replyMin - 1)
  if (command.needsEvents) changes.events = message => void (message.events = false)
  let at = 0
  for (const field of command.request) {
    if (!('name' in field) || field.kind === 'list' || field.kind === 'padding') break
    const here = at
    if (IDS.test(field.name)) changes.resource ??= set(here, NOWHERE)
    if (field.name === 'notify_enable') changes.malformed = or(here, 2)
    at += field.kind === 'u64' || field.kind === 's64' ? 2 : 1
  }
  return { ...changes, ...COMMANDS[command.name]?.wrong }
}

function goodMessage(protocol: Protocol, command: Command): Message {
  const version = command.id === NEGOTIATE_PROTOCOL_VERSION ? [protocol.versions[0]!] : undefined
  const words = version ?? COMMANDS[command.name]?.good ?? new Array<number>(command.requestMin / 4).fill(0)
  const message = { protocol: protocol.id, id: command.id, type: 0, words: [...words], cut: 0, room: 512, events: true }
  return { ...message, before: [] }
}

function statusOf(message: Message): string {
  const agent = createTestAgent(PLATFORM, { events: message.events })
  for (const act of message.before) act(agent)
  const bytes = new Uint8Array(
    Uint32Array.of(packHeader(message.protocol, message.id, message.type, 1), ...message.words).buffer,
  )
  const reply = agent.exchange(bytes.subarray(0, bytes.length - message.cut).slice(), message.room)
  return statusName(new DataView(reply.buffer).getInt32(4, true))
}

/** The message with both changes; undefined if they change the same thing, so that one undoes the other. */
function changed(good: Message, one: Change, other: Change): Message | undefined {
  const [a, b] = [one, other].map((change, i, { length }) => {
    const copy = { ...good, words: [...good.words], before: [...good.before] }
    change(copy)
    ;[one, other][length - 1 - i]!(copy)
    return copy
  }) as [Message, Message]
  return JSON.stringify(a) === JSON.stringify(b) ? a : undefined
}

const nothing: Change = () => undefined
const names = Object.keys(REFUSALS) as RefusalName[]
const commands = protocols.flatMap(protocol => {
  return protocol.commandsOf(protocol.versions[protocol.versions.length - 1]!).flatMap(command => {
    return command ? [{ protocol, command, name: command.name, of: protocol.name }] : []
  })
})

describe.each(commands)('$of $name', ({ protocol, command }) => {
  const good = goodMessage(protocol, command)
  const changes = changesOf(command)
  const wrong = names.filter(name => changes[name])

  test('succeeds, and with one thing wrong gets that thing’s status', () => {
    expect(statusOf(good)).toBe('SUCCESS')
    for (const name of wrong) {
      const message = changed(good, changes[name]!, nothing)!
      const allowed: readonly number[] = REFUSALS[name].statuses
      const statuses = name === 'value' && VALUES[command.name] ? [VALUES[command.name]!.status] : allowed
      expect(statuses.map(statusName), name).toContain(statusOf(message))
    }
  })

  test('with two things wrong gets the status of the first', () => {
    for (const [i, earlier] of wrong.entries()) {
      const alone = statusOf(changed(good, changes[earlier]!, nothing)!)
      for (const later of wrong.slice(i + 1)) {
        const message = changed(good, changes[earlier]!, changes[later]!)
        if (message) expect(statusOf(message), `${earlier}, ${later}`).toBe(alone)
      }
    }
  })

  test('reserved bits are refused', () => {
    const hasFlags = command.request.some(field => 'name' in field && FLAGS.test(field.name))
    if (hasFlags && !WITHOUT_RESERVED.includes(command.name))
      expect(wrong.some(n => n === 'malformed' || n === 'selector')).toBe(true)
  })
})

/** Cases seen in the field, in the versions that had them. */
test.each([
  ['bits that 1.0 reserves, of a clock that may not be switched', 'clock', 0x10000, 0x7, [1, 0xf]],
  ['bits that 2.0 reserves, of a clock that may not be switched', 'clock', 0x20000, 0x7, [1, 0xf]],
  ['a trip point of a sensor without any', 'sensor', 0x30001, 0x5, [1, 0x10, 0, 0]],
  ['a trip point of a sensor without any, 1.0', 'sensor', 0x10000, 0x5, [1, 0x10, 0, 0]],
  ['a voltage that is not in the list', 'voltage', 0x20001, 0x7, [0, 0, 1]],
  ['the same in 1.0', 'voltage', 0x10000, 0x7, [0, 0, 1]],
] as const)('%s: INVALID_PARAMETERS', (_, name, version, id, words) => {
  const { exchange } = createTestAgent(PLATFORM, { versions: { [name]: version } })
  const protocol = protocols.find(protocol => protocol.name === name)!
  const reply = exchange(message(packHeader(protocol.id, id, 0, 1), ...words))
  expect(statusName(new DataView(reply.buffer).getInt32(4, true))).toBe('INVALID_PARAMETERS')
})

test('every value of the table has a command that refuses it', () => {
  const refusing = commands.filter(({ command }) => changesOf(command).value).map(({ name }) => name)
  expect(Object.keys(VALUES).filter(name => !refusing.includes(name))).toEqual([])
})
