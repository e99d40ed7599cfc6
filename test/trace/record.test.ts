/** Recorded traces: compares what the driver saw with the file, message by message. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { until } from '../../src/front-end/wait.js'
import { definePlatform } from '../../src/loading/load.js'
import { loadPlugin } from '../../src/loading/plugins.js'
import { clocks } from '../../src/platform/clocks/index.js'
import { monotonicUs } from '../../src/platform/core/time.js'
import { serve } from '../../src/server/serve.js'
import { readTrace, type TracedMessage, type TracedMoment } from '../../src/trace/reader.js'
import { replay } from '../../src/trace/replay.js'
import { CAPACITY, Guest } from '../driver/guest.js'
import { socketPath } from '../native/rig.js'
import { CLOCK, RATE_GET, RATE_NOTIFY, RATE_SET, SENSOR, type Served, served } from './served.js'

const nowNs = (): number => monotonicUs() * 1000

/** What the driver saw of one exchange. */
interface Seen {
  request: Uint8Array
  reply: Uint8Array
  fromNs: number
  toNs: number
}

/** Sends whole messages one after the other. */
async function exchange({ guest }: Served, messages: readonly number[][]): Promise<Seen[]> {
  const seen: Seen[] = []
  for (const words of messages) {
    const request = new Uint8Array(Uint32Array.from(words).buffer)
    const fromNs = nowNs()
    const { reply } = await guest.driver.exchange(request, CAPACITY)
    seen.push({ request, reply, fromNs, toNs: nowNs() })
  }
  return seen
}

const messagesOf = (path: string, kind: TracedMessage['kind']): TracedMessage[] =>
  readTrace(path).events.flatMap(event => (event.what === 'message' && event.kind === kind ? event : []))

describe('a trace', () => {
  it('joins a kernel event with its command, even if the command comes later in the file', async () => {
    const { server, guest, folder } = await served()
    const path = join(folder, 'trace')
    // Hears of messages before the trace does.
    const unlisten = server.tap.listen(records => {
      while (records.next()) {
        const command = { arrivedNs: Math.round(records.arrivedUs * 1000), token: 0 }
        const timeNs = command.arrivedNs
        trace.kernel([{ name: 'CLOCK_RATE_GET', protocolId: CLOCK, timeNs, endNs: timeNs + 1, command, values: {} }], {
          guestNs: timeNs,
          hostNs: timeNs,
          errorNs: 1,
        })
      }
    })
    const trace = await server.startTrace(path, { withKernel: true })
    await guest.driver.exchange(new Uint8Array(Uint32Array.of((CLOCK << 10) | RATE_GET, 1).buffer), CAPACITY)
    await trace.stop()
    unlisten()
    const [event] = readTrace(path).events.filter(({ what, ...rest }) => what === 'moment' && 'endNs' in rest)
    expect((event as TracedMoment).command).toMatchObject({ message: 'CLOCK_RATE_GET', request: { clock_id: 1 } })
  })

  it('has every message as the driver saw it, with times between those of the driver', async () => {
    const all = await served()
    const path = join(all.folder, 'trace')
    const trace = await all.server.startTrace(path)
    const headers = [0x10, CLOCK, SENSOR, 0x99].flatMap(protocol =>
      [0, 1, 2, 3, 6, 7, 0x77].map(id => (protocol << 10) | id),
    )
    const messages = headers.flatMap((header, i) => [
      [header | (i << 18)],
      [header, 0],
      [header, 1, 0],
      [header, 0, 0, 0, 0],
    ])
    const seen = await exchange(all, [...messages, []])
    const stats = await trace.stop()
    expect(stats).toMatchObject({ path, recording: false, messages: seen.length, lost: 0 })
    const traced = messagesOf(path, 'command')
    expect(traced.map(({ requestBytes, replyBytes }) => [requestBytes, replyBytes])).toEqual(
      seen.map(({ request, reply }) => [request, reply]),
    )
    traced.forEach(({ timeNs, answeredNs, room }, i) => {
      expect(timeNs).toBeGreaterThan(seen[i]!.fromNs)
      expect(answeredNs).toBeGreaterThan(timeNs)
      expect(answeredNs).toBeLessThan(seen[i]!.toNs)
      expect(room).toBe(CAPACITY)
    })
  })

  it('names agent, protocol, message, token, fields and status', async () => {
    const { server, guest, folder } = await served()
    const path = join(folder, 'trace')
    const trace = await server.startTrace(path)
    await guest.send(CLOCK, RATE_GET, 1)
    await guest.send(CLOCK, RATE_GET, 7)
    await guest.send(0x10, 7, 1)
    await guest.send(0x99, 6, 0xff)
    await trace.stop()
    const common = { agent: 'guest', token: 1 }
    const rateGet = { ...common, protocol: 'clock', message: 'CLOCK_RATE_GET' }
    expect(messagesOf(path, 'command')).toMatchObject([
      { ...rateGet, request: { clock_id: 1 }, status: 'SUCCESS', reply: { rate: 24e6 } },
      { ...rateGet, request: { clock_id: 7 }, status: 'NOT_FOUND', reply: {} },
      { ...common, protocol: 'base', message: 'BASE_DISCOVER_AGENT', reply: { agent_id: 1, name: 'guest' } },
      { ...common, protocol: '0x99', message: '0x6', request: Uint8Array.of(0xff, 0, 0, 0), status: 'NOT_SUPPORTED' },
    ])
  })

  it('joins delayed responses with their commands, and has notifications', async () => {
    const { server, guest, folder } = await served()
    guest.driver.postEventBuffers(4, CAPACITY)
    const path = join(folder, 'trace')
    const trace = await server.startTrace(path)
    await guest.send(CLOCK, RATE_NOTIFY, 0, 1)
    await guest.send(CLOCK, RATE_SET, 1, 0, 900e6, 0)
    await until(() => server.device.events.sent === 2, 'a notification and a delayed response')
    await trace.stop()
    const events = guest.driver.events()
    const [, set] = messagesOf(path, 'command')
    expect(set).toMatchObject({ message: 'CLOCK_RATE_SET', status: 'SUCCESS', request: { flags: 1, rate: 900e6 } })
    const [delayed] = messagesOf(path, 'delayed response')
    expect(set!.delayed).toEqual(delayed)
    expect(delayed).toMatchObject({ status: 'SUCCESS', token: 1, reply: { clock_id: 0, rate: 900e6 } })
    // It begins with the reply to the command.
    expect(delayed!.timeNs).toBe(set!.answeredNs)
    expect(delayed!.answeredNs).toBeGreaterThan(delayed!.timeNs)
    const [notification] = messagesOf(path, 'notification')
    expect(notification).toMatchObject({ message: 'CLOCK_RATE_CHANGED', reply: { clock_id: 0, rate: 900e6 } })
    expect([notification!.replyBytes, delayed!.replyBytes]).toEqual(events)
  })

  it('has the values of resources: at the start, when they change, and of sensors while they do', async () => {
    const { server, folder } = await served()
    const path = join(folder, 'trace')
    const trace = await server.startTrace(path)
    const valuesOf = (property: string) =>
      readTrace(path).events.flatMap(event => (event.what === 'value' && event.property === property ? event : []))
    await until(() => valuesOf('sensor.soc.value').length > 2, 'three values of the sensor')
    const { time } = server.platform
    time.refresh()
    const before = time.nowUs
    server.platform.model(clocks).setRate(server.platform.model(clocks).named('cpu'), 900e6, 0)
    await until(() => valuesOf('clock.cpu.rate').length === 2, 'the new rate')
    await trace.stop()
    const rates = valuesOf('clock.cpu.rate')
    expect(rates).toMatchObject([
      { value: 600e6, unit: 'Hz' },
      { value: 900e6, unit: 'Hz' },
    ])
    expect(rates[1]!.timeNs).toBeGreaterThanOrEqual(before * 1000 - 1)
    for (const { value, unit } of valuesOf('sensor.soc.value')) {
      expect(value).toBeGreaterThanOrEqual(40)
      expect(value).toBeLessThanOrEqual(50)
      expect(unit).toBe('°C')
    }
  })
})

describe('besides messages, a trace', () => {
  const faultsOf = (path: string): TracedMoment[] =>
    readTrace(path).events.flatMap(event => (event.what === 'moment' && event.category === 'fault' ? event : []))

  it('agents have tracks of their own', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'scmi-trace-'))
    const paths = { a: socketPath(), b: socketPath() }
    const two = definePlatform({
      vendor: 'acme',
      agents: [{ name: 'a' }, { name: 'b' }],
      clocks: [{ name: 'x', rate: 1 }],
    })
    const server = await serve({ platform: two, endpoints: { a: { socketPath: paths.a }, b: { socketPath: paths.b } } })
    const guests = [new Guest(), new Guest()]
    try {
      await guests[0]!.connect(FrontEnd.connect(paths.a))
      await guests[1]!.connect(FrontEnd.connect(paths.b))
      const path = join(folder, 'trace')
      const trace = await server.startTrace(path)
      for (let i = 0; i < 3; i++) await guests[i % 2]!.send(CLOCK, RATE_GET, 0)
      await trace.stop()
      expect(messagesOf(path, 'command').map(({ agent }) => agent)).toEqual(['a', 'b', 'a'])
    } finally {
      for (const guest of guests) guest.close()
      server.close()
      rmSync(folder, { recursive: true })
    }
  })

  it('has faults with their messages, which replays leave out', async () => {
    const all = await served()
    const { server, guest, folder } = all
    const path = join(folder, 'trace')
    const trace = await server.startTrace(path)
    const late = server.faults.add({ message: 'CLOCK_RATE_GET', where: { clock_id: 1 }, delay: '20 ms', times: 1 })
    const wrong = server.faults.add({ message: 'CLOCK_RATE_GET', where: { clock_id: 0 }, status: 'DENIED', times: 1 })
    await guest.send(CLOCK, RATE_GET, 0)
    await guest.send(CLOCK, RATE_GET, 1)
    await guest.send(CLOCK, RATE_GET, 1)
    await trace.stop()
    const [denied, slow] = messagesOf(path, 'command')
    expect(denied).toMatchObject({ status: 'DENIED' })
    expect(slow).toMatchObject({ status: 'SUCCESS', reply: { rate: 24e6 } })
    expect(slow!.answeredNs! - slow!.timeNs).toBeGreaterThan(15e6)
    expect(faultsOf(path)).toMatchObject([
      { name: `fault rule ${wrong.id}`, agent: 'guest', protocol: 'clock', timeNs: denied!.timeNs },
      { name: `fault rule ${late.id}`, agent: 'guest', protocol: 'clock', timeNs: slow!.timeNs },
    ])
    const result = await replay(readTrace(path), { ignored: new Set() })
    expect(result).toEqual({ commands: 1, events: 0, skipped: 2, differences: [] })
  })

  it.each(['a module', 'an object'])("a plug-in's messages have their fields if it is %s", async kind => {
    const file = join(import.meta.dirname, '../plugin/led.mjs')
    const plugin = kind === 'a module' ? file : await loadPlugin(file)
    const withLeds = definePlatform({ vendor: 'acme', leds: [{ name: 'power', on: true }] })
    const { server, guest, folder } = await served({ platform: withLeds, plugins: [plugin] })
    const path = join(folder, 'trace')
    const trace = await server.startTrace(path)
    await guest.send(0x90, 0x3, 0)
    expect(await trace.stop()).toMatchObject({ messages: 1, lost: 0 })
    expect(messagesOf(path, 'command')).toMatchObject([
      { protocol: 'led', message: 'LED_GET', request: { led_id: 0 }, reply: { on: 1, name: 'power' } },
    ])
  })
})
