/** The operations of the control service that read and change a device, over its socket, on a platform with a driver. */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { operationName, serviceDefinition } from '../../src/access/control/schema.js'
import { Operations } from '../../src/access/operations/operations.js'
import type { ReadingEntry } from '../../src/access/operations/shapes.js'
import { until } from '../../src/front-end/wait.js'
import { loadPlatform } from '../../src/loading/load.js'
import { FailedError, OperatorError } from '../../src/support/errors.js'
import { packHeader } from '../../src/wire/header.js'
import { CLOCK, nextEvents, SENSOR, SYSTEM, setUp, UART } from './rig.js'

const NOTIFICATION = 3

describe('describing', () => {
  it('lists the platform, its agents, and the properties with their allowed values', async () => {
    const { client, folder } = await setUp()
    const description = await client.call('describe', undefined)
    expect(description).toMatchObject({ vendor: 'acme', sub_vendor: 'rig', implementation_version: 0x10002 })
    expect(description.agents).toEqual([
      {
        id: 1,
        name: 'linux',
        trusted: true,
        connected: true,
        endpoint: join(folder, 'linux'),
        protocols: ['base', 'power', 'system', 'perf', 'clock', 'sensor'],
      },
      expect.objectContaining({ id: 2, name: 'rtos', connected: false }),
    ])
    const uart = description.resources.find(({ address }) => address === 'clock.uart')
    expect(uart).toMatchObject({ kind: 'clock', name: 'uart', main: 'rate' })
    expect(uart?.properties[0]).toEqual({
      name: 'rate',
      address: 'clock.uart.rate',
      description: 'Frequency, also while the clock is off',
      type: 'number',
      unit: 'Hz',
      settable: true,
      allowed: '24 MHz, 48 MHz',
      values: ['24 MHz', '48 MHz'],
      range: null,
      word: '',
    })
    const clock = description.protocols.find(({ name }) => name === 'clock')
    expect(clock?.commands).toContain('CLOCK_RATE_SET')
    expect(clock?.notifications[0]).toEqual({
      id: 0,
      name: 'CLOCK_RATE_CHANGED',
      fields: ['agent_id', 'clock_id', 'rate'],
    })
  })

  it('tells what the platform was made from, and where its agents are reached', async () => {
    const { client, folder } = await setUp()
    const { text, agents, ...source } = await client.call('getPlatform', undefined)
    expect(source).toEqual({ name: 'definePlatform', folder: process.cwd(), plugins: [] })
    const { platform } = await loadPlatform({ text })
    expect(platform.config).toMatchObject({ vendor: 'acme', agents: [{ name: 'linux' }, { name: 'rtos' }] })
    expect(agents).toEqual([
      { name: 'linux', socket: join(folder, 'linux'), dials: false, connected: true },
      { name: 'rtos', socket: join(folder, 'rtos'), dials: false, connected: false },
    ])
  })

  it('lists what each agent sees', async () => {
    const { client } = await setUp()
    const { agent, tables } = await client.call('describeAgent', {})
    expect([agent, tables.clocks?.map(({ name }) => name)]).toEqual(['linux', ['cpu', 'uart']])
    const rtos = await client.call('describeAgent', { agent: 'rtos' })
    expect(rtos.tables.clocks).toEqual([{ id: 0, name: 'uart', enabled: false, rate_hz: 24e6, rates_hz: [24e6, 48e6] }])
    await expect(client.call('describeAgent', { agent: 'x' })).rejects.toThrow(
      new OperatorError('there is no agent x; there are linux, rtos'),
    )
  })
})

describe('state', () => {
  it('is read, by property, resource, kind or as a whole', async () => {
    const { client, guest } = await setUp()
    await guest.send(CLOCK, 0x5, 0, UART, 48e6, 0)
    const { readings } = await client.call('get', { addresses: ['clock.uart', 'sensor.cpu.value', 'power'] })
    expect(readings).toEqual([
      { address: 'clock.uart.rate', number: 48e6, unit: 'Hz', shown: '48 MHz' },
      { address: 'clock.uart.enabled', flag: false, unit: '', shown: 'no' },
      { address: 'sensor.cpu.value', number: 41.5, unit: '°C', shown: '41.5 °C' },
      { address: 'power.gpu.state', text: 'off', unit: '', shown: 'off' },
      { address: 'power.gpu.power', number: 0, unit: 'W', shown: '0 W' },
    ])
    expect((await client.call('get', { addresses: [] })).readings.length).toBeGreaterThan(readings.length)
  })

  it('is watched', async () => {
    const rig = await setUp()
    const seen: ReadingEntry[] = []
    const abort = new AbortController()
    const watching = rig.client.stream(
      'watch',
      { addresses: ['clock.uart.rate', 'sensor.cpu.value'] },
      ({ readings }) => seen.push(...readings),
      abort.signal,
    )
    await until(() => seen.length === 2, 'the first values')
    await rig.guest.send(CLOCK, 0x5, 0, UART, 48e6, 0)
    await rig.client.call('set', { address: 'sensor.cpu', value: '85C' })
    await until(() => seen.length === 4, 'the changes')
    expect(seen.map(({ address, shown }) => `${address} ${shown}`).sort()).toEqual([
      'clock.uart.rate 24 MHz',
      'clock.uart.rate 48 MHz',
      'sensor.cpu.value 41.5 °C',
      'sensor.cpu.value 85 °C',
    ])
    abort.abort()
    await watching
  })

  it('is not polled all the time, whatever interval a client asks for', async () => {
    const { server } = await setUp({ connect: false })
    const operations = new Operations(server, '0')
    // Timers treat intervals beyond 2^31 ms as 1 ms.
    for (const [interval_ms, most] of [
      [2 ** 32 - 1, 3],
      [1, 1000 / 20 + 3],
    ] as const) {
      let looks = 0
      const began = performance.now()
      const ready = () => ++looks < 0
      const end = operations.watch({ interval_ms }, { send() {}, ready })
      await until(() => performance.now() - began > 1000, 'a second')
      end()
      expect(looks).toBeGreaterThan(0)
      expect(looks).toBeLessThanOrEqual(most)
    }
  })

  it('is set, and subscribed agents are notified', async () => {
    const rig = await setUp()
    const { client, guest } = rig
    await guest.send(CLOCK, 0x9, UART, 1)
    expect(await client.call('set', { address: 'clock.uart', value: '48MHz' })).toEqual({
      reading: { address: 'clock.uart.rate', number: 48e6, unit: 'Hz', shown: '48 MHz' },
      notified: ['linux'],
    })
    expect(await nextEvents(rig)).toEqual([[packHeader(CLOCK, 0, NOTIFICATION, 0), 0, UART, 48e6, 0]])
    const { notified } = await client.call('set', { address: 'sensor.cpu', value: '85C' })
    expect(notified).toEqual([])
    expect(await guest.send(SENSOR, 0x6, 0, 0)).toEqual([0, 85_000, 0, 0, 0])
  })

  it.each([
    ['clock.uart', '25 MHz', new OperatorError("clock.uart.rate can't be 25 MHz; allowed: 24 MHz, 48 MHz")],
    ['clock.foo', '1', new OperatorError('there is no clock.foo; there are clock.cpu, clock.uart')],
    ['perf.dsp.frequency', '1', new FailedError("perf.dsp.frequency can't be set, only read")],
  ])('%s can not be set to %s', async (address, value, error) => {
    const { client } = await setUp({ connect: false })
    const refused = await client.call('set', { address, value }).catch((error: Error) => error)
    expect([refused.constructor, (refused as Error).message]).toEqual([error.constructor, error.message])
  })
})

describe('notifications', () => {
  it('are sent as if from hardware, with or without a subscription', async () => {
    const rig = await setUp()
    const fields = { agent_id: 0, clock_id: 1, rate: 5e9 }
    const request = { protocol: 'clock', message: 'CLOCK_RATE_CHANGED', fields, count: 2 }
    expect(await rig.client.call('notify', request)).toEqual({ notified: ['linux'] })
    const event = [packHeader(CLOCK, 0, NOTIFICATION, 0), 0, 1, 5e9 % 2 ** 32, 1]
    expect(await nextEvents(rig, 2)).toEqual([event, event])
  })

  it.each([
    [{ protocol: 'x', message: 'y' }, /^there is no protocol x; there are base, power, system/],
    [{ protocol: 'clock', message: 'CLOCK_RATE_SET' }, /^there is no notification of clock CLOCK_RATE_SET; there are/],
    [{ protocol: 'clock', message: 'CLOCK_RATE_CHANGED', agent: 'x' }, /^there is no agent x; there are linux, rtos/],
    [{ protocol: 'clock', message: 'CLOCK_RATE_CHANGED' }, /fields: agent_id is missing/],
    [
      { protocol: 'clock', message: 'CLOCK_RATE_CHANGED', fields: { agent_id: 'x', clock_id: 0, rate: 0 } },
      /fields.agent_id: x is not a whole number/,
    ],
  ])('%j is refused', async (request, says) => {
    const { client } = await setUp()
    const error = await client.call('notify', request).catch((error: Error) => error)
    expect(error).toBeInstanceOf(OperatorError)
    expect((error as Error).message).toMatch(says)
  })

  it('need a running driver', async () => {
    const { client } = await setUp({ connect: false })
    const request = { protocol: 'clock', message: 'CLOCK_RATE_CHANGED', fields: { agent_id: 0, clock_id: 1, rate: 1 } }
    await expect(client.call('notify', request)).rejects.toThrow(
      new FailedError('no running driver has an event queue; start a guest'),
    )
  })
})

describe('system power', () => {
  it('is requested or forced', async () => {
    const rig = await setUp()
    await rig.guest.send(SYSTEM, 0x5, 1)
    const { client } = rig
    expect(await client.call('requestPower', { state: 'shutdown', timeout_ms: 5000 })).toEqual({ notified: ['linux'] })
    expect(await client.call('requestPower', { state: 'suspend', forced: true })).toEqual({ notified: ['linux'] })
    const header = packHeader(SYSTEM, 0, NOTIFICATION, 0)
    expect(await nextEvents(rig, 2)).toEqual([
      [header, 0, 1, 0, 5000],
      [header, 0, 0, 4, 0],
    ])
    expect((await client.call('get', { addresses: ['system.state'] })).readings[0]?.text).toBe('suspend')
  })

  it.each([
    [{}, 'hibernate', OperatorError, /^there is no system power state hibernate; there are shutdown, cold_reset, warm/],
    [{}, 'warm_reset', FailedError, /^the system has no warm_reset; write "warm_reset: true" into section system/],
    [{ system: undefined }, 'shutdown', FailedError, /^the platform file has no section system/],
  ])('with %j: %s', async (platform, state, kind, says) => {
    const { client } = await setUp({ platform, connect: false })
    const error = await client.call('requestPower', { state }).catch((error: Error) => error)
    expect(error).toBeInstanceOf(kind)
    expect((error as Error).message).toMatch(says)
  })
})

describe('fault rules', () => {
  it('are added, applied, listed and removed', async () => {
    const { client, guest } = await setUp()
    const rule = { protocol: 'clock', message: 'CLOCK_RATE_GET', status: 'BUSY', times: 2, where: { clock_id: UART } }
    expect(await client.call('addFault', { rule })).toEqual({ id: 1, rule, hits: 0, held: 0, active: true })
    expect(await guest.send(CLOCK, 0x6, UART)).toEqual([-6])
    expect(await guest.send(CLOCK, 0x6, 0)).toEqual([0, 600e6, 0])
    expect(await client.call('listFaults', undefined)).toEqual({
      faults: [{ id: 1, rule, hits: 1, held: 0, active: true }],
    })
    await client.call('addFault', { rule: { protocol: 'sensor', drop: true } })
    expect((await client.call('removeFault', { id: 1 })).faults.map(({ id }) => id)).toEqual([2])
    expect(await guest.send(CLOCK, 0x6, UART)).toEqual([0, 24e6, 0])
    expect(await client.call('clearFaults', undefined)).toEqual({ faults: [] })
    expect(await guest.send(SENSOR, 0x6, 0, 0)).toEqual([0, 41_500, 0, 0, 0])
  })

  it('release held messages', async () => {
    const { client, guest } = await setUp()
    await client.call('addFault', { rule: { protocol: 'clock', hold: true } })
    const answered = guest.send(CLOCK, 0x6, UART)
    let held = 0
    while (held === 0) held = (await client.call('listFaults', undefined)).faults[0]!.held
    await client.call('releaseFault', { id: 1 })
    expect(await answered).toEqual([0, 24e6, 0])
  })

  it.each([
    [{ protocol: 'clokc', drop: true }, /clokc/],
    [{ protocol: 'clock' }, /it does nothing; give at least one of/],
    [{ drop: 'yes' }, /drop/],
    [{ drop: true, colour: 1 }, /colour/],
    [{ drop: true, times: 0 }, /times/],
  ])('%j is refused', async (rule, says) => {
    const { client } = await setUp({ connect: false })
    const error = await client.call('addFault', { rule }).catch((error: Error) => error)
    expect(error).toBeInstanceOf(OperatorError)
    expect((error as Error).message).toMatch(says)
    expect((error as Error).message).not.toContain('\n')
  })

  it('that do not exist can not be removed', async () => {
    const { client } = await setUp({ connect: false })
    for (const name of ['removeFault', 'releaseFault'] as const) {
      await expect(client.call(name, { id: 7 })).rejects.toThrow(
        new OperatorError('there is no fault rule 7; there are none'),
      )
    }
  })
})

it('has a method for each operation, and no other', () => {
  const operations = Object.getOwnPropertyNames(Operations.prototype).filter(name => name !== 'constructor')
  expect(operations.sort()).toEqual(Object.keys(serviceDefinition()).map(operationName).sort())
})
