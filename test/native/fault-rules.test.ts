/** Every fault that a rule can cause, as a driver sees it. Faults end with the driver that they were for. */
import { readFileSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { FaultRule } from '../../src/faults/rules/rule.js'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { stop } from '../../src/front-end/qemu.js'
import { turns, until } from '../../src/front-end/wait.js'
import { definePlatform } from '../../src/loading/load.js'
import { clocks } from '../../src/platform/clocks/index.js'
import { VirtualTime } from '../../src/platform/core/time.js'
import { serve } from '../../src/server/serve.js'
import type { Server } from '../../src/server/server.js'
import { packHeader } from '../../src/wire/header.js'
import { CAPACITY, Guest } from '../driver/guest.js'
import { sys } from '../driver/syscalls.js'
import { socketPath } from './rig.js'

const PLATFORM = definePlatform({
  vendor: 'acme',
  protocols: { clock: { max_pending_async: 4 } },
  clocks: [
    { name: 'cpu', rates: ['600 MHz', '900 MHz'] },
    { name: 'uart', rates: ['24 MHz', '48 MHz'] },
  ],
})
const BASE = 0x10
const CLOCK = 0x14
const RATE_SET = 0x5
const RATE_GET = 0x6
const RATE_NOTIFY = 0x9
const LIST_PROTOCOLS = 0x6
const ASYNC = 1
const DELAYED = 2
const NOTIFICATION = 3
const CPU = 0
const UART = 1
const LATENCY_US = 1000

class Rig {
  readonly server: Server
  readonly time: VirtualTime
  readonly guest = new Guest()
  readonly path: string
  frontEnd: FrontEnd
  #heads = new Map<number, number>()

  constructor(server: Server, time: VirtualTime, path: string) {
    this.server = server
    this.time = time
    this.path = path
    this.frontEnd = FrontEnd.connect(path)
  }

  /** Offers a message without waiting. */
  post(token: number, protocol: number, id: number, ...words: number[]): void {
    const bytes = new Uint8Array(Uint32Array.of(packHeader(protocol, id, 0, token), ...words).buffer)
    this.#heads.set(this.guest.driver.post(bytes, CAPACITY).head, token)
  }

  publish(): void {
    this.guest.driver.cmdq.publish()
  }

  /** The replies that have arrived: the command's token, and the bytes. */
  answers(): { token: number; bytes: Uint8Array }[] {
    const { cmdq } = this.guest.driver
    return cmdq
      .takeAll()
      .map(used => ({ token: this.#heads.get(used.head)!, bytes: this.guest.driver.answer(used).reply }))
  }

  /** Sends one message and returns the words of its answer, header first. */
  async ask(protocol: number, id: number, ...words: number[]): Promise<number[]> {
    this.post(7, protocol, id, ...words)
    this.publish()
    const [used] = await this.guest.driver.cmdq.collect(1)
    return wordsOf(this.guest.driver.answer(used!).reply)
  }

  async events(count: number): Promise<number[][]> {
    const events: number[][] = []
    await until(
      () => {
        for (const event of this.guest.driver.events()) events.push(wordsOf(event))
        return events.length >= count
      },
      () => `${count} events, ${events.length} so far`,
    )
    return events
  }

  /** As a guest that resets the device and starts a new driver. */
  async restartDriver(): Promise<void> {
    await stop(this.frontEnd, this.guest.driver.queues)
    this.guest.driver.reset()
    await this.guest.start(this.frontEnd)
  }
}

/** Whole words; drops bytes after the last one. */
const wordsOf = (bytes: Uint8Array): number[] => [...new Uint32Array(bytes.slice(0, bytes.length & ~3).buffer)]
const header = (id: number, type = 0, token = 7) => packHeader(CLOCK, id, type, token)
const CPU_RATE = [header(RATE_GET), 0, 600e6, 0]

async function faulty(...faults: FaultRule[]): Promise<Rig> {
  const time = new VirtualTime()
  const path = socketPath()
  const server = await serve({ platform: PLATFORM, time, endpoint: { socketPath: path }, faults })
  const rig = new Rig(server, time, path)
  onTestFinished(() => {
    rig.guest.close()
    server.close()
  })
  await rig.guest.connect(rig.frontEnd)
  rig.guest.driver.postEventBuffers(16, CAPACITY)
  return rig
}

const onRateGet = (rule: Partial<FaultRule>): FaultRule => ({ protocol: 'clock', message: 'CLOCK_RATE_GET', ...rule })

describe('a response', () => {
  it('is dropped as often as the rule says; the next command is answered', async () => {
    const rig = await faulty(onRateGet({ drop: true, times: 2 }))
    for (const token of [1, 2]) rig.post(token, CLOCK, RATE_GET, CPU)
    rig.publish()
    expect(await rig.ask(CLOCK, RATE_GET, CPU)).toEqual(CPU_RATE)
    expect(rig.answers()).toEqual([])
    expect(rig.server.faults.list()).toMatchObject([{ id: 1, hits: 2, active: false }])
    expect(rig.server.stats()[0]).toMatchObject({ faultHits: 2, ringFaults: 0 })
  })

  it('that is dropped belongs to a command that was not executed, unless the rule says so', async () => {
    const rig = await faulty({ message: 'CLOCK_RATE_SET', drop: true, times: 1 })
    rig.post(1, CLOCK, RATE_SET, 0, CPU, 900e6, 0)
    expect(await rig.ask(CLOCK, RATE_GET, CPU)).toEqual(CPU_RATE)
    rig.server.faults.add({ message: 'CLOCK_RATE_SET', drop: true, execute: true })
    rig.post(1, CLOCK, RATE_SET, 0, CPU, 900e6, 0)
    expect(await rig.ask(CLOCK, RATE_GET, CPU)).toEqual([header(RATE_GET), 0, 900e6, 0])
  })

  it('comes late, from a command that was executed at once', async () => {
    const rig = await faulty({ message: 'CLOCK_RATE_SET', delay: '20 ms' })
    rig.post(1, CLOCK, RATE_SET, 0, CPU, 900e6, 0)
    expect(await rig.ask(CLOCK, RATE_GET, CPU)).toEqual([header(RATE_GET), 0, 900e6, 0])
    rig.time.advance(19_999)
    expect(rig.answers()).toEqual([])
    rig.time.advance(1)
    expect(rig.answers().map(({ bytes }) => wordsOf(bytes))).toEqual([[header(RATE_SET, 0, 1), 0]])
  })

  it('is held until it is released', async () => {
    const rig = await faulty(onRateGet({ hold: true, times: 2 }))
    const { faults } = rig.server
    for (const token of [1, 2]) rig.post(token, CLOCK, RATE_GET, CPU)
    expect(await rig.ask(CLOCK, RATE_GET, UART)).toEqual([header(RATE_GET), 0, 24e6, 0])
    expect(faults.list()).toMatchObject([{ held: 2 }])
    faults.release(1)
    await until(() => rig.guest.driver.cmdq.inFlight === 2 && rig.guest.driver.cmdq.usedIdx === 3, 'both answers')
    expect(rig.answers().map(({ token }) => token)).toEqual([1, 2])
    expect(faults.list()).toMatchObject([{ held: 0 }])
  })

  it('that is held comes when its rule is removed', async () => {
    const rig = await faulty(onRateGet({ hold: true }))
    rig.post(1, CLOCK, RATE_GET, CPU)
    rig.publish()
    await until(() => rig.server.faults.list()[0]!.held === 1, 'a held answer')
    rig.server.faults.clear()
    await until(() => rig.guest.driver.cmdq.usedIdx === 1, 'the answer')
    expect(rig.server.faults.list()).toEqual([])
  })

  it('comes in reverse order', async () => {
    const rig = await faulty(onRateGet({ reorder: 3 }))
    for (let token = 1; token <= 6; token++) rig.post(token, CLOCK, RATE_GET, CPU)
    rig.publish()
    await until(() => rig.guest.driver.cmdq.usedIdx === 6, 'all answers')
    expect(rig.answers().map(({ token }) => token)).toEqual([3, 2, 1, 6, 5, 4])
  })

  it.each<{ rule: FaultRule; answer: number[] }>([
    { rule: { status: 'BUSY' }, answer: [header(RATE_GET), -6 >>> 0] },
    { rule: { status: -100 }, answer: [header(RATE_GET), -100 >>> 0] },
    { rule: { status: 'DENIED', execute: true }, answer: [header(RATE_GET), -3 >>> 0] },
    { rule: { fields: { rate: 5 } }, answer: [header(RATE_GET), 0, 5, 0] },
    { rule: { fields: { rate: '0xfffffffffffffff0' } }, answer: [header(RATE_GET), 0, 0xffff_fff0, 0xffff_ffff] },
    { rule: { header: { token: '+1' } }, answer: [header(RATE_GET, 0, 8), 0, 600e6, 0] },
    { rule: { header: { token: '-8' } }, answer: [header(RATE_GET, 0, 1023), 0, 600e6, 0] },
    { rule: { header: { token: 99, type: DELAYED } }, answer: [header(RATE_GET, DELAYED, 99), 0, 600e6, 0] },
    { rule: { header: { protocol: 0x77, message: 1 } }, answer: [packHeader(0x77, 1, 0, 7), 0, 600e6, 0] },
    { rule: { extend: 8 }, answer: [...CPU_RATE, 0, 0] },
    { rule: { words: { 2: 1, 9: 1 } }, answer: [header(RATE_GET), 0, 1, 0] },
    { rule: { extend: 4, words: { 4: 9 } }, answer: [...CPU_RATE, 9] },
    { rule: { bytes: { 4: 0xff } }, answer: [header(RATE_GET), 0xff, 600e6, 0] },
    { rule: { truncate: 8 }, answer: [header(RATE_GET), 0] },
    { rule: { truncate: 4 }, answer: [header(RATE_GET)] },
    { rule: { truncate: 0 }, answer: [] },
    { rule: { rewrite: bytes => bytes.slice().fill(0xaa) }, answer: Array(4).fill(0xaaaa_aaaa) },
  ])('is what the rule makes of it: $rule', async ({ rule, answer }) => {
    const rig = await faulty(onRateGet({ ...rule, times: 1 }))
    expect(await rig.ask(CLOCK, RATE_GET, CPU)).toEqual(answer)
    expect(await rig.ask(CLOCK, RATE_GET, CPU)).toEqual(CPU_RATE)
  })

  it.each([1, 2, 3, 5, 6, 7])('is cut to %i bytes', async truncate => {
    const rig = await faulty(onRateGet({ truncate }))
    rig.post(1, CLOCK, RATE_GET, CPU)
    rig.publish()
    await rig.guest.driver.cmdq.collect(0)
    await until(() => rig.guest.driver.cmdq.usedIdx === 1, 'the answer')
    expect(rig.answers()[0]!.bytes.length).toBe(truncate)
  })

  it('can have a used.len beyond its length, and beyond its buffer', async () => {
    const rig = await faulty(onRateGet({ used_length: 0x1000_0000 }))
    rig.post(1, CLOCK, RATE_GET, CPU)
    rig.publish()
    expect(await rig.guest.driver.cmdq.collect(1)).toMatchObject([{ length: 0x1000_0000 }])
  })

  it('can lie about the protocols', async () => {
    const rig = await faulty({
      protocol: 'base',
      message: 'BASE_DISCOVER_LIST_PROTOCOLS',
      fields: { num_protocols: 200, protocols: [{ id: 0x14 }, { id: 0x10 }] },
    })
    const answer = await rig.ask(BASE, LIST_PROTOCOLS, 0)
    expect(answer.slice(1)).toEqual([0, 200, 0x1014])
  })

  it('arrives again on the event queue', async () => {
    const rig = await faulty(onRateGet({ duplicate: 2, times: 1 }))
    expect(await rig.ask(CLOCK, RATE_GET, CPU)).toEqual(CPU_RATE)
    expect(await rig.events(2)).toEqual([CPU_RATE, CPU_RATE])
  })

  it('never comes if the ring breaks; a reset repairs it', async () => {
    const rig = await faulty(onRateGet({ break: true, times: 1 }))
    rig.post(1, CLOCK, RATE_GET, CPU)
    rig.publish()
    await until(() => sys.readEvent(rig.guest.driver.cmdq.error) > 0, 'the error descriptor')
    expect(rig.server.stats()[0]).toMatchObject({ ringFaults: 0, faultHits: 1 })
    await rig.restartDriver()
    expect(await rig.ask(CLOCK, RATE_GET, CPU)).toEqual(CPU_RATE)
  })
})

/** Sets a rate asynchronously; waits for the command's reply only. */
async function setAsync(rig: Rig): Promise<void> {
  expect(await rig.ask(CLOCK, RATE_SET, ASYNC, CPU, 900e6, 0)).toEqual([header(RATE_SET), 0])
}

const onDelayed = (rule: Partial<FaultRule>): FaultRule => ({ on: 'delayed', message: 'CLOCK_RATE_SET', ...rule })
const DELAYED_RESPONSE = [header(RATE_SET, DELAYED), 0, CPU, 900e6, 0]

describe('a delayed response', () => {
  it('never comes', async () => {
    const rig = await faulty(onDelayed({ drop: true, times: 1 }))
    await setAsync(rig)
    rig.time.advance(LATENCY_US)
    await setAsync(rig)
    rig.time.advance(LATENCY_US)
    expect(await rig.events(1)).toEqual([DELAYED_RESPONSE])
    await turns()
    expect(rig.guest.driver.events()).toEqual([])
  })

  it('comes late', async () => {
    const rig = await faulty(onDelayed({ delay: '1 s' }))
    await setAsync(rig)
    rig.time.advance(LATENCY_US + 999_999)
    await turns()
    expect(rig.guest.driver.events()).toEqual([])
    rig.time.advance(1)
    expect(await rig.events(1)).toEqual([DELAYED_RESPONSE])
  })

  it('comes before its response, if that is late', async () => {
    const rig = await faulty({ message: 'CLOCK_RATE_SET', delay: '1 s' })
    rig.post(7, CLOCK, RATE_SET, ASYNC, CPU, 900e6, 0)
    rig.publish()
    await until(() => rig.server.faults.list()[0]!.hits === 1, 'the command')
    rig.time.advance(LATENCY_US)
    expect(await rig.events(1)).toEqual([DELAYED_RESPONSE])
    expect(rig.answers()).toEqual([])
    rig.time.advance(1_000_000)
    expect(rig.answers()).toHaveLength(1)
  })

  it.each<{ rule: Partial<FaultRule>; events: number[][] }>([
    { rule: { duplicate: 1 }, events: [DELAYED_RESPONSE, DELAYED_RESPONSE] },
    { rule: { header: { token: '+1' } }, events: [[header(RATE_SET, DELAYED, 8), 0, CPU, 900e6, 0]] },
    { rule: { status: 'HARDWARE_ERROR' }, events: [[header(RATE_SET, DELAYED), -9 >>> 0]] },
    { rule: { fields: { clock_id: 77 } }, events: [[header(RATE_SET, DELAYED), 0, 77, 900e6, 0]] },
    { rule: { where: { clock_id: UART }, drop: true }, events: [DELAYED_RESPONSE] },
    { rule: { truncate: 8 }, events: [[header(RATE_SET, DELAYED), 0]] },
    { rule: { truncate: 2 }, events: [[]] },
    { rule: { extend: 400 }, events: [] },
  ])('is what the rule makes of it: $rule', async ({ rule, events }) => {
    const rig = await faulty(onDelayed(rule))
    await setAsync(rig)
    rig.time.advance(LATENCY_US)
    expect(await rig.events(events.length)).toEqual(events)
  })

  it('is held until it is released', async () => {
    const rig = await faulty(onDelayed({ hold: true }))
    await setAsync(rig)
    rig.time.advance(LATENCY_US)
    await turns()
    expect(rig.guest.driver.events()).toEqual([])
    rig.server.faults.release(1)
    expect(await rig.events(1)).toEqual([DELAYED_RESPONSE])
  })
})

const RATE_CHANGED = [packHeader(CLOCK, 0, NOTIFICATION, 0), 0, CPU, 900e6, 0]

describe('a notification', () => {
  it('goes wrong by rules of its own', async () => {
    const rig = await faulty({
      on: 'notification',
      message: 'CLOCK_RATE_CHANGED',
      duplicate: 1,
      fields: { agent_id: 9 },
    })
    expect(await rig.ask(CLOCK, RATE_NOTIFY, CPU, 1)).toEqual([header(RATE_NOTIFY), 0])
    const model = rig.server.platform.model(clocks)
    model.setRate(model.named('cpu'), 900e6, 0)
    const changed = [RATE_CHANGED[0], 9, CPU, 900e6, 0]
    expect(await rig.events(2)).toEqual([changed, changed])
  })

  it('comes unasked', async () => {
    const rig = await faulty()
    const { faults } = rig.server
    faults.send({ protocol: 'clock', message: 'CLOCK_RATE_CHANGED', words: [0, CPU, 900e6, 0] })
    faults.send({
      protocol: 0x14,
      message: 'CLOCK_RATE_CHANGED',
      fields: { agent_id: 0, clock_id: CPU, rate: 900e6 },
    })
    faults.send({ type: 'delayed', protocol: 'clock', message: 'CLOCK_RATE_SET', token: 7, words: [0, CPU, 900e6, 0] })
    faults.send({ protocol: 0x99, message: 1, words: [5] })
    expect(await rig.events(4)).toEqual([
      RATE_CHANGED,
      RATE_CHANGED,
      DELAYED_RESPONSE,
      [packHeader(0x99, 1, NOTIFICATION, 0), 5],
    ])
  })

  it('comes in storms at the rate of the rule', async () => {
    const rig = await faulty()
    rig.server.faults.send({ protocol: 'clock', message: 'CLOCK_RATE_CHANGED', count: 10, rate: 2000 })
    for (const sent of [1, 3, 5, 7, 9, 10, 10]) {
      await turns(3)
      expect(rig.server.stats()[0]).toMatchObject({ notificationsSent: sent })
      rig.time.advance(1000)
    }
  })

  it('waits with all others while events are held, and is dropped if there are too many', async () => {
    const rig = await faulty()
    const { faults } = rig.server
    faults.holdEvents()
    faults.send({ protocol: 'clock', message: 'CLOCK_RATE_CHANGED', count: 300 })
    await turns()
    expect(rig.guest.driver.events()).toEqual([])
    expect(rig.server.stats()[0]).toMatchObject({ notificationsWaiting: 256, notificationsDropped: 44 })
    faults.releaseEvents()
    expect(await rig.events(16)).toHaveLength(16)
  })
})

describe('a waiting fault', () => {
  it('ends with the driver it is for', async () => {
    const rig = await faulty(
      onRateGet({ delay: '1 s', times: 1 }),
      onRateGet({ hold: true, times: 1 }),
      onDelayed({ hold: true, times: 1 }),
      onDelayed({ delay: '1 s', times: 1 }),
    )
    const { faults } = rig.server
    for (let i = 0; i < 2; i++) {
      await setAsync(rig)
      rig.time.advance(LATENCY_US)
      rig.post(i, CLOCK, RATE_GET, CPU)
      rig.publish()
    }
    faults.send({ protocol: 'clock', message: 'CLOCK_RATE_CHANGED', count: 10, rate: 1 })
    await until(() => faults.list().every(({ hits }) => hits === 1), 'all hits')
    expect(await rig.events(1)).toHaveLength(1)
    await rig.restartDriver()
    rig.guest.driver.postEventBuffers(16, CAPACITY)
    expect(faults.list().map(({ held }) => held)).toEqual([0, 0, 0, 0])
    faults.clear()
    rig.time.advance(60_000_000)
    await turns()
    expect(rig.guest.driver.cmdq.usedIdx).toBe(0)
    expect(rig.guest.driver.events()).toEqual([])
    expect(await rig.ask(CLOCK, RATE_GET, CPU)).toEqual([header(RATE_GET), 0, 900e6, 0])
  })

  it('ends with the server', async () => {
    const rig = await faulty(onRateGet({ delay: '1 s', times: 1 }), onRateGet({ hold: true }))
    for (const token of [1, 2]) rig.post(token, CLOCK, RATE_GET, CPU)
    rig.publish()
    await until(() => rig.server.faults.list()[1]!.held === 1, 'two hits')
    rig.server.close()
    rig.server.faults.clear()
    rig.server.faults.breakRing()
    rig.time.advance(1_000_000)
    await turns()
    expect(rig.guest.driver.cmdq.usedIdx).toBe(0)
  })
})

it("README's rules do what they say", async () => {
  const readme = readFileSync(new URL('../../src/faults/README.md', import.meta.url), 'utf8')
  const code = /```js\n(server\.faults\.[^`]*)```/.exec(readme)![1]!
  const rig = await faulty()
  new Function('server', code)(rig.server)
  rig.post(1, CLOCK, RATE_SET, 0, CPU, 900e6, 0)
  rig.post(2, CLOCK, RATE_GET, CPU)
  expect((await rig.ask(BASE, LIST_PROTOCOLS, 0)).slice(0, 3)).toEqual([packHeader(BASE, LIST_PROTOCOLS, 0, 7), 0, 200])
  expect(await rig.events(1)).toEqual([[RATE_CHANGED[0], 0, 0, 0, 0]])
  rig.time.advance(2_000_000)
  expect(rig.answers().map(({ bytes }) => wordsOf(bytes))).toEqual([[header(RATE_GET, 0, 3), 0, 600e6, 0]])
  expect(rig.server.faults.list().map(({ hits }) => hits)).toEqual([1, 1, 1, 0])
})

describe('a rule', () => {
  it('matches only messages with its field values', async () => {
    const rig = await faulty(onRateGet({ where: { clock_id: UART }, status: 'BUSY' }))
    expect(await rig.ask(CLOCK, RATE_GET, CPU)).toEqual(CPU_RATE)
    expect(await rig.ask(CLOCK, RATE_GET, UART)).toEqual([header(RATE_GET), -6 >>> 0])
  })

  it('reports each hit', async () => {
    const rig = await faulty(onRateGet({ status: 'BUSY' }))
    const hits: unknown[] = []
    rig.server.faults.on('hit', hit => hits.push(hit))
    await rig.ask(CLOCK, RATE_GET, CPU)
    expect(hits).toEqual([{ id: 1, rule: onRateGet({ status: 'BUSY' }), agent: 'guest', header: header(RATE_GET) }])
  })

  it('can be removed while a hit is reported', async () => {
    const rig = await faulty(onRateGet({ hold: true }))
    rig.server.faults.on('hit', ({ id }) => rig.server.faults.remove(id))
    expect(await rig.ask(CLOCK, RATE_GET, CPU)).toEqual(CPU_RATE)
    expect(await rig.ask(CLOCK, RATE_GET, CPU)).toEqual(CPU_RATE)
  })

  it('does not make the device reply to a command without room for a reply', async () => {
    const rig = await faulty({
      words: { 0: 1 },
      status: 'BUSY',
      execute: true,
      header: { token: 1 },
      fields: undefined,
    })
    rig.guest.driver.post(new Uint8Array(Uint32Array.of(header(RATE_GET), CPU).buffer), 0)
    rig.publish()
    expect(await rig.guest.driver.cmdq.collect(1)).toMatchObject([{ length: 0 }])
  })

  it('that is wrong keeps the server from starting', async () => {
    await expect(faulty({ drop: true, protocol: 'clok' })).rejects.toThrow(
      /^fault rule: protocol: clok is not one of base, .*clock/,
    )
  })
})
