/** Two guests on one platform, each with its own socket: what they share, and what is released when one leaves. */
import { closeSync, mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Endpoint } from '../../src/device/endpoint.js'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { until } from '../../src/front-end/wait.js'
import { clocks } from '../../src/platform/clocks/index.js'
import { VirtualTime } from '../../src/platform/core/time.js'
import { perfDomains } from '../../src/platform/perf-domains/index.js'
import { powerDomains } from '../../src/platform/power-domains/index.js'
import { ON } from '../../src/platform/power-domains/model.js'
import { sensors } from '../../src/platform/sensors/index.js'
import { serve } from '../../src/server/serve.js'
import type { Server } from '../../src/server/server.js'
import { packHeader } from '../../src/wire/header.js'
import { CAPACITY, Guest } from '../driver/guest.js'
import { sys } from '../driver/syscalls.js'
import { socketPath } from './rig.js'

const PLATFORM = `
vendor: acme
agents: [{ name: a }, { name: b }]
protocols: { clock: { max_pending_async: 4 } }
devices: [{ name: uart, resources: { clocks: [uart] } }]
clocks: [{ name: cpu, rates: [600 MHz, 900 MHz] }, { name: uart, rates: [24 MHz, 48 MHz] }]
power_domains: [{ name: gpu }]
sensors: [{ name: soc, type: celsius, value: 40, update_intervals: [100 ms, 1 s], trip_points: 1 }]
perf_domains: [{ name: dsp, levels: [{ level: 1, power: 1 }, { level: 2, power: 2 }], sustained_frequency: 2 MHz }]
`
const BASE = 0x10
const POWER = 0x11
const PERF = 0x13
const CLOCK = 0x14
const SENSOR = 0x15
const CPU = 0
const UART = 1
const DENIED = -3
const GRACE_MS = 30_000

interface Rig {
  server: Server
  time: VirtualTime
  a: Guest
  b: Guest
  paths: { a: string; b: string }
  /** Waits until an agent's device has noticed that its front end is gone. */
  gone(agent: number): Promise<void>
}

/** A platform that is served, and two guests; `connect` says whether they are connected. */
async function setUp(endpoint?: (path: string) => Endpoint): Promise<Rig> {
  const folder = mkdtempSync(join(tmpdir(), 'scmi-agents-'))
  const platform = join(folder, 'two.yaml')
  writeFileSync(platform, PLATFORM)
  const time = new VirtualTime()
  const paths = { a: socketPath(), b: socketPath() }
  const server = await serve({
    platform,
    time,
    endpoints: { a: endpoint?.(paths.a) ?? { socketPath: paths.a }, b: { socketPath: paths.b } },
  })
  const [a, b] = [new Guest(), new Guest()]
  onTestFinished(() => {
    for (const guest of [a, b]) guest.close()
    server.close()
    rmSync(folder, { recursive: true })
  })
  const gone = (agent: number) => until(() => !server.devices[agent]!.connected, 'the front end is gone')
  return { server, time, a, b, paths, gone }
}

async function connected(): Promise<Rig> {
  const rig = await setUp()
  await rig.a.connect(FrontEnd.connect(rig.paths.a))
  await rig.b.connect(FrontEnd.connect(rig.paths.b))
  return rig
}

describe('two guests on one platform', () => {
  it('are notified of what the other changes', async () => {
    const { a, b } = await connected()
    b.driver.postEventBuffers(4, CAPACITY)
    expect(await b.send(CLOCK, 0x9, CPU, 1)).toEqual([0])
    expect(await a.send(CLOCK, 0x5, 0, CPU, 900e6, 0)).toEqual([0])
    let events: Uint8Array[] = []
    await until(() => (events = b.driver.events()).length > 0, 'a notification')
    expect(events.map(event => [...new Uint32Array(event.slice().buffer)])).toEqual([
      [packHeader(CLOCK, 0, 3, 0), 1, CPU, 900e6, 0],
    ])
    expect(await b.send(CLOCK, 0x6, CPU)).toEqual([0, 900e6, 0])
  })

  it('can be denied resources by the other one, which is trusted', async () => {
    const { a, b } = await connected()
    const setPermissions = (agent: number, flags: number) => [BASE, 0x9, agent, 0, flags] as const
    expect(await b.send(...setPermissions(1, 0))).toEqual([DENIED])
    expect(await a.send(...setPermissions(2, 0))).toEqual([0])
    expect(await b.send(CLOCK, 0x6, UART)).toEqual([DENIED])
    expect(await a.send(CLOCK, 0x6, UART)).toEqual([0, 24e6, 0])
    expect(await b.send(CLOCK, 0x6, CPU)).toEqual([0, 600e6, 0])
    expect(await a.send(...setPermissions(2, 1))).toEqual([0])
    expect(await b.send(CLOCK, 0x6, UART)).toEqual([0, 24e6, 0])
  })
})

/** Header and words of the events that have arrived. */
const eventsOf = ({ driver }: Guest): number[][] =>
  driver.events().map(event => [...new Uint32Array(event.slice().buffer)])

describe('events that a guest has not received when a resource is taken from it', () => {
  it('notifications of the resource that wait for buffers are dropped, others are not', async () => {
    const { a, b, server } = await connected()
    for (const clock of [CPU, UART]) expect(await b.send(CLOCK, 0x9, clock, 1)).toEqual([0])
    expect(await a.send(CLOCK, 0x5, 0, UART, 48e6, 0)).toEqual([0])
    expect(await a.send(CLOCK, 0x5, 0, CPU, 900e6, 0)).toEqual([0])
    expect(server.devices[1]!.events.waiting).toBe(2)
    expect(await a.send(BASE, 0x9, 2, 0, 0)).toEqual([0])
    expect(server.devices[1]!.events.waiting).toBe(1)
    expect(server.devices[1]!.events.dropped).toBe(1)
    expect(await a.send(CLOCK, 0x5, 0, UART, 24e6, 0)).toEqual([0])
    b.driver.postEventBuffers(4, CAPACITY)
    let events: number[][] = []
    await until(() => (events = eventsOf(b)).length > 0, 'a notification')
    expect(events).toEqual([[packHeader(CLOCK, 0, 3, 0), 1, CPU, 900e6, 0]])
  })

  it('notifications that a fault rule held back are dropped as well', async () => {
    const { a, b, server, time } = await connected()
    b.driver.postEventBuffers(8, CAPACITY)
    server.faults.add({ on: 'notification', message: 'CLOCK_RATE_CHANGED', delay: '1 s', duplicate: 1 })
    for (const clock of [CPU, UART]) expect(await b.send(CLOCK, 0x9, clock, 1)).toEqual([0])
    expect(await a.send(CLOCK, 0x5, 0, UART, 48e6, 0)).toEqual([0])
    expect(await a.send(CLOCK, 0x5, 0, CPU, 900e6, 0)).toEqual([0])
    expect(await a.send(BASE, 0x9, 2, 0, 0)).toEqual([0])
    time.advance(2e6)
    let events: number[][] = []
    await until(() => (events = [...events, ...eventsOf(b)]).length >= 2, 'notifications')
    expect(events.map(([, , clock]) => clock)).toEqual([CPU, CPU])
  })

  it('delayed responses arrive, with the values of when the command was executed', async () => {
    const { a, b, time, server } = await connected()
    expect(await b.send(CLOCK, 0x5, 1, UART, 48e6, 0)).toEqual([0])
    time.advance(1000)
    expect(server.devices[1]!.events.waiting).toBe(1)
    expect(await a.send(BASE, 0x9, 2, 0, 0)).toEqual([0])
    b.driver.postEventBuffers(4, CAPACITY)
    let events: number[][] = []
    await until(() => (events = eventsOf(b)).length > 0, 'a delayed response')
    expect(events.map(([header, ...words]) => [header! & 0x3ffff, ...words])).toEqual([
      [packHeader(CLOCK, 0x5, 2, 0), 0, UART, 48e6, 0],
    ])
  })
})

/** Lets both guests hold a clock, a power domain, a limit and a sensor's configuration, and one of them more. */
async function hold({ a, b }: Rig): Promise<void> {
  for (const guest of [a, b]) {
    expect(await guest.send(CLOCK, 0x7, CPU, 1, 0)).toEqual([0])
    expect(await guest.send(POWER, 0x4, 0, 0, ON)).toEqual([0])
  }
  expect(await a.send(CLOCK, 0x7, UART, 1, 0)).toEqual([0])
  expect(await a.send(PERF, 0x5, 0, 1, 1)).toEqual([0])
  expect(await a.send(SENSOR, 0xa, 0, 0)).toEqual([0])
}

function state({ server: { platform } }: Rig) {
  return {
    clocks: platform.model(clocks).list.map(({ enabled }) => enabled),
    power: platform.model(powerDomains).named('gpu').state === ON,
    limit: platform.model(perfDomains).named('dsp').max.level,
    sensor: platform.model(sensors).named('soc').enabled,
  }
}

const HELD = { clocks: [true, true], power: true, limit: 1, sensor: false }

describe('a guest whose front end disconnects for good', () => {
  it('leaves what others hold, and nothing else', async () => {
    const rig = await connected()
    await hold(rig)
    expect(state(rig)).toEqual(HELD)
    rig.a.disconnect()
    await rig.gone(0)
    rig.time.advance(GRACE_MS * 1000 - 1)
    expect(state(rig)).toEqual(HELD)
    rig.time.advance(1)
    expect(state(rig)).toEqual({ clocks: [true, false], power: true, limit: 2, sensor: true })
    expect(await rig.b.send(CLOCK, 0xb, CPU, 0)).toEqual([0, 0, 1, 0])
    rig.b.disconnect()
    await rig.gone(1)
    rig.time.advance(GRACE_MS * 1000)
    expect(state(rig)).toEqual({ clocks: [false, false], power: false, limit: 2, sensor: true })
  })

  it('gets no more events', async () => {
    const rig = await connected()
    expect(await rig.a.send(CLOCK, 0x9, CPU, 1)).toEqual([0])
    rig.a.disconnect()
    await rig.gone(0)
    rig.time.advance(GRACE_MS * 1000)
    const model = rig.server.platform.model(clocks)
    model.setRate(model.named('cpu'), 900e6, 0)
    expect(rig.server.stats()[0]).toMatchObject({ notificationsDropped: 0, notificationsWaiting: 0 })
  })
})

describe('a guest whose front end reconnects', () => {
  it('in time, with resumed rings, still holds what it held', async () => {
    const rig = await connected()
    await hold(rig)
    const base = rig.a.driver.cmdq.nextUsed
    rig.a.disconnect()
    await rig.gone(0)
    rig.time.advance(GRACE_MS * 1000 - 1)
    await rig.a.connect(FrontEnd.connect(rig.paths.a), [base, 0])
    rig.time.advance(10 * GRACE_MS * 1000)
    expect(state(rig)).toEqual(HELD)
    expect(await rig.a.send(CLOCK, 0xb, UART, 0)).toEqual([0, 0, 1, 0])
  })

  it('with fresh rings, finds the platform as a new guest does', async () => {
    const rig = await connected()
    await hold(rig)
    rig.a.disconnect()
    await rig.gone(0)
    rig.a.driver.reset()
    await rig.a.connect(FrontEnd.connect(rig.paths.a))
    expect(state(rig)).toEqual({ clocks: [true, false], power: true, limit: 2, sensor: true })
  })

  it('however late, still holds what it held, if the device dials', async () => {
    const rig = await setUp(path => ({ connectPath: path }))
    const accept = async (listener: number): Promise<FrontEnd> => {
      await until(() => rig.server.devices[0]!.connected, 'the device dials')
      return new FrontEnd(sys.accept(listener))
    }
    let listener = sys.listen(rig.paths.a)
    await rig.a.connect(await accept(listener))
    await rig.b.connect(FrontEnd.connect(rig.paths.b))
    await hold(rig)
    const base = rig.a.driver.cmdq.nextUsed
    closeSync(listener)
    unlinkSync(rig.paths.a)
    rig.a.disconnect()
    await rig.gone(0)
    rig.time.advance(10 * GRACE_MS * 1000)
    expect(state(rig)).toEqual(HELD)
    listener = sys.listen(rig.paths.a)
    onTestFinished(() => closeSync(listener))
    await rig.a.connect(await accept(listener), [base, 0])
    expect(state(rig)).toEqual(HELD)
    expect(await rig.a.send(CLOCK, 0xb, UART, 0)).toEqual([0, 0, 1, 0])
  })
})
