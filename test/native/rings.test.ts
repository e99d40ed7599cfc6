/** What a ring carries: sizes, chain forms, splits, lengths, long runs. Notifications are in signals.test.ts. */
import { describe, expect, it } from 'vitest'
import {
  BATCH_HEADER,
  BATCH_MAX,
  ENTRY_REQUEST_LENGTH,
  ENTRY_TICKET,
  ENTRY_WORDS,
  ENTRY_WRITTEN,
  EVENT_ENTRY,
  HEADER_POSITION,
  HEADER_PREVIOUS_COUNT,
  MESSAGE_MAX,
  NativeEvent,
  TIME_SERVICE,
  TIME_TAKEN,
} from '../../src/device/native.js'
import { POISON } from '../../src/front-end/driver.js'
import { Feature } from '../../src/front-end/protocol.js'
import { stop } from '../../src/front-end/qemu.js'
import type { Form } from '../../src/front-end/queue.js'
import { turns, until } from '../../src/front-end/wait.js'
import { openFds } from '../driver/resources.js'
import { Traffic } from '../driver/traffic.js'
import { negotiated, pattern, reversed, started } from './rig.js'

const SIZES = [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]
const FORMS: Form[] = ['direct', 'indirect', 'mixed']

describe('a ring of every size', () => {
  const cases = SIZES.flatMap(size =>
    [true, false].flatMap(indirect => [true, false].map(eventIdx => ({ size, indirect, eventIdx }))),
  )

  it.each(cases)('carries messages: size $size, indirect $indirect, EVENT_IDX $eventIdx', async options => {
    const { size, indirect, eventIdx } = options
    const { driver, memory } = await started({ size, eventIdx, form: indirect ? 'indirect' : 'direct' })
    const traffic = new Traffic(driver.cmdq, memory, { indirect })
    await traffic.run(5 * size + 3)
    expect(traffic.completed).toBe(5 * size + 3)
    expect(driver.cmdq.usedIdx).toBe(5 * size + 3)
  })

  // No chain is longer than its queue (virtio 1.3 §2.7.5.3.1), so there is no room for a request and a reply.
  it.each([true, false])('takes requests without reply through a ring of one: EVENT_IDX %s', async eventIdx => {
    const { driver, backEnd } = await started({ size: 1, eventIdx, form: 'mixed' })
    for (const form of FORMS) {
      for (let i = 0; i < 5; i++)
        expect(await driver.exchange(pattern(12, i), 0, { form })).toMatchObject({ length: 0 })
    }
    expect(backEnd.batches).toEqual(Array<number>(15).fill(1))
  })
})

describe('a long run', () => {
  it.each([
    { indirect: true, eventIdx: true },
    { indirect: false, eventIdx: true },
    { indirect: true, eventIdx: false },
    { indirect: false, eventIdx: false },
  ])('goes round the 16-bit indexes three times: indirect $indirect, EVENT_IDX $eventIdx', async options => {
    const { indirect, eventIdx } = options
    const { driver, memory } = await started({ size: 256, eventIdx, form: indirect ? 'indirect' : 'direct' })
    const traffic = new Traffic(driver.cmdq, memory, { indirect, limitMs: 15_000 })
    await traffic.run(200_003)
    expect(driver.cmdq.usedIdx).toBe(200_003 & 0xffff)
  })

  it.each([true, false])('goes round the indexes one message at a time: EVENT_IDX %s', async eventIdx => {
    const rig = await negotiated({ size: 2, eventIdx })
    rig.driver.cmdq.startAt(65_500)
    await rig.start({ bases: [65_500, 0] })
    for (let i = 0; i < 100; i++) {
      const { reply } = await rig.driver.exchange(pattern(9, i), 16)
      expect(reply).toEqual(reversed(pattern(9, i)))
    }
    expect(rig.driver.cmdq.usedIdx).toBe((65_500 + 100) & 0xffff)
  })
})

describe('framing', () => {
  const SPLITS = [[24], [4, 20], [1, 3, 20], [2, 2, 4, 16], Array<number>(24).fill(1), [0, 24], [12, 0, 12], [24, 0]]
  const cases = FORMS.flatMap(form =>
    SPLITS.flatMap(readable => SPLITS.map(writable => ({ form, readable, writable }))),
  )

  it.each(cases)('does not matter: $form, request as $readable, reply as $writable', async layout => {
    const { driver } = await started({ form: 'mixed' })
    const { reply } = await driver.exchange(pattern(24, 3), 24, layout)
    expect(reply).toEqual(reversed(pattern(24, 3)))
  })

  it.each(FORMS)('messages of different framing do not disturb each other: %s', async form => {
    const { driver } = await started({ size: 256, form: 'mixed' })
    const messages = SPLITS.flatMap((readable, i) =>
      SPLITS.map((writable, k) => {
        const bytes = pattern(24, 8 * i + k)
        return { bytes, head: 0, layout: { readable, writable, form } }
      }),
    )
    for (let at = 0; at < messages.length; at += 4) {
      const group = messages.slice(at, at + 4)
      const heads = group.map(({ bytes, layout }) => driver.post(bytes, 24, layout).head)
      driver.cmdq.publish()
      const used = await driver.cmdq.collect(group.length)
      expect(used.map(u => u.head)).toEqual(heads)
      for (const [i, one] of used.entries()) expect(driver.answer(one).reply).toEqual(reversed(group[i]!.bytes))
    }
  })

  it.each([1, 2, 3, 5, 7, 8, 15])('an indirect table may lie at any address: %i bytes off', async off => {
    const { driver, memory } = await started({ form: 'indirect' })
    const table = memory.allocate(64) + off
    const { reply } = await driver.exchange(pattern(24), 24, { table })
    expect(reply).toEqual(reversed(pattern(24)))
  })

  it.each(['direct', 'indirect'] as const)('a chain may use as many descriptors as the ring has: %s', async form => {
    const { driver, memory } = await started({ size: 64, form })
    const ones = Array<number>(32).fill(1)
    const table = memory.allocate(64 * 16)
    const { reply } = await driver.exchange(pattern(32), 32, { readable: ones, writable: ones, table })
    expect(reply).toEqual(reversed(pattern(32)))
  })

  it.each(FORMS)('buffers may lie at odd addresses: %s', async form => {
    const { driver, memory } = await started({ form: 'mixed' })
    for (let off = 0; off < 8; off++) {
      const requestAt = memory.allocate(64) + off
      const replyAt = memory.allocate(64) + ((off * 3 + 1) & 7)
      const { reply } = await driver.exchange(pattern(21, off), 21, { form, requestAt, replyAt })
      expect(reply).toEqual(reversed(pattern(21, off)))
    }
  })
})

describe('lengths', () => {
  it.each(FORMS)('a reply buffer of every small capacity gets what fits, and not a byte more: %s', async form => {
    const { driver } = await started({ form: 'mixed' })
    for (let capacity = 0; capacity <= 40; capacity++) {
      const { reply, length } = await driver.exchange(pattern(20, capacity), capacity, { form })
      expect(length).toBe(Math.min(20, capacity))
      expect(reply).toEqual(reversed(pattern(20, capacity)).subarray(0, length))
    }
  })

  it('a reply buffer in two pieces of every small capacity gets what fits, and not a byte more', async () => {
    const { driver } = await started()
    for (let first = 0; first <= 21; first++) {
      for (const second of [0, 1, 19, 20, 21]) {
        const { reply, length } = await driver.exchange(pattern(20), first + second, { writable: [first, second] })
        expect(length).toBe(Math.min(20, first + second))
        expect(reply).toEqual(reversed(pattern(20)).subarray(0, length))
      }
    }
  })

  it.each(FORMS)('a request of every small length from a whole header on arrives whole: %s', async form => {
    const { driver } = await started({ form: 'mixed' })
    for (let length = 4; length <= 40; length++) {
      const { reply } = await driver.exchange(pattern(length, length), 64, { form })
      expect(reply).toEqual(reversed(pattern(length, length)))
    }
  })

  it.each([
    { length: MESSAGE_MAX - 1, pieces: 1 },
    { length: MESSAGE_MAX, pieces: 1 },
    { length: MESSAGE_MAX + 1, pieces: 1 },
    { length: 10_000, pieces: 1 },
    { length: MESSAGE_MAX - 1, pieces: 3 },
    { length: MESSAGE_MAX, pieces: 3 },
    { length: MESSAGE_MAX + 1, pieces: 3 },
    { length: 10_000, pieces: 3 },
  ])(
    'a request of $length bytes in $pieces pieces: its length is reported, MESSAGE_MAX bytes are delivered',
    async options => {
      const { length, pieces } = options
      let told = 0
      const rig = await started({
        onBatch: (count, backEnd) => {
          told = backEnd.batch[BATCH_HEADER + ENTRY_REQUEST_LENGTH]!
          backEnd.echo(count)
        },
      })
      const bytes = pattern(length)
      const readable = pieces === 1 ? [length] : [1, length - 1001, 1000]
      const requestAt = rig.memory.allocate(length)
      const replyAt = rig.memory.allocate(length)
      const { reply } = await rig.driver.exchange(bytes, length, { readable, requestAt, replyAt })
      expect(told).toBe(length)
      expect(reply).toEqual(reversed(bytes.subarray(0, MESSAGE_MAX)))
    },
  )

  it.each([{ writable: [10] }, { writable: [4, 6] }])('a reply beyond its buffer is cut: $writable', async layout => {
    const { driver, memory } = await started({
      onBatch: (count, backEnd) => {
        backEnd.echo(count)
        backEnd.batch[BATCH_HEADER + ENTRY_WRITTEN] = 1000
      },
    })
    const replyAt = memory.allocate(2000)
    memory.fill(replyAt, 2000, POISON)
    const { length, reply } = await driver.exchange(pattern(10), 10, { ...layout, replyAt })
    expect(length).toBe(10)
    expect(reply).toEqual(reversed(pattern(10)))
    expect(memory.read(replyAt + 10, 1990).every(byte => byte === POISON)).toBe(true)
  })

  it('nothing written is used.len 0', async () => {
    const { driver } = await started({
      onBatch: (_, backEnd) => {
        backEnd.batch[BATCH_HEADER + ENTRY_WRITTEN] = 0
      },
    })
    expect(await driver.exchange(pattern(12), 12)).toMatchObject({ length: 0 })
    expect(await driver.exchange(pattern(12), 12, { writable: [5, 7] })).toMatchObject({ length: 0 })
  })

  it('ENTRY_WRITTEN of a batch does not answer the next one', async () => {
    let answer = true
    const { driver } = await started({ onBatch: (count, backEnd) => answer && backEnd.echo(count) })
    expect(await driver.exchange(pattern(12), 12)).toMatchObject({ length: 12 })
    answer = false
    expect(await driver.exchange(pattern(12), 12)).toMatchObject({ length: 0 })
  })
})

describe('batches', () => {
  it('are never longer than BATCH_MAX, lose nothing and keep the order', async () => {
    const { driver, memory, backEnd } = await started({ size: 1024, form: 'indirect' })
    const traffic = new Traffic(driver.cmdq, memory, { indirect: true })
    await traffic.run(4096)
    expect(Math.max(...backEnd.batches)).toBe(BATCH_MAX)
    expect(backEnd.batches.reduce((sum, count) => sum + count, 0)).toBe(4096)
  })

  it('carry the size and the service time of the previous one, and the time at which they were taken', async () => {
    const seen: { previous: number; taken: number; service: number }[] = []
    const { driver } = await started({
      onBatch: (count, backEnd) => {
        const { times } = backEnd.device
        seen.push({
          previous: backEnd.batch[HEADER_PREVIOUS_COUNT]!,
          taken: times[TIME_TAKEN]!,
          service: times[TIME_SERVICE]!,
        })
        backEnd.echo(count)
      },
    })
    const clockUs = () => Number(process.hrtime.bigint()) / 1000
    const before = clockUs()
    for (const count of [3, 5, 1]) {
      for (let i = 0; i < count; i++) driver.post(pattern(8), 8)
      driver.cmdq.publish()
      for (const used of await driver.cmdq.collect(count)) driver.answer(used)
    }
    const after = clockUs()
    expect(seen.slice(1).map(s => s.previous)).toEqual([3, 5])
    for (const { taken } of seen) expect(taken).toBeGreaterThanOrEqual(before)
    for (const { taken } of seen) expect(taken).toBeLessThanOrEqual(after)
    for (const { service } of seen.slice(1)) {
      expect(service).toBeGreaterThan(0)
      expect(service).toBeLessThan((after - before) * 1000)
    }
  })

  it('always use the same batch array', async () => {
    const { device, driver } = await started()
    const { batch, times } = device
    await driver.exchange(pattern(8), 8)
    expect(device.batch).toBe(batch)
    expect(device.times).toBe(times)
    expect(batch.length).toBe(BATCH_HEADER + (BATCH_MAX + 1) * ENTRY_WORDS)
  })
})

describe('start and stop', () => {
  it('one ring stops and starts again while the other goes on', async () => {
    const { driver, frontEnd, backEnd, memory } = await started({ size: 16 })
    driver.postEventBuffers(8, 32)
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 5; i++) expect((await driver.exchange(pattern(8, i), 8)).length).toBe(8)
      const base = await frontEnd.getBase(0)
      expect(base).toBe(driver.cmdq.nextUsed)
      driver.post(pattern(8, 77), 8)
      driver.cmdq.publish()
      driver.cmdq.kickNow()
      await turns()
      expect(driver.cmdq.usedIdx).toBe(driver.cmdq.nextUsed)
      expect(backEnd.sendEvent(pattern(4, round))).toBe(32)
      await until(() => driver.eventq.usedIdx === round + 1, 'the event')
      frontEnd.setBase(0, base)
      frontEnd.setCall(0, driver.cmdq.call)
      frontEnd.setKick(0, driver.cmdq.kick)
      await frontEnd.enable(0, true)
      const [used] = await driver.cmdq.collect(1)
      expect(driver.answer(used!).reply).toEqual(reversed(pattern(8, 77)))
    }
    expect(backEnd.count(NativeEvent.QUEUE_STOPPED, 0)).toBe(3)
    expect(backEnd.count(NativeEvent.QUEUE_STOPPED, 1)).toBe(0)
    expect(backEnd.count(NativeEvent.QUEUE_STARTED, 0)).toBe(4)
    expect(memory.regions.length).toBe(1)
  })

  it('a ring starts fresh after a reset, with another size at another address', async () => {
    const { driver, frontEnd, memory, backEnd } = await started({ size: 16 })
    for (let i = 0; i < 20; i++) await driver.exchange(pattern(8, i), 8)
    await frontEnd.getBase(0)
    driver.cmdq.reset()
    frontEnd.setNum(0, 8)
    frontEnd.setBase(0, 0)
    const descriptors = memory.allocate(8 * 16)
    const available = memory.allocate(6 + 2 * 8)
    const used = memory.allocate(6 + 8 * 8)
    frontEnd.setAddress(0, {
      descriptors: memory.toUser(descriptors),
      available: memory.toUser(available),
      used: memory.toUser(used),
    })
    const buffer = memory.allocate(64)
    memory.write(buffer, pattern(8))
    const table = memory.view(descriptors, 32)
    for (const [i, flags, next] of [
      [0, 1, 1],
      [1, 2, 0],
    ] as const) {
      table.setBigUint64(16 * i, BigInt(buffer + 32 * i), true)
      table.setUint32(16 * i + 8, 8, true)
      table.setUint16(16 * i + 12, flags, true)
      table.setUint16(16 * i + 14, next, true)
    }
    Atomics.store(memory.words16(available, 2), 1, 1)
    frontEnd.setKick(0, driver.cmdq.kick)
    await frontEnd.enable(0, true)
    await until(() => Atomics.load(memory.words16(used, 2), 1) === 1, 'the message to be used')
    expect(memory.read(buffer + 32, 8)).toEqual(reversed(pattern(8)))
    const starts = backEnd.happenings.filter(h => h.event === NativeEvent.QUEUE_STARTED && h.queue === 0)
    expect(starts.map(h => h.value)).toEqual([1, 1])
  })

  it('QUEUE_STARTED tells a fresh ring from a resumed one', async () => {
    const rig = await started()
    await rig.driver.exchange(pattern(8), 8)
    await rig.start({ bases: await stop(rig.frontEnd, rig.driver.queues) })
    const starts = rig.backEnd.happenings.filter(h => h.event === NativeEvent.QUEUE_STARTED && h.queue === 0)
    expect(starts.map(h => h.value)).toEqual([1, 0])
  })

  it('messages offered before the ring started are answered without a kick', async () => {
    const rig = await negotiated()
    for (let i = 0; i < 3; i++) rig.driver.post(pattern(8, i), 8)
    rig.driver.cmdq.storeIdx(3)
    await rig.start()
    for (const [i, used] of (await rig.driver.cmdq.collect(3)).entries()) {
      expect(rig.driver.answer(used).reply).toEqual(reversed(pattern(8, i)))
    }
    expect(rig.driver.cmdq.kicks).toBe(0)
  })

  it('a started but disabled ring leaves the messages where they are until it is enabled', async () => {
    const { driver, frontEnd, backEnd } = await started()
    expect(await frontEnd.enable(0, false)).toBe(0n)
    driver.post(pattern(8), 8)
    driver.cmdq.publish()
    driver.cmdq.kickNow()
    await turns()
    expect(backEnd.batches).toEqual([])
    expect(driver.cmdq.usedIdx).toBe(0)
    expect(await frontEnd.enable(0, true)).toBe(0n)
    await driver.cmdq.collect(1)
  })

  it('GET_VRING_BASE is the next index to fetch, with messages left over', async () => {
    const { driver, frontEnd } = await started({ size: 16 })
    for (let i = 0; i < 3; i++) await driver.exchange(pattern(8), 8)
    expect(await frontEnd.enable(0, false)).toBe(0n)
    for (let i = 0; i < 4; i++) driver.post(pattern(8), 8)
    driver.cmdq.publish()
    expect(await frontEnd.getBase(0)).toBe(3)
  })

  it('GET_VRING_BASE closes the kick and the call descriptor, and no other', async () => {
    const { frontEnd, device } = await started({ size: 16 })
    const eventfds = () => [...openFds().values()].filter(target => target.includes('eventfd')).length
    const before = eventfds()
    await frontEnd.getBase(0)
    await until(
      () => eventfds() === before - 2,
      () => `${before} eventfds before, ${eventfds()} now`,
    )
    expect(device.peekEvent()).toBe(-1)
  })

  it('nothing is written to the ring after GET_VRING_BASE', async () => {
    const { driver, frontEnd, memory } = await started({ size: 16, eventIdx: true })
    for (let i = 0; i < 3; i++) await driver.exchange(pattern(8), 8)
    for (let i = 0; i < 4; i++) driver.post(pattern(8), 8)
    driver.cmdq.publish()
    const base = await frontEnd.getBase(0)
    const snapshot = memory.read(driver.cmdq.at.used, 6 + 8 * 16)
    expect(driver.cmdq.usedIdx).toBe(base)
    driver.cmdq.kickNow()
    await turns()
    expect(memory.read(driver.cmdq.at.used, 6 + 8 * 16)).toEqual(snapshot)
  })

  it('[enabling] rings run without SET_VRING_ENABLE if bit 30 is not acknowledged', async () => {
    const rig = await negotiated()
    const { frontEnd, driver, memory } = rig
    frontEnd.setFeatures(Feature.VERSION_1)
    await frontEnd.setMemoryTable(memory.regions, memory.fds)
    frontEnd.setNum(0, driver.cmdq.size)
    frontEnd.setBase(0, 0)
    frontEnd.setAddress(0, {
      descriptors: memory.toUser(driver.cmdq.at.descriptors),
      available: memory.toUser(driver.cmdq.at.available),
      used: memory.toUser(driver.cmdq.at.used),
    })
    frontEnd.setCall(0, driver.cmdq.call)
    frontEnd.setKick(0, driver.cmdq.kick)
    expect((await driver.exchange(pattern(8), 8)).length).toBe(8)
  })
})

describe('HEADER_POSITION', () => {
  it('is the index of the reply in the used ring, also across the end of 16 bits', async () => {
    const positions: number[] = []
    const { driver, memory } = await started({
      size: 256,
      onBatch: (count, backEnd) => {
        positions.push(backEnd.batch[HEADER_POSITION]!)
        backEnd.echo(count)
      },
    })
    const traffic = new Traffic(driver.cmdq, memory)
    await traffic.run(0x10000 - 2)
    expect(positions[0]).toBe(0)
    driver.cmdq.nextAvailable = driver.cmdq.nextUsed
    for (const wanted of [0xfffe, 0xffff, 0]) {
      await driver.exchange(pattern(4), 4)
      expect(positions.at(-1)).toBe(wanted)
    }
  })

  it('that of an event buffer is in its entry', async () => {
    const { driver, backEnd } = await started()
    driver.postEventBuffers(3, 32)
    for (let sent = 0; sent < 3; sent++) {
      backEnd.sendEvent(pattern(4))
      expect(backEnd.batch[EVENT_ENTRY + ENTRY_TICKET]).toBe(sent)
    }
  })
})
