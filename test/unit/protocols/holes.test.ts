/** Ids that nobody has, among those that are counted: every command, in every layout, answers NOT_FOUND to them. */
import { describe, expect, test } from 'vitest'
import { scmiSource } from '../../../qemu/device-tree/scmi-node.js'
import { agentTables } from '../../../src/observe/agent-tables.js'
import { packHeader } from '../../../src/wire/header.js'
import { NOT_FOUND, statusName } from '../../../src/wire/status.js'
import { createTestAgent, everyProtocol, message } from '../../support/agent.js'
import { isIdField } from '../../support/permission-site.js'
import { commandsOfAll, requestsOf, wordsOf } from '../../support/permission-table.js'

/** Of each kind `low` has id 1 and `high` has id 4; so 0, 2 and 3 are holes, and 5 is beyond. */
const two = (rest = '') => `[{ id: 4, name: high, ${rest} }, { id: 1, name: low, ${rest} }]`
const PLATFORM = `
vendor: NXP
sub_vendor: IMX
protocols: { clock: { max_pending_async: 8 }, powercap: { version: 3.0 } }
shared_memory: { address: 0x4f000000 }
clocks: ${two('rates: [1, 2]')}
power_domains: [{ id: 4, name: high_power }, { id: 1, name: low_power }]
perf_domains: ${two('levels: [{ level: 1, power: 1, frequency: 1 kHz }], fast_channels: true')}
sensors: ${two('type: celsius, value: 1, trip_points: 1, continuous_updates: true')}
resets: ${two()}
voltages: ${two('levels: [1, 2]')}
powercaps: ${two('cap_range: { min: 1, max: 9, step: 1 }, power: 1, limits: [{ name: two, cap: 1 }], fast_channels: true')}
pinctrl:
  pins: ${two('configs: { oem: { 0xc0: 1 } }')}
  groups: ${two('pins: [low]')}
  functions: ${two('pins: [low, high]')}
imx_cpus: ${two()}
imx_lms: ${two()}
imx_bbm: { rtcs: ${two()} }
imx_misc:
  device_controls: [{ id: 4, name: high_ctl }, { id: 1, name: low_ctl }]
  board_controls: [{ id: 4, name: high_board }, { id: 1, name: low_board }]
`
const HOLES = [0, 2, 3]
const hexWord = (word: number): string => word.toString(16)
const BOARD = 0x8000

const setUp = (protocol: string, version: number, more = '') => {
  const { agent, exchange, events } = createTestAgent(PLATFORM + more, { versions: { [protocol]: version } })
  const { id } = everyProtocol.find(({ name }) => name === protocol)!
  const ask = (command: number, ...words: number[]): number[] => {
    const reply = exchange(message(packHeader(id, command, 0, 1), ...words), 1024)
    return [...new Int32Array(reply.slice(4, 4 + ((reply.length - 4) & ~3)).buffer)]
  }
  return { agent, events, ask }
}

const rows = commandsOfAll().flatMap(({ protocol, version, command }) =>
  command.request.flatMap(field =>
    // Ids of data events are any numbers, and not counted.
    'name' in field && isIdField(field.name) && field.name !== 'de_id'
      ? [{ protocol, version, command, field: field.name }]
      : [],
  ),
)

describe.each([...new Set(rows.map(({ protocol }) => protocol.name))])('%s', name => {
  const ofProtocol = rows.filter(({ protocol }) => protocol.name === name)
  test.each(ofProtocol.map(row => [row.command.name, row.field, `0x${row.version.toString(16)}`, row] as const))(
    '%s, %s, version %s',
    (_command, _field, _version, { protocol, version, command, field }) => {
      const { ask } = setUp(protocol.name, version)
      const idsOf = (own: number[]) => (field === 'ctrl_id' ? [...own, ...own.map(id => BOARD + id)] : own)
      const answersTo = (ids: number[]) => {
        const answers = new Set<string>()
        for (const values of requestsOf(command, field, other => (other === field ? idsOf(ids) : [1]))) {
          answers.add(statusName(ask(command.id, ...wordsOf(command.request, values))[0]!))
        }
        return answers
      }
      const toHoles = answersTo(HOLES)
      expect([...toHoles].filter(answer => !['INVALID_PARAMETERS', 'PROTOCOL_ERROR'].includes(answer))).toEqual([
        'NOT_FOUND',
      ])
      expect(answersTo([1, 4])).not.toEqual(toHoles)
      expect(answersTo([5, 70_000])).toEqual(toHoles)
    },
  )
})

test('the count is one more than the highest id', () => {
  const counts = everyProtocol
    .filter(({ resource }) => resource && !['system', 'telemetry'].includes(resource.section))
    .map(({ name, versions }) => [name, setUp(name, versions.at(-1)!).ask(1).slice(1).map(hexWord).join(' ')])
  expect(Object.fromEntries(counts)).toEqual({
    power: '5 0 0 0',
    perf: '10005 0 0 0',
    clock: '80005',
    sensor: '5 0 0 0',
    reset: '5',
    voltage: '5',
    powercap: '5',
    pinctrl: '50005 5',
    imx_lmm: '5',
    imx_bbm: '50000',
    imx_cpu: '5',
    imx_misc: '5000005',
  })
})

test('an agent whose resources are listed numbers them itself, without holes', () => {
  const { agent, ask } = setUp('clock', 0x30000, '\nagents: [{ name: guest, resources: { clocks: [high, low] } }]')
  expect(ask(1)).toEqual([0, 0x80002])
  expect(ask(6, 1)[0]).toBe(0)
  expect(ask(6, 4)).toEqual([NOT_FOUND])
  expect(agentTables(agent).clocks).toMatchObject([
    { id: 0, name: 'high' },
    { id: 1, name: 'low' },
  ])
})

test('tables for people have the ids, and no rows for holes', () => {
  const tables = agentTables(setUp('clock', 0x30000).agent)
  const others = ['agents', 'protocols', 'system']
  const sections = Object.entries(tables).filter(([section, rows]) => !others.includes(section) && 'id' in rows[0]!)
  expect(sections.length).toBe(15)
  for (const [section, rows] of sections) {
    const ids = rows.map(({ id }) => Number(id) & ~BOARD)
    expect([section, ids]).toEqual([section, [1, 4]])
  }
})

test('what is saved of an agent is found again by its ids', () => {
  const first = setUp('clock', 0x30000)
  expect(first.ask(0x9, 4, 1)).toEqual([0])
  const second = setUp('clock', 0x30000)
  second.agent.protocols[0x14]!.restore(first.agent.protocols[0x14]!.save())
  second.ask(0x5, 0, 4, 2, 0)
  expect(second.events.take().map(event => [...new Uint32Array(event.buffer)].slice(1))).toEqual([[1, 4, 2, 0]])
})

test('a saved id that is a hole does not fit', () => {
  const { agent } = setUp('clock', 0x30000)
  expect(() => agent.protocols[0x14]!.restore([0x30000, [[3], [], []]])).toThrow('there is no resource 3')
})

test('the lab’s device tree refers to resources by their ids', () => {
  const { platform } = setUp('clock', 0x30000).agent
  const source = scmiSource({ platform, protocols: everyProtocol }, { cpus: 1 })
  for (const cells of ['scmi_11', 'scmi_13', 'scmi_14', 'scmi_15', 'scmi_16']) {
    const ids = [...source.matchAll(new RegExp(`<&${cells} (\\d+)>`, 'g'))].map(([, id]) => Number(id))
    expect([cells, [...new Set(ids)].sort()]).toEqual([cells, [1, 4]])
  }
  expect([...source.matchAll(/regulator@(\w+) \{ reg = <(\d+)>/g)].map(([, name, reg]) => [name, reg])).toEqual([
    ['1', '1'],
    ['4', '4'],
  ])
})
