/** What the control service says of messages, over its socket: streams, statistics and traces. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { MessageEntry } from '../../src/access/operations/shapes.js'
import { until } from '../../src/front-end/wait.js'
import { FailedError, OperatorError } from '../../src/support/errors.js'
import { CLOCK, type ControlRig, PERF, SENSOR, setUp, UART } from './rig.js'

/** Streams messages until the test ends; returns what has arrived. */
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

describe('messages', () => {
  it('are streamed with their fields', async () => {
    const rig = await setUp()
    const seen = messagesOf(rig, {})
    // The stream begins when the device has its request: the reply to a later call shows that.
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
  // A batch is timed when the next one begins.
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
