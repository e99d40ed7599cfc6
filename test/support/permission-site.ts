/**
 * Two agents on one platform, for tests of permissions: `host` is trusted and sees everything, `guest` is not trusted. The
 * platform has four resources of each kind, named after what they are to the guest: it does not see `other`, may use `own`
 * and `last`, and is denied `denied` by `deny`. The guest's ids are 0 own, 1 denied, 2 last; in the platform, other comes
 * first. Names and values of `other` and `denied` are unique, so that a reply that leaks one is recognised.
 */
import { clocks } from '../../src/platform/clocks/index.js'
import type { Platform } from '../../src/platform/core/platform.js'
import type { VirtualTime } from '../../src/platform/core/time.js'
import { agentsOf } from '../../src/platform/file/config.js'
import { perfDomains } from '../../src/platform/perf-domains/index.js'
import { pins } from '../../src/platform/pins/index.js'
import type { PinTarget } from '../../src/platform/pins/model.js'
import { powerDomains } from '../../src/platform/power-domains/index.js'
import { OFF, ON } from '../../src/platform/power-domains/model.js'
import { powercaps } from '../../src/platform/powercaps/index.js'
import { resets } from '../../src/platform/resets/index.js'
import { sensors } from '../../src/platform/sensors/index.js'
import { voltages } from '../../src/platform/voltages/index.js'
import { batteryBacked, cpus, lms, misc } from '../../src/plugins/imx/kinds.js'
import { Agent } from '../../src/protocols/declaration/agent.js'
import type { Protocol } from '../../src/protocols/declaration/protocol.js'
import { decode, type Values } from '../../src/wire/fields.js'
import { messageIdOf, NOTIFICATION, packHeader, protocolIdOf, typeOf } from '../../src/wire/header.js'
import { createTestAgent, everyProtocol, exchangeWith, message, RecordedEvents, type TestAgent } from './agent.js'

const BASE = 0x10
const TELEMETRY = 0x1b
const GUEST = 2
const CAPACITY = 1024

/** Values, rates, levels, addresses and errors that only resources have which the guest may not use. */
const SECRET = 0x5ec2_e700
const secret = (i: number): number => SECRET + i
const isSecret = (word: number): boolean => word >>> 8 === SECRET >>> 8

/** For each kind, the entry of a resource, made from its owner's name and a function for unique values. */
const KINDS: Record<string, (who: string, value: (i: number) => number) => string> = {
  clocks: (who, value) => `{ name: ${who}_clock, rates: [1, 2, ${value(3)}], rate: ${value(3)}, latency: 1 ms }`,
  power_domains: who => `{ name: ${who}_power, async: { latency: 1 ms } }`,
  perf_domains: (who, value) =>
    `{ name: ${who}_perf, power_unit: abstract, sustained_frequency: 2 MHz, levels: [{ level: 1, power: 1 }, { level: 2, power: ${value(2)} }], fast_channels: true }`,
  sensors: (who, value) =>
    who === 'last'
      ? `{ name: last_sensor, type: metre_per_second_squared, axes: [{ name: x, value: 1 }], update_intervals: [1 s], continuous_updates: true }`
      : `{ name: ${who}_sensor, type: celsius, value: ${value(5)}, trip_points: 2, update_intervals: [1 s], continuous_updates: true, timestamps: { exponent: -3 }, async: { latency: 1 ms } }`,
  resets: who => `{ name: ${who}_reset, async: { latency: 1 ms }, states: [{ name: warm, id: 0 }] }`,
  voltages: (who, value) =>
    `{ name: ${who}_voltage, levels: [0, 1, ${value(6)}], level: ${value(6)}, async: { latency: 1 ms } }`,
  powercaps: (who, value) =>
    `{ name: ${who}_cap, cap_range: { min: 1, max: ${value(7)}, step: 1 }, cap: ${value(7)}, pai_range: { min: 1, max: 1000, step: 1 }, pai: 100 us, power: ${value(8)}, mai_range: { min: 1, max: 1000, step: 1 }, limits: [{ name: ${who}_two, cap_range: { min: 1, max: ${value(7)}, step: 1 }, cai_range: { min: 1, max: 1000, step: 1 } }], fast_channels: true, async: { latency: 1 ms }, ${who === 'own' ? 'parent: denied_cap' : ''} }`,
  imx_cpus: (who, value) => `{ name: ${who}_cpu, reset_vector: ${value(9)} }`,
}

function sectionOf(entry: (who: string, value: (i: number) => number) => string): string {
  const open = (i: number): number => i
  return ['other', 'own', 'denied', 'last']
    .map(who => entry(who, who === 'own' || who === 'last' ? open : secret))
    .join(', ')
}

/** Ids of devices, each with the resources of that name of all kinds. */
export const DEVICES = { denied: 0, own: 1, last: 2, other: 3, system: 4 }

const KIND_NAMES = {
  ...{ clocks: 'clock', power_domains: 'power', perf_domains: 'perf', sensors: 'sensor', resets: 'reset' },
  ...{ voltages: 'voltage', powercaps: 'cap', pinctrl: 'pin', imx_lms: 'lm', imx_cpus: 'cpu', imx_bbm: 'rtc' },
  telemetry: 'event',
}

function deviceOf(name: string): string {
  if (name === 'system') return '  - { name: system, resources: { system: [system] } }'
  const sections = Object.entries(KIND_NAMES).map(([section, kind]) => `${section}: [${name}_${kind}]`)
  return `  - { name: ${name}, resources: { ${sections.join(', ')}, imx_misc: [${name}_ctl, ${name}_board] } }`
}

const platformText = (byDefault: 'allowed' | 'denied'): string =>
  `
vendor: NXP
sub_vendor: IMX
protocols: { clock: { max_pending_async: 8 }, sensor: { max_pending_async: 8 }, powercap: { version: 3.0 } }
shared_memory: { address: 0x4f000000 }
${Object.entries(KINDS)
  .map(([section, entry]) => `${section}: [${sectionOf(entry)}]`)
  .join('\n')}
system: {}
telemetry:
  groups: [{ name: mixed }]
  events:
    - { id: 3, name: other_event, value: ${secret(17)}, group: mixed, timestamp: line }
    - { id: 0, name: own_event, value: 1, group: mixed, timestamp: line }
    - { id: 1, name: denied_event, value: ${secret(17)}, group: mixed, timestamp: line }
    - { id: 2, name: last_event, value: 2, timestamp: line }
pinctrl:
  pins: [${sectionOf((who, value) => `{ name: ${who}_pin, configs: { oem: { 0xc0: ${value(10)} } } }`)}]
  groups:
    - { name: own_group, pins: [own_pin] }
    - { name: denied_group, pins: [last_pin, denied_pin] }
    - { name: last_group, pins: [last_pin] }
    - { name: other_group, pins: [own_pin, other_pin] }
  functions:
    - { name: own_function, groups: [denied_group, own_group, last_group, other_group] }
    - { name: denied_function, groups: [denied_group], gpio: true }
    - { name: last_function, pins: [own_pin, denied_pin, last_pin, other_pin] }
    - { name: denied_of_pins, pins: [denied_pin] }
    - { name: other_function, groups: [other_group] }
imx_lms:
  - { name: other_lm, agents: [host], error: ${secret(11)} }
  - { name: own_lm, boot_reason: { reason: 1, origin: 2 }, shutdown_reason: { reason: 1, origin: 0 } }
  - { name: denied_lm, error: ${secret(11)} }
  - { name: last_lm, agents: [guest] }
imx_bbm: { rtcs: [${sectionOf((who, value) => `{ name: ${who}_rtc, time: ${value(12)} }`)}], registers: 4 }
imx_misc:
  device_controls: [${sectionOf((who, value) => `{ name: ${who}_ctl, value: ${value(13)}, extended: [${value(16)}, ${value(16)}], actions: { 1: [${value(14)}] } }`)}]
  board_controls: [${sectionOf((who, value) => `{ name: ${who}_board, value: ${value(15)}, extended: [${value(16)}, ${value(16)}], actions: { 1: [${value(14)}] } }`)}]
  boot_reason: { reason: 1, origin: 2 }
  shutdown_reason: { reason: 1, origin: 0 }
agents:
  - name: host
  - name: guest
    permissions: ${byDefault}
    resources:
${Object.entries(KIND_NAMES)
  .map(([section, kind]) => `      ${section}: [own_${kind}, denied_${kind}, last_${kind}]`)
  .join('\n')}
      imx_misc: [own_ctl, denied_ctl, last_ctl, own_board, denied_board, last_board]
devices:
${Object.keys(DEVICES).map(deviceOf).join('\n')}
`
    // Among the parents are some that the guest may not use.
    .replace('{ name: own_clock,', '{ name: own_clock, parents: [last_clock, denied_clock, other_clock],')

/** Field names of declarations that are ids of resources. */
export const isIdField = (name: string): boolean =>
  (/_id$/.test(name) || ['identifier', 'function_selected', 'event_lm'].includes(name)) &&
  !['agent_id', 'device_id', 'command_id', 'message_id', 'reason_id', 'axis_id'].includes(name)

/** The guest's ids of denied resources. */
const DENIED_IDS = [1, 0x8001]
const isNotForGuest = ({ name }: { name: string }): boolean => /^(denied|other)/.test(name)

export interface Site {
  platform: Platform
  time: VirtualTime
  guest: Agent
  events: RecordedEvents
  asHost(protocol: number, id: number, ...words: number[]): number[]
  /** Sends words after the header, as the guest; the reply's words after its header, status first. */
  asGuest(protocol: number, id: number, ...words: number[]): number[]
  /** The host takes a device from the guest; by default `denied` of all kinds. */
  deny(device?: number): void
  grant(device?: number): void
  /** The state that the guest may not change, as text. */
  secrets(): string
  /** As the platform, changes everything that has notifications. */
  stir(): void
  /** How a reply reveals something that the guest may not use; undefined if it does not. */
  leak(protocol: Protocol, version: number, id: number, words: readonly number[]): string | undefined
  /** The same for each event since the last call. */
  leaksOfEvents(): string[]
}

/** `versions` are announced by protocol name; `byDefault` is what the guest may do at first. */
export function permissionSite(
  versions: Record<string, number> = {},
  byDefault: 'allowed' | 'denied' = 'allowed',
): Site {
  const test = createTestAgent(platformText(byDefault), { versions })
  const { platform, time } = test
  const peers = test.agent.peers as Agent[]
  const events = new RecordedEvents()
  const config = agentsOf(platform.config)[1]!
  const guest = new Agent({ config, platform, events, peers, protocols: everyProtocol })
  peers.push(guest)
  guest.shared!.map(new DataView(new ArrayBuffer(guest.shared!.size)))
  const asHost = sender(test.exchange)
  const allow = (device: number, flags: number): void => {
    if (asHost(BASE, 0x9, GUEST, device, flags)[0] !== 0) throw new Error('the host could not set permissions')
  }
  return {
    platform,
    time,
    guest,
    events,
    asHost,
    asGuest: sender(exchangeWith(guest)),
    deny: (device = DEVICES.denied) => allow(device, 0),
    grant: (device = DEVICES.denied) => allow(device, 1),
    secrets: () => secretsOf(platform) + JSON.stringify(peers[0]!.protocols[TELEMETRY]!.save()),
    stir: () => stir(platform, time),
    leak: (protocol, version, id, words) => leakOf(protocol, version, id, words),
    leaksOfEvents: () => events.take().flatMap(event => leakOfEvent(event) ?? []),
  }
}

function sender(exchange: TestAgent['exchange']) {
  return (protocol: number, id: number, ...words: number[]): number[] => {
    const reply = exchange(message(packHeader(protocol, id, 0, 1), ...words), CAPACITY)
    const [, status, ...rest] = wordsOf(reply)
    return [status! | 0, ...rest]
  }
}

/** Words of a reply, zero-padded, since names make replies of any length. */
function wordsOf(bytes: Uint8Array): number[] {
  const whole = new Uint8Array(Math.ceil(bytes.length / 4) * 4)
  whole.set(bytes)
  return [...new Uint32Array(whole.buffer)]
}

function secretsOf(platform: Platform): string {
  const lines: unknown[] = []
  const kinds = [clocks, powerDomains, perfDomains, sensors, resets, voltages, powercaps, cpus, lms, batteryBacked]
  for (const kind of kinds) {
    const { list } = platform.model(kind as typeof clocks)
    for (const resource of list) if (isNotForGuest(resource)) lines.push(resource.name, resource.save())
  }
  const { list, groups } = platform.model(pins)
  for (const target of [...list, ...groups] as PinTarget[]) {
    if (!isNotForGuest(target)) continue
    // A group's own pins may be in another group that the guest may use.
    const itsPins = target.pins.filter(isNotForGuest)
    lines.push(
      target.name,
      itsPins.map(pin => [pin.function?.name, pin.holder, pin.settings(0xc0)?.[0]?.value]),
    )
  }
  const { deviceControls, boardControls } = platform.model(misc)
  for (const control of [...deviceControls, ...boardControls]) {
    if (isNotForGuest(control)) lines.push(control.name, [...control.values, ...control.extended])
  }
  return JSON.stringify(lines)
}

/** Sets everything to another value and back. */
function stir(platform: Platform, time: VirtualTime): void {
  const HOST = 0
  const clockModel = platform.model(clocks)
  for (const clock of clockModel.list) {
    const { rateHz } = clock
    clockModel.emit('rateRequested', clock, HOST, 1)
    clockModel.setRate(clock, rateHz === 1 ? 2 : 1, HOST)
    clockModel.setRate(clock, rateHz, HOST)
  }
  const power = platform.model(powerDomains)
  for (const domain of power.list) {
    power.emit('stateRequested', domain, HOST, OFF)
    for (const state of [ON, OFF]) power.setState(domain, state, HOST)
  }
  const perf = platform.model(perfDomains)
  for (const domain of perf.list) {
    for (const level of [...domain.levels, domain.level]) perf.setLevel(domain, level, HOST)
    perf.setPlatformLimits(domain, { min: 1, max: 1 })
    perf.setPlatformLimits(domain, { min: undefined, max: undefined })
  }
  for (const domain of platform.model(resets).list) platform.model(resets).reset(domain, 0, HOST)
  const caps = platform.model(powercaps)
  for (const domain of caps.list) {
    const { cap } = domain
    caps.setCap(domain, 2, HOST)
    caps.setCap(domain, cap, HOST)
    for (const power of [0xffff_fff0, 1]) caps.setPower(domain, power)
  }
  for (const sensor of platform.model(sensors).list) {
    for (const value of [1000, -1000, undefined]) sensor.set(value)
  }
  time.advance(3e6)
  const battery = platform.model(batteryBacked)
  for (const rtc of battery.list) battery.setTime(rtc, 0, 'ticks', HOST)
  battery.press()
  battery.release()
  const { deviceControls, boardControls } = platform.model(misc)
  for (const control of [...deviceControls, ...boardControls]) platform.model(misc).happen(control, 0xffff_ffff)
  const machines = platform.model(lms)
  for (const lm of machines.list) {
    machines.suspend(lm)
    machines.wake(lm)
  }
}

function leakOf(protocol: Protocol, version: number, id: number, words: readonly number[]): string | undefined {
  const [status, ...rest] = words
  const command = protocol.commandsOf(version)[id]
  const values = status === 0 && command ? decoded([command.reply], rest) : undefined
  return leakIn(rest, values)
}

function leakOfEvent(bytes: Uint8Array): string | undefined {
  const [header, ...words] = wordsOf(bytes)
  const protocol = everyProtocol.find(({ id }) => id === protocolIdOf(header!))!
  const id = messageIdOf(header!)
  const isNotification = typeOf(header!) === NOTIFICATION
  const layouts = isNotification
    ? protocol.events.filter(event => event.id === id).map(({ fields }) => fields)
    : protocol.commands.flatMap(command => (command.id === id && command.delayed ? [command.delayed] : []))
  const values = decoded(layouts, isNotification ? words : words.slice(1))
  // The i.MX RTC's id is in its flags.
  if (protocol.name === 'imx_bbm' && id === 0 && words[0]! >>> 24 === 1) return 'an event of rtc 1'
  const problem = leakIn(words, values)
  return problem && `${problem} in an event of ${protocol.name}`
}

function decoded(layouts: Parameters<typeof decode>[0][], words: readonly number[]): Values | undefined {
  const { buffer } = Uint32Array.from(words)
  for (const layout of layouts) {
    for (const cut of [0, 1, 2, 3]) {
      try {
        return decode(layout, new DataView(buffer, 0, Math.max(buffer.byteLength - cut, 0)))
      } catch (error) {
        if (!(error instanceof RangeError)) throw error
      }
    }
  }
  return undefined
}

function leakIn(words: readonly number[], values: Values | undefined): string | undefined {
  const text = Buffer.from(Uint32Array.from(words).buffer).toString('latin1')
  const name = /denied|other/.exec(text)
  if (name) return `the name of ${name[0]}`
  const value = words.find(word => isSecret(word) || isSecret(-word))
  if (value !== undefined) return `the value 0x${value.toString(16)}`
  return values && leakOfIds(values)
}

/** Finds ids of denied resources; skips list entries without a name, which stand for denied resources. */
function leakOfIds(values: Values): string | undefined {
  for (const [name, value] of Object.entries(values)) {
    if (Array.isArray(value)) {
      for (const entry of value) {
        const problem = entry.sensor_name === '' ? undefined : leakOfIds(entry)
        if (problem) return problem
      }
    } else if (isIdField(name) && DENIED_IDS.includes(Number(value))) return `${name} ${value}`
  }
  return undefined
}
