/** `wire_name` in every message with a name of a resource, whatever the kind; everywhere else the name of the file. */
import { expect, test } from 'vitest'
import { agentTables } from '../../../src/observe/agent-tables.js'
import { Resources } from '../../../src/observe/resources.js'
import { resourceKinds } from '../../../src/protocols/declaration/served.js'
import { partsOf } from '../../../src/state/parts.js'
import { packHeader } from '../../../src/wire/header.js'
import { createTestAgent, everyProtocol, message } from '../../support/agent.js'

const both = (rest = '') => `[{ name: file_a, wire_name: told, ${rest} }, { name: file_b, wire_name: told, ${rest} }]`
const PLATFORM = `
vendor: NXP
sub_vendor: IMX
clocks: ${both('rate: 1')}
power_domains: ${both()}
perf_domains: [{ name: perf_a, wire_name: told, levels: [{ level: 1, power: 1, frequency: 1 kHz }] }]
sensors: ${both('type: celsius, value: 1')}
resets: ${both()}
voltages: ${both('level: 1')}
powercaps: [{ name: cap_a, wire_name: told, cap: 1 }]
telemetry: { events: ${both('value: 1')} }
pinctrl: { pins: ${both()}, groups: ${both('pins: [file_a]')}, functions: ${both('pins: [file_a]')} }
imx_cpus: ${both()}
imx_lms: ${both()}
imx_bbm: { rtcs: ${both()} }
`

/** Commands with a name in their reply, and their words: the first resource of each kind. */
const NAMED: [protocol: number, id: number, words: number[]][] = [
  [0x11, 0x3, [0]],
  [0x11, 0x8, [0]],
  [0x13, 0x3, [0]],
  [0x13, 0xc, [0]],
  [0x14, 0x3, [0]],
  [0x14, 0x8, [0]],
  [0x15, 0x3, [0]],
  [0x15, 0xc, [0]],
  [0x16, 0x3, [0]],
  [0x16, 0x6, [0]],
  [0x17, 0x3, [0]],
  [0x17, 0x9, [0]],
  [0x18, 0x3, [0]],
  [0x18, 0x8, [0]],
  ...[0, 1, 2].flatMap((selector): typeof NAMED => [
    [0x19, 0x3, [0, selector]],
    [0x19, 0x9, [0, selector]],
  ]),
  [0x1b, 0x4, [0]],
  [0x80, 0x3, [0]],
  [0x81, 0x5, [0]],
  [0x82, 0x3, [0]],
]

test.each(NAMED)('protocol 0x%s, message %s, %s', (protocol, id, words) => {
  const { exchange } = createTestAgent(PLATFORM)
  const reply = Buffer.from(exchange(message(packHeader(protocol, id, 0, 1), ...words), 1024)).toString('latin1')
  expect(reply).toContain('told\0')
  expect(reply).not.toMatch(/file_a|perf_a|cap_a/)
})

test('all messages with a name of a resource are in the table', () => {
  const covered = new Set(NAMED.map(([protocol, id]) => `${protocol}/${id}`))
  // Of sensors' axes, limits of power caps, the i.MX System Manager itself, and reasons.
  const others = ['21/7', '21/13', '24/13', '132/6', '132/9', '132/11', '132/12', '132/14']
  const named = everyProtocol
    .filter(({ name }) => name !== 'base')
    .flatMap(({ id, commands }) =>
      commands.filter(({ reply }) => JSON.stringify(reply).includes('"text"')).map(command => `${id}/${command.id}`),
    )
  expect([...new Set(named)].filter(key => !covered.has(key) && !others.includes(key))).toEqual([])
})

test('addresses and state files have the names of the file, which are unique', () => {
  const { agent, platform } = createTestAgent(PLATFORM)
  const kinds = resourceKinds(everyProtocol)
  const resources = new Resources(platform, kinds)
  expect(resources.place('clock.file_b').resource.name).toBe('file_b')
  expect(() => resources.place('clock.told')).toThrow('there is no clock.told; there are clock.file_a, clock.file_b')
  const names = partsOf(platform, everyProtocol, [agent]).map(([name]) => name)
  expect(new Set(names).size).toBe(names.length)
  expect(names).toContain('clocks/file_b')
})

test('tables for people have both', () => {
  const { clocks } = agentTables(createTestAgent(PLATFORM).agent)
  expect(clocks).toMatchObject([
    { id: 0, name: 'file_a', wire_name: 'told' },
    { id: 1, name: 'file_b', wire_name: 'told' },
  ])
  const plain = agentTables(createTestAgent('vendor: acme\nclocks: [{ name: a, rate: 1 }]').agent)
  expect(Object.keys(plain.clocks![0]!)).not.toContain('wire_name')
})
