/** Who may set permissions, and what an agent without a permission can still do (SCMI v3.2 §4.2.2.10 ff.). */
import { describe, expect, test } from 'vitest'
import type { PlatformConfig } from '../../../src/platform/core/platform-config.js'
import { agentsOf, parsePlatformConfig } from '../../../src/platform/file/config.js'
import { Agent } from '../../../src/protocols/declaration/agent.js'
import { command, defineProtocol } from '../../../src/protocols/declaration/define-protocol.js'
import { Permissions } from '../../../src/protocols/declaration/permissions.js'
import type { Protocol } from '../../../src/protocols/declaration/protocol.js'
import { decode } from '../../../src/wire/fields.js'
import { packHeader } from '../../../src/wire/header.js'
import { DENIED, INVALID_PARAMETERS, NOT_FOUND, SUCCESS } from '../../../src/wire/status.js'
import { createTestAgent, everyProtocol, exchangeWith, message, RecordedEvents } from '../../support/agent.js'
import { DEVICES, permissionSite, type Site } from '../../support/permission-site.js'
import { commandsOfAll } from '../../support/permission-table.js'

const BASE = 0x10
const [SET_DEVICE, SET_PROTOCOL, RESET_AGENT] = [0x9, 0xa, 0xb]
const [HOST, GUEST] = [1, 2]
const CLOCK = 0x14
const SENSOR = 0x15
const SYSTEM = 0x12
const others = everyProtocol.filter(({ id }) => id !== BASE)

/** Status of CLOCK_RATE_GET of the guest's clock 1. */
const readsDenied = (site: Site): number => site.asGuest(CLOCK, 0x6, 1)[0]!

describe('BASE_RESET_AGENT_CONFIGURATION', () => {
  test.each([
    ['itself and its permissions', [GUEST, 1], DENIED],
    ['another agent', [HOST, 0], DENIED],
    ['another agent and its permissions', [HOST, 1], DENIED],
    ['itself', [GUEST, 0], SUCCESS],
    ['itself, with reserved flags', [GUEST, 3], INVALID_PARAMETERS],
    ['nobody', [3, 1], NOT_FOUND],
  ])('of an agent that is not trusted are refused: %s', (_, words, status) => {
    const site = permissionSite()
    site.deny()
    expect(site.asGuest(BASE, RESET_AGENT, ...words)).toEqual([status])
    expect(readsDenied(site)).toBe(DENIED)
  })

  test('of a trusted agent restores permissions if its flag says so, others’ and its own', () => {
    const site = permissionSite()
    site.deny()
    expect(site.asHost(BASE, SET_DEVICE, HOST, DEVICES.denied, 0)).toEqual([SUCCESS])
    expect(site.asHost(BASE, RESET_AGENT, GUEST, 0)).toEqual([SUCCESS])
    expect(readsDenied(site)).toBe(DENIED)
    expect(site.asHost(BASE, RESET_AGENT, GUEST, 1)).toEqual([SUCCESS])
    expect(readsDenied(site)).toBe(SUCCESS)
    expect(site.asHost(CLOCK, 0x6, 2)).toEqual([DENIED])
    expect(site.asHost(BASE, RESET_AGENT, HOST, 1)).toEqual([SUCCESS])
    expect(site.asHost(CLOCK, 0x6, 2)[0]).toBe(SUCCESS)
  })
})

function agentsIn(text: string, more: string[] = []): unknown {
  const config = parsePlatformConfig(`vendor: acme\n${text}`, 'test.yaml', [], [], (parsed): PlatformConfig => parsed)
  return agentsOf(config, more).map(({ name, trusted }) => `${name}${trusted ? ' is trusted' : ''}`)
}

test.each([
  ['agents: [{ name: a }, { name: b }]', [], ['a is trusted', 'b']],
  ['agents: [{ name: a }]', ['b', 'c'], ['a is trusted', 'b', 'c']],
  ['', ['b', 'c'], ['b is trusted', 'c']],
  ['', [], ['guest is trusted']],
  ['agents: [{ name: a, trusted: false }, { name: b }]', ['c'], ['a', 'b', 'c']],
  ['agents: [{ name: a }, { name: b, trusted: true }]', [], ['a is trusted', 'b is trusted']],
])('the first agent is trusted, unless the file says otherwise: %s and %j', (text, more, trusted) => {
  expect(agentsIn(text, more)).toEqual(trusted)
})

test('an untrusted agent cannot set permissions', () => {
  const site = permissionSite()
  site.deny()
  expect(site.asGuest(BASE, SET_DEVICE, GUEST, DEVICES.denied, 1)).toEqual([DENIED])
  expect(site.asGuest(BASE, SET_PROTOCOL, GUEST, DEVICES.denied, CLOCK, 1)).toEqual([DENIED])
  expect(readsDenied(site)).toBe(DENIED)
})

test.each([
  ['a device without a resource that the agent sees', SET_DEVICE, [GUEST, DEVICES.other, 0]],
  ['a protocol of which the device has no resource', SET_PROTOCOL, [GUEST, DEVICES.system, CLOCK, 0]],
  ['Base', SET_PROTOCOL, [GUEST, DEVICES.denied, BASE, 0]],
])('%s is NOT_FOUND', (_, id, words) => {
  expect(permissionSite().asHost(BASE, id, ...words)).toEqual([NOT_FOUND])
})

/** Denies everything that the guest sees. */
function denyAll(site: Site): void {
  for (const name of ['denied', 'own', 'last', 'system'] as const) site.deny(DEVICES[name])
}

function listedFor(site: Site): { counted: number; ids: number } {
  return { counted: site.asGuest(BASE, 0x1)[1]! & 0xff, ids: site.asGuest(BASE, 0x6, 0)[1]! }
}

describe('an agent that may use none of a protocol’s resources', () => {
  test('does not see the protocol, until one of them is granted', () => {
    const site = permissionSite()
    expect(listedFor(site)).toEqual({ counted: others.length, ids: others.length })
    denyAll(site)
    expect(listedFor(site)).toEqual({ counted: 0, ids: 0 })
    expect(site.asGuest(BASE, 0x6, 0)).toEqual([SUCCESS, 0])
    site.grant(DEVICES.own)
    expect(listedFor(site)).toEqual({ counted: others.length - 1, ids: others.length - 1 })
    site.grant(DEVICES.system)
    expect(listedFor(site)).toEqual({ counted: others.length, ids: others.length })
  })

  test('may still use Base', () => {
    const site = permissionSite()
    const answers = (): unknown => [0x0, 0x3, 0x4, 0x5].map(id => site.asGuest(BASE, id))
    const before = answers()
    denyAll(site)
    expect(answers()).toEqual(before)
    expect(site.asGuest(BASE, 0x7, HOST)[0]).toBe(SUCCESS)
    expect(site.asGuest(BASE, 0x7, 0xffff_ffff)[1]).toBe(GUEST)
    expect(site.asGuest(BASE, 0x8, 1)).toEqual([SUCCESS])
  })

  test.each(others.flatMap(protocol => protocol.versions.map(version => ({ name: protocol.name, protocol, version }))))(
    'gets DENIED for every message of $name $version, of any length, known or not',
    ({ protocol, version }) => {
      const site = permissionSite({ [protocol.name]: version })
      denyAll(site)
      for (let id = 0; id < 256; id++) {
        for (const words of [[], [0], [0, 0, 0]]) expect(site.asGuest(protocol.id, id, ...words)).toEqual([DENIED])
      }
      for (const name of ['denied', 'own', 'last', 'system'] as const) site.grant(DEVICES[name])
      expect(site.asGuest(protocol.id, 0x0)).toEqual([SUCCESS, version])
      expect(site.asGuest(protocol.id, 0x1)[0]).toBe(SUCCESS)
    },
  )

  test('gets DENIED after the protocol of its only device was taken, as in tests b012 and b014 of Arm’s suite', () => {
    const site = permissionSite()
    for (const name of ['denied', 'own', 'last'] as const) {
      expect(site.asHost(BASE, SET_PROTOCOL, GUEST, DEVICES[name], CLOCK, 0)).toEqual([SUCCESS])
    }
    expect(site.asGuest(CLOCK, 0x0)).toEqual([DENIED])
    expect(site.asGuest(SENSOR, 0x0)[0]).toBe(SUCCESS)
    expect(site.asHost(BASE, SET_PROTOCOL, GUEST, DEVICES.own, CLOCK, 1)).toEqual([SUCCESS])
    expect(site.asGuest(CLOCK, 0x0)[0]).toBe(SUCCESS)
  })

  test('keeps its negotiated version, and a new driver is denied as well', () => {
    const site = permissionSite()
    expect(site.asGuest(CLOCK, 0x10, 0x20000)).toEqual([SUCCESS])
    denyAll(site)
    expect(site.asGuest(CLOCK, 0x10, 0x30000)).toEqual([DENIED])
    site.grant(DEVICES.own)
    expect(site.guest.protocols[CLOCK]!.version).toBe(0x20000)
    site.deny(DEVICES.own)
    site.guest.restart()
    expect(site.asGuest(CLOCK, 0x0)).toEqual([DENIED])
  })
})

describe('denied resources are not counted', () => {
  /** Counts in PROTOCOL_ATTRIBUTES: word and bits. */
  const COUNTS: [name: string, id: number, word: number, shift: number, mask: number][] = [
    ['power', 0x11, 1, 0, 0xffff],
    ['perf', 0x13, 1, 0, 0xffff],
    ['clock', CLOCK, 1, 0, 0xffff],
    ['sensor', SENSOR, 1, 0, 0xffff],
    ['reset', 0x16, 1, 0, 0xffff],
    ['voltage', 0x17, 1, 0, 0xffff],
    ['powercap', 0x18, 1, 0, 0xffff],
    ['pins', 0x19, 1, 0, 0xffff],
    ['imx_lmm', 0x80, 1, 0, 0xff],
    ['imx_bbm', 0x81, 1, 16, 0xff],
    ['imx_cpu', 0x82, 1, 0, 0xffff],
    ['imx_misc, of the device', 0x84, 1, 0, 0xffff],
    ['imx_misc, of the board', 0x84, 1, 24, 0xff],
  ]

  test.each(COUNTS)(
    '%s: the count is the highest usable id plus one, because ids do not change',
    (_, id, word, shift, mask) => {
      const site = permissionSite()
      const count = (): number => (site.asGuest(id, 0x1)[word]! >>> shift) & mask
      expect(count()).toBe(3)
      site.deny(DEVICES.denied)
      expect(count()).toBe(3)
      site.deny(DEVICES.last)
      expect(count()).toBe(1)
      site.grant(DEVICES.denied)
      expect(count()).toBe(2)
    },
  )

  test('groups and functions of pins', () => {
    const site = permissionSite()
    const counts = (): number[] => {
      const [, low, high] = site.asGuest(0x19, 0x1)
      return [low! >>> 16, high!]
    }
    expect(counts()).toEqual([3, 4])
    site.deny(DEVICES.denied)
    expect(counts()).toEqual([3, 3])
    site.deny(DEVICES.last)
    expect(counts()).toEqual([1, 3])
  })

  test('in the list of sensors a denied one between others has no name, type or attributes', () => {
    const site = permissionSite()
    site.deny()
    const { reply } = everyProtocol.find(({ id }) => id === SENSOR)!.commandsOf(0x30001)[0x3]!
    const sensors = (index: number): unknown => {
      const [, ...words] = site.asGuest(SENSOR, 0x3, index)
      const { num_sensor_flags, descriptors } = decode(reply, new DataView(Uint32Array.from(words).buffer))
      return [num_sensor_flags, descriptors]
    }
    const gap = { sensor_id: 1, sensor_attributes_low: 0, sensor_attributes_high: 0, sensor_name: '' }
    expect(sensors(0)).toEqual([3, [expect.objectContaining({ sensor_name: 'own_sensor' }), gap, expect.anything()]])
    site.deny(DEVICES.last)
    expect(sensors(0)).toEqual([1, [expect.objectContaining({ sensor_id: 0 })]])
    expect(site.asGuest(SENSOR, 0x3, 1)).toEqual([INVALID_PARAMETERS])
  })
})

test('replies that refer to a denied resource treat it as if it did not exist', () => {
  const site = permissionSite()
  const clocks = { own: 0, denied: 1, last: 2 }
  expect(site.asGuest(CLOCK, 0xc, clocks.own, 0)).toEqual([SUCCESS, 2, clocks.last, clocks.denied])
  site.asGuest(CLOCK, 0xd, clocks.own, clocks.denied)
  expect(site.asGuest(CLOCK, 0xe, clocks.own)).toEqual([SUCCESS, clocks.denied])
  // The three words of CAIs follow parent_id.
  expect(site.asGuest(0x18, 0x3, 0).at(-4)).toBe(1)
  expect(site.asGuest(0x84, 0xa, 1)).toEqual([SUCCESS, 0x9100_0001, 0x8000_0001])
  site.deny()
  expect(site.asGuest(CLOCK, 0xc, clocks.own, 0)).toEqual([SUCCESS, 1, clocks.last])
  expect(site.asGuest(CLOCK, 0xe, clocks.own)).toEqual([-1])
  expect(site.asGuest(0x18, 0x3, 0).at(-4)).toBe(0xffff_ffff)
  expect(site.asGuest(0x84, 0xa, 1)).toEqual([SUCCESS, 0x8000_0001, 0x8000_0001])
})

/** Subscribes to all notifications of resources with this id. */
function subscribe(site: Site, id: number): void {
  const messages: [protocol: number, id: number, ...words: number[]][] = [
    ...([0x6, 0x7].map(command => [0x11, command, id, 1]) as [number, number, number, number][]),
    ...([0x9, 0xa].map(command => [0x13, command, id, 1]) as [number, number, number, number][]),
    ...([0x9, 0xa].map(command => [CLOCK, command, id, 1]) as [number, number, number, number][]),
    [SENSOR, 0x4, id, 1],
    [SENSOR, 0x5, id, 3, 500, 0],
    [SENSOR, 0xb, id, 1],
    [0x16, 0x5, id, 1],
    [0x18, 0xa, id, 1],
    [0x18, 0xb, id, 1, 10, 1000],
    [0x80, 0x9, id, 0xf],
    [0x81, 0xa, id, 7],
    [0x84, 0x8, id, 0xffff_ffff],
    [0x84, 0x8, 0x8000 + id, 0xffff_ffff],
  ]
  for (const words of messages) expect([...words, ...site.asGuest(...words)]).toEqual([...words, SUCCESS])
}

const protocolsOf = (leaks: string[]): string[] => [...new Set(leaks.map(leak => leak.split(' ').at(-1)!))].sort()
const NOTIFYING = ['clock', 'imx_lmm', 'imx_misc', 'perf', 'power', 'powercap', 'reset', 'sensor']

describe('when a resource is denied', () => {
  test('subscriptions to it end for good; others continue', () => {
    const site = permissionSite()
    for (const id of [0, 1]) subscribe(site, id)
    site.stir()
    const told = site.leaksOfEvents()
    expect(protocolsOf(told)).toEqual(['1', ...NOTIFYING])
    site.deny()
    site.stir()
    const { length } = site.events.sent
    expect(site.leaksOfEvents()).toEqual([])
    expect(length).toBeGreaterThan(NOTIFYING.length)
    site.grant()
    site.stir()
    expect(site.leaksOfEvents()).toEqual([])
    for (const served of site.guest.protocols) expect(() => served?.restore(served.save())).not.toThrow()
  })

  test('and it was the last of a protocol, subscriptions to the protocol’s own events end', () => {
    const site = permissionSite()
    expect(site.asGuest(SYSTEM, 0x5, 1)).toEqual([SUCCESS])
    expect(site.asGuest(0x81, 0xb, 1)).toEqual([SUCCESS])
    denyAll(site)
    for (const name of ['denied', 'own', 'last', 'system'] as const) site.grant(DEVICES[name])
    site.stir()
    expect(site.asHost(SYSTEM, 0x3, 1, 1)).toEqual([SUCCESS])
    expect(site.events.take()).toEqual([])
  })

  test('pending commands on it are not executed, and their delayed responses say DENIED', () => {
    const site = permissionSite()
    const messages: [protocol: number, id: number, ...words: number[]][] = [
      [CLOCK, 0x5, 1, 1, 1, 0],
      [SENSOR, 0x6, 1, 1],
      [0x16, 0x4, 1, 5, 0],
      [0x17, 0x7, 1, 1, 1],
      [0x18, 0x5, 1, 0, 2, 2],
      // These have no delayed response.
      [0x11, 0x4, 1, 1, 0],
      [CLOCK, 0x5, 3, 1, 1, 0],
    ]
    const before = site.secrets()
    for (const words of messages) expect([...words, ...site.asGuest(...words)]).toEqual([...words, SUCCESS])
    site.events.take()
    site.deny()
    const delayed = messages.slice(0, 5).map(([protocol, id]) => [packHeader(protocol, id, 2, 1), DENIED >>> 0])
    const sent = site.events.take().map(event => [...new Uint32Array(event.slice().buffer)])
    expect(sent.sort()).toEqual(delayed.sort())
    site.time.advance(1e6)
    expect(site.events.take()).toEqual([])
    expect(site.secrets()).toBe(before)
    // The resources are not busy with the cancelled commands.
    site.grant()
    expect(site.asGuest(0x17, 0x7, 1, 1, 1)).toEqual([SUCCESS])
    expect(site.asGuest(0x16, 0x4, 1, 5, 0)).toEqual([SUCCESS])
  })
})

describe('an agent that is denied everything by default', () => {
  test('may use what a trusted agent grants, until its permissions are reset', () => {
    const site = permissionSite({}, 'denied')
    expect(listedFor(site)).toEqual({ counted: 0, ids: 0 })
    for (const { protocol, command } of commandsOfAll()) expect(site.asGuest(protocol.id, command.id)).toEqual([DENIED])
    site.grant(DEVICES.own)
    expect(site.asGuest(CLOCK, 0x1)[1]! & 0xffff).toBe(1)
    expect([0, 1, 2, 3].map(id => site.asGuest(CLOCK, 0x6, id)[0])).toEqual([SUCCESS, DENIED, DENIED, NOT_FOUND])
    site.guest.restart()
    expect(site.asGuest(CLOCK, 0x6, 0)[0]).toBe(SUCCESS)
    expect(site.asGuest(BASE, RESET_AGENT, GUEST, 1)).toEqual([DENIED])
    expect(site.asHost(BASE, RESET_AGENT, GUEST, 0)).toEqual([SUCCESS])
    expect(site.asGuest(CLOCK, 0x6, 0)[0]).toBe(SUCCESS)
    expect(site.asHost(BASE, RESET_AGENT, GUEST, 1)).toEqual([SUCCESS])
    expect(site.asGuest(CLOCK, 0x6, 0)).toEqual([DENIED])
    expect(listedFor(site)).toEqual({ counted: 0, ids: 0 })
  })

  test('may use only one protocol of a device, if only that is granted', () => {
    const site = permissionSite({}, 'denied')
    expect(site.asHost(BASE, SET_PROTOCOL, GUEST, DEVICES.own, SENSOR, 1)).toEqual([SUCCESS])
    expect(site.asGuest(SENSOR, 0x0)[0]).toBe(SUCCESS)
    expect(site.asGuest(CLOCK, 0x0)).toEqual([DENIED])
    expect(site.asHost(BASE, SET_PROTOCOL, GUEST, DEVICES.system, SYSTEM, 1)).toEqual([SUCCESS])
    expect(site.asGuest(SYSTEM, 0x4)).toEqual([SUCCESS, 3])
  })

  test('cannot use protocols without a section, as they cannot be granted', () => {
    const bare = defineProtocol({
      id: 0x90,
      name: 'bare',
      versions: [0x10000],
      attach: () => ({}),
      commands: [command(0x1, 'PROTOCOL_ATTRIBUTES', [], [], () => SUCCESS)],
    }) as Protocol
    const protocols = [...everyProtocol, bare]
    const test = createTestAgent('{ vendor: acme, agents: [{ name: a }, { name: b, permissions: denied }] }', {
      protocols,
    })
    const [, config] = agentsOf(test.platform.config)
    const rest = { platform: test.platform, events: new RecordedEvents(), peers: [], protocols }
    const denied = new Agent({ config: config!, ...rest })
    const status = (exchange: typeof test.exchange): number =>
      new Int32Array(exchange(message(packHeader(0x90, 0x1, 0, 0))).buffer)[1]!
    expect([status(test.exchange), status(exchangeWith(denied))]).toEqual([SUCCESS, DENIED])
  })
})

test.each(['allowed', 'denied'] as const)('permissions are saved and restored: %s by default', byDefault => {
  const before = permissionSite({}, byDefault)
  before.grant(DEVICES.own)
  before.grant(DEVICES.system)
  before.deny(DEVICES.denied)
  const after = permissionSite({}, byDefault)
  const kept = (site: Site) => [site.guest, ...site.guest.protocols.filter(served => served !== undefined)]
  kept(after).forEach((part, i) => {
    part.restore(JSON.parse(JSON.stringify(kept(before)[i]!.save())))
  })
  const statuses = (site: Site) => [0, 1, 2].map(id => site.asGuest(CLOCK, 0x6, id)[0])
  expect(statuses(after)).toEqual([SUCCESS, DENIED, byDefault === 'denied' ? DENIED : SUCCESS])
  expect(listedFor(after)).toEqual(listedFor(before))
  expect(after.asHost(BASE, RESET_AGENT, GUEST, 1)).toEqual([SUCCESS])
  expect(statuses(after)).toEqual(new Array(3).fill(byDefault === 'denied' ? DENIED : SUCCESS))
})

test('a reset that changes nothing does not mark the state as changed', () => {
  const permissions = new Permissions()
  let changes = 0
  permissions.onChange = () => changes++
  permissions.reset()
  expect(changes).toBe(0)
  permissions.set(0x14, 'uart', false)
  permissions.reset()
  expect(changes).toBe(2)
})
