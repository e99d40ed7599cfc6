/** The tap on a server's messages: it has all messages, unchanged, with their times, and does nothing without listeners. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { BATCH_HEADER, BATCH_MAX, ENTRY_WORDS, EVENT_ENTRY } from '../../src/device/native.js'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { until } from '../../src/front-end/wait.js'
import { definePlatform } from '../../src/loading/load.js'
import { MessageDecoder, messageText } from '../../src/observe/messages.js'
import { Tap } from '../../src/observe/tap.js'
import { clocks } from '../../src/platform/clocks/index.js'
import { monotonicUs } from '../../src/platform/core/time.js'
import { serve } from '../../src/server/serve.js'
import type { Server } from '../../src/server/server.js'
import { MESSAGE_MAX } from '../../src/wire/header.js'
import { CAPACITY, Guest } from '../driver/guest.js'
import { leastGrowth } from '../support/heap.js'
import { socketPath } from './rig.js'

const CLOCK = 0x14
const RATE_SET = 0x5
const RATE_GET = 0x6
const RATE_NOTIFY = 0x9
const platform = definePlatform({
  vendor: 'acme',
  protocols: { clock: { max_pending_async: 1 } },
  clocks: [{ name: 'cpu', rates: [600e6, 900e6], latency: '1 ms' }],
})

async function connected(): Promise<{ server: Server; guest: Guest }> {
  const path = socketPath()
  const server = await serve({ endpoint: { socketPath: path }, platform })
  const guest = new Guest()
  onTestFinished(() => {
    guest.close()
    server.close()
  })
  await guest.connect(FrontEnd.connect(path))
  return { server, guest }
}

/** Collects a line for each message from now on, and the messages' times. */
function listen(server: Server): { lines: string[]; times: number[][]; stop(): void } {
  const decoder = new MessageDecoder(server.protocols)
  const lines: string[] = []
  const times: number[][] = []
  const stop = server.tap.listen(records => {
    while (records.next()) {
      lines.push(messageText(decoder.record(records)!))
      times.push([records.arrivedUs, records.answeredUs])
    }
  })
  return { lines, times, stop }
}

describe('the tap', () => {
  it('shows commands, replies, notifications and delayed responses in order', async () => {
    const { server, guest } = await connected()
    guest.driver.postEventBuffers(4, CAPACITY)
    const { lines } = listen(server)
    await guest.send(CLOCK, RATE_NOTIFY, 0, 1)
    await guest.send(CLOCK, RATE_SET, 1, 0, 900e6, 0)
    await until(() => lines.length === 4, 'four messages')
    server.platform.model(clocks).setRate(server.platform.model(clocks).named('cpu'), 600e6, 0)
    await until(() => lines.length === 5, 'a notification')
    expect(lines).toEqual([
      'clock CLOCK_RATE_NOTIFY #1 {clock_id: 0, notify_enable: 1} → SUCCESS',
      'clock CLOCK_RATE_SET #1 {flags: 1, clock_id: 0, rate: 900000000} → SUCCESS',
      expect.stringMatching(/^clock CLOCK_RATE_CHANGED/),
      'delayed response to clock CLOCK_RATE_SET #1 SUCCESS {clock_id: 0, rate: 900000000}',
      expect.stringMatching(/^clock CLOCK_RATE_CHANGED .*rate: 600000000/),
    ])
  })

  it('times each message between what the driver saw before and after', async () => {
    const { server, guest } = await connected()
    const { times, stop } = listen(server)
    const around: number[] = [monotonicUs()]
    for (let i = 0; i < 20; i++) {
      await guest.send(CLOCK, RATE_GET, 0)
      around.push(monotonicUs())
    }
    stop()
    expect(times).toHaveLength(20)
    times.forEach(([arrived, answered], i) => {
      expect(arrived).toBeGreaterThan(around[i]!)
      expect(answered).toBeGreaterThan(arrived!)
      expect(answered).toBeLessThan(around[i + 1]!)
    })
  })

  it('is off while nobody listens, and each listener sees all from its first to its last', async () => {
    const { server, guest } = await connected()
    expect(server.tap.active).toBe(false)
    await guest.send(CLOCK, RATE_GET, 0)
    const first = listen(server)
    await guest.send(CLOCK, RATE_GET, 0)
    const second = listen(server)
    await guest.send(CLOCK, RATE_GET, 0)
    first.stop()
    await guest.send(CLOCK, RATE_GET, 0)
    second.stop()
    expect([first.lines.length, second.lines.length, server.tap.active]).toEqual([2, 2, false])
  })

  it('shows the request as it was sent, even if the reply has overwritten it', async () => {
    const { server, guest } = await connected()
    const { lines, stop } = listen(server)
    const at = guest.memory.allocate(CAPACITY)
    const bytes = new Uint8Array(Uint32Array.of((CLOCK << 10) | RATE_GET, 0).buffer)
    // The reply's header overwrites the clock's id.
    const { head } = guest.driver.post(bytes, 16, { requestAt: at, replyAt: at + 4 })
    guest.memory.write(at, bytes) // which posting the reply's buffer has overwritten
    guest.driver.cmdq.publish()
    expect((await guest.driver.cmdq.collect(1))[0]!.head).toBe(head)
    expect(guest.memory.read(at + 4, 4)).toEqual(bytes.subarray(0, 4))
    stop()
    expect(lines).toEqual(['clock CLOCK_RATE_GET #0 {clock_id: 0} → SUCCESS {rate: 600000000}'])
  })
})

describe('the buffer', () => {
  const view = new DataView(Uint8Array.from({ length: 2 * MESSAGE_MAX }, (_, i) => i & 0xff).buffer)

  /** A batch of one message for each length, at different offsets, as the native side describes it. */
  function batchOf(lengths: readonly number[]): { batch: Uint32Array; end: number } {
    const batch = new Uint32Array(EVENT_ENTRY)
    lengths.forEach((length, i) => {
      const entry = BATCH_HEADER + i * ENTRY_WORDS
      batch.set([0, i, length, 0, i + 7, 2 * length, length], entry)
    })
    return { batch, end: BATCH_HEADER + lengths.length * ENTRY_WORDS }
  }

  it('keeps messages of any length, at any offset', () => {
    const tap = new Tap()
    const seen: unknown[] = []
    tap.listen(records => {
      while (records.next()) {
        const { request, reply, requestLength, replyLength, room, device, isEvent } = records
        seen.push([device, isEvent, requestLength, bytesOf(request), replyLength, bytesOf(reply), room])
      }
    })
    tap.attach(new Float64Array(2))
    const device = tap.attach(new Float64Array(2))
    const lengths = [0, 1, 2, 3, 4, 5, 136, MESSAGE_MAX, MESSAGE_MAX + 1]
    const { batch, end } = batchOf(lengths)
    for (let i = 0; i < 2; i++) {
      device.requests([view], batch, end)
      device.replies([view], batch, end)
    }
    device.event(1, view, 3, 12)
    tap.flush()
    const from = (start: number, length: number) => [
      ...new Uint8Array(view.buffer, start, Math.min(length, MESSAGE_MAX)),
    ]
    const messages = lengths.map((n, i) => [1, false, n, from(i, n), n, from(i + 7, n), 2 * n])
    expect(seen).toEqual([...messages, ...messages, [1, true, 0, [], 12, from(3, 12), 12]])
  })

  it('costs the heap nothing per message', () => {
    const tap = new Tap()
    let seen = 0
    tap.listen(records => {
      seen += records.count
    })
    const device = tap.attach(new Float64Array(2))
    const { batch, end } = batchOf(new Array(BATCH_MAX).fill(64))
    const run = (messages: number): void => {
      for (let sent = 0; sent < messages; sent += BATCH_MAX) {
        device.requests([view], batch, end)
        device.replies([view], batch, end)
        if ((sent / BATCH_MAX) % 32 === 31) tap.flush()
      }
    }
    run(500_000)
    expect(leastGrowth(() => run(1_000_000))).toBeLessThan(1 << 20)
    tap.flush()
    expect(seen).toBeGreaterThan(5_499_000)
  })

  it('only counts while no listener is ready', () => {
    const tap = new Tap()
    const bursts: [count: number, dropped: number][] = []
    let isReady = false
    tap.listen(
      records => void bursts.push([records.count, records.dropped]),
      () => isReady,
    )
    const device = tap.attach(new Float64Array(2))
    const { batch, end } = batchOf([8, 8, 8])
    const send = (): void => {
      device.requests([view], batch, end)
      device.replies([view], batch, end)
      tap.flush()
    }
    send()
    isReady = true
    send() // the tap learns only now that the listener is ready
    send()
    isReady = false
    send()
    send()
    const end2 = tap.listen(() => undefined)
    send()
    end2()
    expect(bursts).toEqual([
      [0, 3],
      [0, 3],
      [3, 0],
      [3, 0],
      [0, 3],
      [3, 0],
    ])
  })

  it('counts messages that find no room, and continues afterwards', () => {
    const tap = new Tap()
    let seen = 0
    let counted = 0
    let dropped = 0
    tap.listen(records => {
      while (records.next()) seen++
      counted += records.count
      dropped += records.dropped
    })
    const device = tap.attach(new Float64Array(2))
    const { batch, end } = batchOf([136, 136])
    const send = (): void => {
      device.requests([view], batch, end)
      device.replies([view], batch, end)
    }
    const BATCHES = 50_000
    for (let i = 0; i < BATCHES; i++) send()
    tap.flush()
    expect(dropped).toBeGreaterThan(0)
    expect(seen + dropped).toBe(2 * BATCHES)
    expect([tap.dropped, counted]).toEqual([dropped, seen])
    send()
    tap.flush()
    expect(seen + dropped).toBe(2 * BATCHES + 2)
  })
})

const bytesOf = (bytes: DataView): number[] => [...new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)]
