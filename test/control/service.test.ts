/** Each operation of the control service, over its socket, on a platform with a driver. */
import { statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ControlClient } from '../../src/access/control/client.js'
import { operationName, serviceDefinition } from '../../src/access/control/schema.js'
import { Operations } from '../../src/access/operations/operations.js'
import type { MessageEntry, ReadingEntry } from '../../src/access/operations/shapes.js'
import { until } from '../../src/front-end/wait.js'
import { definePlatform } from '../../src/loading/load.js'
import { serve } from '../../src/server/serve.js'
import { FailedError, OperatorError } from '../../src/support/errors.js'
import { packHeader } from '../../src/wire/header.js'
import { leaveStale } from './dead-socket.js'
import { CLOCK, type ControlRig, nextEvents, PERF, PLATFORM, SENSOR, SYSTEM, setUp } from './rig.js'

const NOTIFICATION = 3
const UART = 1

/** Streams until the test ends; returns what has come. */
function messagesOf({ client }: ControlRig, filter: Parameters<typeof client.stream<'streamMessages'>>[1]) {
  const abort = new AbortController()
  const seen = { messages: [] as MessageEntry[], omitted: 0 }
  const ended = client.stream(
    'streamMessages',
    filter,
    ({ messages, omitted }) => {
      seen.messages.push(...messages)
      seen.omitted += omitted
    },
    abort.signal,
  )
  onTestFinished(() => {
    abort.abort()
    return ended
  })
  return seen
}

describe('describing', () => {
  it('says what the platform is, which agents it has, and what can be set to what', async () => {
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

  it('says what each agent sees', async () => {
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

  it('is not looked at all the time, whatever interval a client asks for', async () => {
    const { server } = await setUp({ connect: false })
    const operations = new Operations(server, '0')
    // Timers take what is beyond 2^31 for 1 ms.
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

  it('is set, and the agents that want to know are told', async () => {
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
  it('are sent as if from hardware, asked for or not', async () => {
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

  it('need a driver to be sent to', async () => {
    const { client } = await setUp({ connect: false })
    const request = { protocol: 'clock', message: 'CLOCK_RATE_CHANGED', fields: { agent_id: 0, clock_id: 1, rate: 1 } }
    await expect(client.call('notify', request)).rejects.toThrow(
      new FailedError('no running driver has an event queue; start a guest'),
    )
  })
})

describe('system power', () => {
  it('is asked for or forced', async () => {
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
  it('are added, do their work, are listed and removed', async () => {
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

  it('let go of what they hold', async () => {
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

  it('that are not there can not be removed', async () => {
    const { client } = await setUp({ connect: false })
    for (const name of ['removeFault', 'releaseFault'] as const) {
      await expect(client.call(name, { id: 7 })).rejects.toThrow(
        new OperatorError('there is no fault rule 7; there are none'),
      )
    }
  })
})

describe('messages', () => {
  it('are streamed with their fields', async () => {
    const rig = await setUp()
    const seen = messagesOf(rig, {})
    // The stream begins when the device has the request, which another answer tells.
    await rig.client.call('getStats', undefined)
    await rig.guest.send(CLOCK, 0x9, UART, 1)
    await rig.guest.send(CLOCK, 0x5, 0, UART, 48e6, 0)
    await rig.guest.send(CLOCK, 0x6, 99)
    await until(() => seen.messages.length === 4, 'all messages')
    expect(seen.messages.map(({ shown }) => shown).sort()).toEqual([
      'clock CLOCK_RATE_CHANGED {agent_id: 1, clock_id: 1, rate: 48000000}',
      'clock CLOCK_RATE_GET #1 {clock_id: 99} → NOT_FOUND',
      'clock CLOCK_RATE_NOTIFY #1 {clock_id: 1, notify_enable: 1} → SUCCESS',
      'clock CLOCK_RATE_SET #1 {flags: 0, clock_id: 1, rate: 48000000} → SUCCESS',
    ])
    const set = seen.messages.find(({ message }) => message === 'CLOCK_RATE_SET')!
    expect(set).toMatchObject({
      agent: 'linux',
      kind: 'command',
      protocol: 'clock',
      token: 1,
      status: 0,
      status_name: 'SUCCESS',
      request: { flags: 0, clock_id: 1, rate: 48e6 },
    })
    expect(set.answered_us).toBeGreaterThan(set.arrived_us)
    expect(seen.omitted).toBe(0)
  })

  it.each([
    [{ messages: ['CLOCK_RATE_GET'] }, ['CLOCK_RATE_GET', 'CLOCK_RATE_GET']],
    [{ failed: true }, ['CLOCK_RATE_GET', 'PERFORMANCE_LEVEL_GET']],
    [{ statuses: ['NOT_FOUND'], protocols: ['perf'] }, ['PERFORMANCE_LEVEL_GET']],
    [{ protocols: ['sensor'] }, ['SENSOR_READING_GET']],
    [{ kinds: ['notification'] }, ['CLOCK_RATE_CHANGED']],
    [
      { agents: ['linux'], messages: ['CLOCK_RATE_CHANGED', 'SENSOR_READING_GET'] },
      ['SENSOR_READING_GET', 'CLOCK_RATE_CHANGED'],
    ],
  ])('are filtered by %j', async (filter, names) => {
    const rig = await setUp()
    const { guest } = rig
    const all = messagesOf(rig, {})
    const seen = messagesOf(rig, filter)
    await rig.client.call('getStats', undefined)
    await guest.send(CLOCK, 0x9, UART, 1)
    await guest.send(CLOCK, 0x6, UART)
    await guest.send(CLOCK, 0x6, 99)
    await guest.send(PERF, 0x8, 99)
    await guest.send(SENSOR, 0x6, 0, 0)
    await rig.client.call('set', { address: 'clock.uart', value: '48MHz' })
    await until(() => all.messages.length === 6, 'all messages')
    expect(seen.messages.map(({ message }) => message).sort()).toEqual([...names].sort())
  })

  it('beyond the limit are counted', async () => {
    const rig = await setUp()
    const seen = messagesOf(rig, { max_per_second: 20 })
    await rig.client.call('getStats', undefined)
    const sent = 500
    for (let i = 0; i < sent; i++) await rig.guest.send(CLOCK, 0x6, UART)
    await until(() => seen.messages.length + seen.omitted === sent, 'all accounted for')
    expect(seen.messages.length).toBeGreaterThan(0)
    expect(seen.omitted).toBeGreaterThan(seen.messages.length)
  })

  it.each([
    [{ protocols: ['x'] }, /^there is no protocol x; there are base/],
    [{ messages: ['CLOCK_FOO'] }, /^there is no message CLOCK_FOO; there are/],
    [
      { protocols: ['perf'], messages: ['CLOCK_RATE_GET'] },
      /^there is no message CLOCK_RATE_GET; there are PROTOCOL_VERSION/,
    ],
    [{ agents: ['x'] }, /^there is no agent x; there are linux, rtos/],
    [{ statuses: ['FINE'] }, /^there is no status FINE; there are SUCCESS, NOT_SUPPORTED/],
    [{ kinds: ['letter'] }, /^there is no kind letter; there are command, delayed response, notification/],
  ])('can not be filtered by %j', async (filter, says) => {
    const { client } = await setUp({ connect: false })
    await expect(client.stream('streamMessages', filter, () => {})).rejects.toThrow(says)
  })
})

it('statistics are by protocol, message and status, with times', async () => {
  const { client, guest } = await setUp()
  for (const id of [UART, UART, 99]) await guest.send(CLOCK, 0x6, id)
  const { agents } = await client.call('getStats', undefined)
  expect(agents.map(({ agent, messages }) => [agent, messages])).toEqual([
    ['linux', 3],
    ['rtos', 0],
  ])
  const message = agents[0]?.protocols[0]?.messages[0]
  expect(message).toMatchObject({
    id: 6,
    name: 'CLOCK_RATE_GET',
    succeeded: 2,
    failed: 1,
    statuses: { SUCCESS: 2, NOT_FOUND: 1 },
  })
  // A batch is timed when the next one comes.
  expect(message?.latency.count).toBe(2)
  expect(message?.latency.sum_ns).toBeGreaterThan(0)
})

describe('traces', () => {
  it('are recorded to a file', async () => {
    const { client, guest, folder } = await setUp()
    const file = join(folder, 'trace')
    expect(await client.call('getTrace', undefined)).toMatchObject({ file: '', recording: false })
    expect(await client.call('startTrace', { file })).toMatchObject({ file, recording: true, error: '' })
    await expect(client.call('startTrace', { file: `${file}2` })).rejects.toThrow(
      new FailedError(`a trace is being recorded to ${file}; stop it before you start another`),
    )
    for (let i = 0; i < 3; i++) await guest.send(CLOCK, 0x6, UART)
    const trace = await client.call('stopTrace', undefined)
    expect(trace).toMatchObject({ file, recording: false, messages: 3, lost: 0, error: '' })
    expect(trace.bytes).toBe(statSync(file).size)
    await expect(client.call('stopTrace', undefined)).rejects.toThrow(
      new FailedError('no trace is being recorded; start one'),
    )
  })

  it.each([
    ['', new OperatorError('a trace needs the path of a file')],
    ['/no/such/trace', new OperatorError('/no/such/trace: there is no folder /no/such; make it, or give another file')],
    ['/dev/full', new FailedError('/dev/full: no space left on device; free some space, or give a file elsewhere')],
  ])('are not recorded to %j', async (file, refusal) => {
    const { client } = await setUp({ connect: false })
    const error = await client.call('startTrace', { file }).catch((error: Error) => error)
    expect(error).toBeInstanceOf(refusal.constructor)
    expect((error as Error).message).toBe(refusal.message)
  })
})

describe('the socket', () => {
  it('is for its owner alone, and gone when the device is', async () => {
    const { server, control } = await setUp({ connect: false })
    const stat = statSync(control)
    expect([stat.isSocket(), stat.mode & 0o777]).toEqual([true, 0o600])
    server.close()
    expect(statSync(control, { throwIfNoEntry: false })).toBe(undefined)
  })

  it('is not taken from a device that runs', async () => {
    const { control, folder } = await setUp({ connect: false })
    const second = serve({
      platform: definePlatform({ vendor: 'b' }),
      endpoint: { socketPath: join(folder, 'second') },
      open: { control },
    })
    await expect(second).rejects.toThrow(
      new OperatorError(`${control} is served by a running process; stop it or give another --control`),
    )
    expect(statSync(join(folder, 'second'), { throwIfNoEntry: false })).toBe(undefined)
  })

  it('is taken from one that is dead, never from something else', async () => {
    const { folder } = await setUp({ connect: false })
    const open = async (control: string) => {
      const server = await serve({
        platform: definePlatform(PLATFORM),
        endpoints: { linux: { socketPath: join(folder, 'l2') }, rtos: { socketPath: join(folder, 'r2') } },
        open: { control },
      })
      server.close()
    }
    const file = join(folder, 'file')
    writeFileSync(file, '')
    await expect(open(file)).rejects.toThrow(`${file} exists and is not a socket; give another --control or remove it`)
    await expect(open(join(folder, 'no', 'such'))).rejects.toThrow(`there is no folder ${folder}/no`)
    const stale = join(folder, 'stale')
    await leaveStale(stale)
    await open(stale)
  })

  it('that is missing, dead or none is told apart', async () => {
    const { folder, server, control, client } = await setUp({ connect: false })
    const refusal = async (path: string) => {
      const error = await ControlClient.open(path).catch((error: Error) => error)
      return error instanceof Error ? `${error.name}: ${error.message}` : 'opened'
    }
    const missing = join(folder, 'missing')
    expect(await refusal(missing)).toBe(
      `OperatorError: there is no socket ${missing}; start the device with --control ${missing}, or give another path`,
    )
    const stale = join(folder, 'stale')
    await leaveStale(stale)
    expect(await refusal(stale)).toBe(`FailedError: nothing listens on ${stale}: the device has exited`)
    const abort = new AbortController()
    const streaming = client.stream('watch', {}, () => {}, abort.signal)
    await client.call('getStats', undefined)
    server.close()
    await expect(streaming).rejects.toThrow(new FailedError(`the device at ${control} has stopped`))
    await expect(client.call('getStats', undefined)).rejects.toThrow(FailedError)
  })

  it('outlives clients that send garbage or leave in the middle', async () => {
    const rig = await setUp()
    const socket = connect(rig.control)
    await new Promise<void>(resolve => socket.write(Buffer.alloc(4096, 0xa5), () => resolve()))
    const second = await ControlClient.open(rig.control)
    void second.stream('streamMessages', {}, () => {}).catch(() => {})
    await second.call('getStats', undefined)
    second.close()
    socket.destroy()
    await rig.guest.send(CLOCK, 0x6, UART)
    expect((await rig.client.call('getStats', undefined)).agents[0]?.messages).toBe(1)
  })
})

it('has a method for each operation, and no other', async () => {
  const { server } = await setUp({ connect: false })
  const { Operations } = await import('../../src/access/operations/operations.js')
  const operations = Object.getOwnPropertyNames(Operations.prototype).filter(name => name !== 'constructor')
  expect(operations.sort()).toEqual(Object.keys(serviceDefinition()).map(operationName).sort())
  expect(server.devices).toHaveLength(2)
})
