/** Recovery through the inflight region: messages that a process took but did not answer, the next one answers once, in order. */
import { closeSync, fstatSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { NativeEvent } from '../../src/device/native.js'
import { inflight, Request } from '../../src/front-end/protocol.js'
import { InflightRegion } from '../driver/inflight.js'
import { sys } from '../driver/syscalls.js'
import { connected, negotiated, pattern, type Rig, reversed, started } from './rig.js'

const SIZE = 64

/** Makes the back end create and use a region. */
async function track(rig: Rig): Promise<InflightRegion> {
  const region = rig.own(await InflightRegion.get(rig.frontEnd, 2, SIZE))
  expect(await region.set(rig.frontEnd)).toBe(0n)
  return region
}

describe('GET_INFLIGHT_FD', () => {
  it.each([2, 16, 256, 1024])('answers a zeroed file with room for two queues of %i', async size => {
    const rig = await negotiated()
    const region = rig.own(await InflightRegion.get(rig.frontEnd, 2, size))
    expect(region).toMatchObject({ queues: 2, queueSize: size })
    expect(region.bytes).toBe(2 * Math.ceil((16 + 16 * size) / 64) * 64)
    expect(fstatSync(region.fd).size).toBeGreaterThanOrEqual(region.offset + region.bytes)
    expect(region.snapshot().every(byte => byte === 0)).toBe(true)
  })

  it('accepts a payload of 20 bytes, as some front ends send it, and replies with as many', async () => {
    const rig = await negotiated()
    rig.frontEnd.send(Request.GET_INFLIGHT_FD, inflight(0, 0, 2, SIZE).subarray(0, 20))
    const { fds } = await rig.frontEnd.reply(Request.GET_INFLIGHT_FD, 20, 1)
    closeSync(fds[0]!)
  })
})

describe('the region', () => {
  it('records messages while they are in flight, in order, and clears them when they are answered', async () => {
    let inFlight: number[] = []
    let region: InflightRegion | undefined
    const rig = await negotiated({
      size: SIZE,
      onBatch: (count, backEnd) => {
        inFlight.push(...region!.queue(0).inFlight)
        backEnd.echo(count)
      },
    })
    region = await track(rig)
    await rig.start()
    for (const count of [5, 1, 9]) {
      // On a busy machine the messages may come in several batches, each of which is answered before the next.
      inFlight = []
      const heads = Array.from({ length: count }, (_, i) => rig.driver.post(pattern(8, i), 8).head)
      rig.driver.cmdq.publish()
      for (const used of await rig.driver.cmdq.collect(count)) rig.driver.answer(used)
      expect(inFlight).toEqual(heads)
      expect(region.queue(0).inFlight).toEqual([])
      expect(region.queue(0).usedIdx).toBe(rig.driver.cmdq.usedIdx)
    }
  })

  it('does not record event buffers that nobody has filled', async () => {
    const rig = await negotiated({ size: SIZE })
    const region = await track(rig)
    await rig.start()
    rig.driver.postEventBuffers(4, 32)
    rig.device.peekEvent()
    expect(region.queue(1).inFlight).toEqual([])
    rig.backEnd.sendEvent(pattern(4))
    expect(region.queue(1).inFlight).toEqual([])
    expect(region.queue(1).usedIdx).toBe(1)
  })
})

describe('after a crash', () => {
  it.each([
    { when: 'before anything was answered', answered: 0 },
    { when: 'when some were answered', answered: 3 },
  ])('$when, a new process answers the rest, in order, once', async ({ answered }) => {
    // The first device takes eight messages. A snapshot of all shared memory within its batch is what it would have
    // left, had it died then.
    const COUNT = 8
    let snapshot: { guest: Uint8Array; region: Uint8Array } | undefined
    let region: InflightRegion | undefined
    const first = await negotiated({
      size: SIZE,
      onBatch: (count, backEnd) => {
        if (count === COUNT - answered) {
          snapshot = { guest: first.memory.read(first.memory.regions[0]!.guest, 1 << 20), region: region!.snapshot() }
        }
        backEnd.echo(count)
      },
    })
    region = await track(first)
    await first.start()
    const post = (from: number, to: number) => {
      const heads: number[] = []
      for (let i = from; i < to; i++) heads.push(first.driver.post(pattern(16, i), 16).head)
      first.driver.cmdq.publish()
      return heads
    }
    if (answered > 0) {
      post(0, answered)
      for (const used of await first.driver.cmdq.collect(answered)) first.driver.answer(used)
    }
    const inFlight = post(answered, COUNT)
    await first.driver.cmdq.collect(COUNT - answered)
    expect(snapshot).toBeDefined()

    const second = await connected({ size: SIZE })
    const { memory, driver, frontEnd, backEnd } = second
    memory.write(memory.regions[0]!.guest, snapshot!.guest)
    const left = second.own(InflightRegion.copy(snapshot!.region, 2, SIZE))
    expect(left.queue(0).inFlight).toEqual(inFlight)
    expect(await left.set(frontEnd)).toBe(0n)
    await second.start({ bases: [answered, 0] })
    driver.cmdq.nextUsed = driver.cmdq.usedIdx
    await frontEnd.sync()
    expect(driver.cmdq.usedIdx).toBe(COUNT)
    for (const [i, head] of inFlight.entries()) {
      expect(driver.cmdq.usedEntries[1 + 2 * (answered + i)]).toBe(head)
      expect(driver.cmdq.usedEntries[2 + 2 * (answered + i)]).toBe(16)
    }
    expect(backEnd.batches.reduce((sum, count) => sum + count, 0)).toBe(COUNT - answered)
    expect(left.queue(0).inFlight).toEqual([])
    expect(await frontEnd.getBase(0)).toBe(COUNT)
  })

  it('between used.idx and its record, a new process answers nothing again', async () => {
    const first = await negotiated({ size: SIZE })
    const region = await track(first)
    await first.start()
    let last = 0
    for (let i = 0; i < 5; i++) {
      last = first.driver.post(pattern(8, i), 8).head
      first.driver.cmdq.publish()
      for (const used of await first.driver.cmdq.collect(1)) first.driver.answer(used)
    }
    // The device stores used.idx first, then clears the entry and records the index: undo the latter two.
    const left = first.own(InflightRegion.copy(region.snapshot(), 2, SIZE))
    left.queue(0).setEntry(last, { inflight: 1, next: left.queue(0).next(last), counter: 5 })
    left.queue(0).usedIdx = 4
    const second = await connected({ size: SIZE })
    second.memory.write(second.memory.regions[0]!.guest, first.memory.read(first.memory.regions[0]!.guest, 1 << 20))
    expect(await left.set(second.frontEnd)).toBe(0n)
    await second.start({ bases: [5, 0] })
    await second.frontEnd.sync()
    expect(second.backEnd.batches).toEqual([])
    expect(second.driver.cmdq.usedIdx).toBe(5)
    expect(left.queue(0).inFlight).toEqual([])
    expect(await second.frontEnd.getBase(0)).toBe(5)
  })

  it('a completion that was published but not recorded is not answered again', async () => {
    const rig = await connected({ size: SIZE })
    const { driver, frontEnd } = rig
    const region = rig.own(await InflightRegion.get(frontEnd, 2, SIZE))
    const heads = [0, 1, 2].map(i => driver.post(pattern(8, i), 8).head)
    driver.cmdq.storeIdx(3)
    Atomics.store(driver.cmdq.usedHeader, 1, 1)
    driver.cmdq.nextUsed = 1
    const queue = region.queue(0)
    queue.header = { version: 1, lastBatchHead: heads[0]!, usedIdx: 0 }
    for (const [i, head] of heads.entries()) queue.setEntry(head, { inflight: 1, counter: 10 - i })
    expect(await region.set(frontEnd)).toBe(0n)
    await rig.start({ bases: [1, 0] })
    const used = await driver.cmdq.collect(2)
    expect(used.map(u => u.head)).toEqual([heads[2], heads[1]])
    for (const one of used) expect(driver.answer(one).length).toBe(8)
    expect(await frontEnd.getBase(0)).toBe(3)
  })
})

describe('[inflight-region] a hostile region', () => {
  it.each([
    { name: 'no queues', queues: 0, size: SIZE },
    { name: 'queues without size', queues: 2, size: 0 },
    { name: 'too many queues', queues: 3, size: SIZE },
    { name: 'queues that are too large', queues: 2, size: 2048 },
    { name: 'queues of the largest size', queues: 0xffff, size: 0xffff },
  ])('is refused by GET_INFLIGHT_FD and SET_INFLIGHT_FD: $name', async ({ queues, size }) => {
    const rig = await negotiated()
    const file = sys.memfd('guest', 1 << 20, true)
    rig.own({ close: () => closeSync(file) })
    const set = inflight(1 << 20, 0, queues, size)
    expect(await rig.frontEnd.acknowledge(Request.SET_INFLIGHT_FD, set, [file])).not.toBe(0n)
    await rig.backEnd.expect(NativeEvent.REFUSED)
    rig.frontEnd.send(Request.GET_INFLIGHT_FD, inflight(0, 0, queues, size))
    await rig.frontEnd.ended()
    await rig.backEnd.expect(NativeEvent.REFUSED)
  })

  it.each([
    { name: 'a size smaller than its queues', bytes: 64, offset: 0, file: 1 << 20 },
    { name: 'an offset that overflows', bytes: 4096, offset: 2 ** 53, file: 1 << 20 },
    { name: 'a file shorter than its queues', bytes: 8192, offset: 0, file: 2112 },
    { name: 'an offset beyond the file', bytes: 4096, offset: 1 << 20, file: 4096 },
    { name: 'an offset the parts would be misaligned at', bytes: 4096, offset: 8, file: 1 << 20 },
  ])('is refused: $name', async ({ bytes, offset, file }) => {
    const rig = await negotiated()
    const fd = sys.memfd('guest', file, true)
    rig.own({ close: () => closeSync(fd) })
    const payload = inflight(bytes, offset, 2, SIZE)
    expect(await rig.frontEnd.acknowledge(Request.SET_INFLIGHT_FD, payload, [fd])).not.toBe(0n)
    await rig.backEnd.expect(NativeEvent.REFUSED)
    await rig.start()
    expect((await rig.driver.exchange(pattern(8), 8)).reply).toEqual(reversed(pattern(8)))
  })

  it.each(Array.from({ length: 24 }, (_, seed) => seed))(
    'full of random bytes stops at most its own queue: seed %i',
    async seed => {
      const rig = await connected({ size: SIZE })
      const made = await InflightRegion.get(rig.frontEnd, 2, SIZE)
      const noise = made.snapshot()
      made.close()
      let state = seed + 1
      for (let i = 0; i < noise.length; i++) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0
        noise[i] = seed % 2 ? state >>> 24 : (state >>> 24) & 1
      }
      const region = rig.own(InflightRegion.copy(noise, 2, SIZE))
      // Some rounds have the version that the device knows, so that it reads the rest.
      if (seed % 3) region.queue(0).header = { version: 1, lastBatchHead: noise[20]! * 3, usedIdx: noise[21]! }
      if (seed % 3) region.queue(1).header = { version: 1, lastBatchHead: noise[30]!, usedIdx: 0xfff0 }
      if ((await region.set(rig.frontEnd)) === 0n) await rig.start()
      rig.driver.cmdq.kickNow()
      await rig.frontEnd.sync()
      rig.backEnd.takeSurprises()
      const other = await started()
      expect((await other.driver.exchange(pattern(8), 8)).length).toBe(8)
    },
  )
})
