/** Where rings and buffers may lie: regions, gaps, offsets, windows; and what a change of the memory table does. */
import { describe, expect, it } from 'vitest'
import { BATCH_HEADER, ENTRY_REPLY_WINDOW, ENTRY_REQUEST_WINDOW, NativeEvent } from '../../src/device/native.js'
import { Driver } from '../../src/front-end/driver.js'
import { GuestMemory, type RegionSpec } from '../../src/front-end/memory.js'
import { Request, singleRegion } from '../../src/front-end/protocol.js'
import { setAddress } from '../../src/front-end/qemu.js'
import { type Form, writeDescriptor } from '../../src/front-end/queue.js'
import { until } from '../../src/front-end/wait.js'
import { memoryMappings } from '../driver/resources.js'
import { FLAT, negotiated, pattern, reversed, started } from './rig.js'

const MIB = 1 << 20
const GIB = 1 << 30
const PAGE = 4096

/** Ring in the first region; the others: adjacent to each other, with a gap, in another file, off page. */
const REGIONS: RegionSpec[] = [
  { guest: 0, size: 8 * MIB },
  { guest: GIB, size: 2 * MIB, offset: 32 * MIB },
  { guest: GIB + 2 * MIB, size: 2 * MIB, offset: 16 * MIB },
  { guest: GIB + 4 * MIB, size: MIB, file: 1, offset: 3 * PAGE },
  { guest: 5 * GIB, size: MIB, file: 1, offset: 4 * MIB + 0x230 },
]

describe('several regions', () => {
  it.each([
    { name: 'the first', requestAt: 7 * MIB, replyAt: 7 * MIB + 64 },
    { name: 'the last bytes of one', requestAt: 5 * GIB + MIB - 100, replyAt: 5 * GIB + MIB - 30 },
    { name: 'the first bytes of one', requestAt: GIB, replyAt: 5 * GIB },
    { name: 'different ones', requestAt: GIB + 4 * MIB + 17, replyAt: GIB + 100 },
    { name: 'a file at an offset that is no page', requestAt: 5 * GIB + 3, replyAt: 5 * GIB + PAGE - 5 },
    { name: 'two adjacent ones, the request across', requestAt: GIB + 2 * MIB - 7, replyAt: GIB },
    { name: 'two adjacent ones, the reply across', requestAt: GIB, replyAt: GIB + 2 * MIB - 29 },
    { name: 'two files, both across', requestAt: GIB + 4 * MIB - 1, replyAt: GIB + 2 * MIB - 1 },
  ])('a message may lie in $name', async ({ requestAt, replyAt }) => {
    const { driver } = await started({ memory: REGIONS, form: 'mixed' })
    for (const form of ['direct', 'indirect', 'mixed'] satisfies Form[]) {
      const { reply } = await driver.exchange(pattern(30), 30, { form, requestAt, replyAt })
      expect(reply).toEqual(reversed(pattern(30)))
    }
  })

  it('an indirect table may run over from one region into the next', async () => {
    const { driver } = await started({ memory: REGIONS, form: 'indirect' })
    for (const before of [1, 8, 15, 16, 17, 31]) {
      const table = GIB + 2 * MIB - before
      const { reply } = await driver.exchange(pattern(30), 30, { table })
      expect(reply).toEqual(reversed(pattern(30)))
    }
  })

  it('[file-offset] rings may lie in any region, also where the file offset is no page', async () => {
    const rig = await negotiated({ memory: REGIONS })
    for (const [i, at] of [GIB + 4 * MIB, 5 * GIB + 0x100, GIB + MIB].entries()) {
      rig.memory.allocateFrom(at)
      const driver = rig.own(new Driver(rig.memory, { size: 16 }))
      await rig.start({ queues: driver.queues })
      expect((await driver.exchange(pattern(20, i), 20)).reply).toEqual(reversed(pattern(20, i)))
      for (const queue of driver.queues) await rig.frontEnd.getBase(queue.index)
    }
  })

  it('eight regions are taken', async () => {
    const memory = Array.from({ length: 8 }, (_, i) => ({ guest: i * GIB, size: 2 * MIB, offset: i * 2 * MIB }))
    memory[0]!.size = 2 * MIB
    const { driver } = await started({ memory, size: 16 })
    for (let i = 0; i < 8; i++) {
      const requestAt = i * GIB + 2 * MIB - 64
      const replyAt = (7 - i) * GIB + 2 * MIB - 32
      expect((await driver.exchange(pattern(32, i), 32, { requestAt, replyAt })).reply).toEqual(
        reversed(pattern(32, i)),
      )
    }
  })

  it('regions may share bytes of a file', async () => {
    const memory = [
      { guest: 0, size: 8 * MIB, offset: 0 },
      { guest: GIB, size: MIB, offset: 0 },
    ]
    const rig = await started({ memory })
    rig.memory.allocateFrom(7 * MIB)
    expect((await rig.driver.exchange(pattern(9), 9, { requestAt: GIB + 64, replyAt: GIB + 128 })).length).toBe(9)
  })
})

describe('8 GiB of guest memory', () => {
  const LAST = 8 * GIB
  const memory: RegionSpec[] = [
    { guest: 0, size: 3 * GIB, offset: 0 },
    { guest: 3 * GIB, size: 5 * GIB, offset: 4 * GIB },
  ]

  it.each([
    { name: 'in the last page', requestAt: LAST - 100, replyAt: LAST - 40 },
    { name: 'with the last byte of memory', requestAt: LAST - 1000, replyAt: LAST - 40 },
    { name: 'whose request crosses a window', requestAt: GIB - 11, replyAt: 2 * GIB + 8 },
    { name: 'whose reply crosses a window', requestAt: 2 * GIB, replyAt: GIB - 39 },
    { name: 'that crosses windows of the second region', requestAt: 4 * GIB - 20, replyAt: 6 * GIB - 1 },
    { name: 'that crosses from region to region', requestAt: 3 * GIB - 1, replyAt: 3 * GIB - 80 },
    { name: 'whose reply crosses from region to region', requestAt: 5 * GIB, replyAt: 3 * GIB - 3 },
  ])('a message $name is answered', async ({ requestAt, replyAt }) => {
    const { driver } = await started({ memory, form: 'mixed' })
    for (const form of ['direct', 'indirect', 'mixed'] satisfies Form[]) {
      const { reply } = await driver.exchange(pattern(40, 5), 40, { form, requestAt, replyAt })
      expect(reply).toEqual(reversed(pattern(40, 5)))
    }
  })

  it.each([GIB - 512, 7 * GIB + 4096, LAST - 2 * MIB])('the rings may lie at 0x%s', async at => {
    const rig = await negotiated({ memory })
    rig.memory.allocateFrom(at)
    const driver = rig.own(new Driver(rig.memory, { size: 64 }))
    await rig.start({ queues: driver.queues })
    expect((await driver.exchange(pattern(20), 20)).reply).toEqual(reversed(pattern(20)))
  })

  it('no window is longer than 1 GiB, and together they hold all of it', async () => {
    const { backEnd } = await started({ memory })
    const lengths = backEnd.windows.slice(1).map(window => window.byteLength)
    expect(Math.max(...lengths)).toBeLessThanOrEqual(GIB)
    expect(lengths.reduce((sum, length) => sum + length, 0)).toBeGreaterThanOrEqual(8 * GIB)
  })
})

describe('windows', () => {
  it('a message in one piece is lent where it lies, one in pieces is copied to scratch memory', async () => {
    const places: number[][] = []
    const { driver } = await started({
      onBatch: (count, backEnd) => {
        const { batch } = backEnd
        places.push([batch[BATCH_HEADER + ENTRY_REQUEST_WINDOW]!, batch[BATCH_HEADER + ENTRY_REPLY_WINDOW]!])
        backEnd.echo(count)
      },
    })
    await driver.exchange(pattern(12), 12)
    await driver.exchange(pattern(12), 12, { readable: [4, 8] })
    await driver.exchange(pattern(12), 12, { writable: [4, 8] })
    await driver.exchange(pattern(12), 12, { readable: [4, 8], writable: [4, 8] })
    expect(places.map(([request, reply]) => [request! > 0, reply! > 0])).toEqual([
      [true, true],
      [false, true],
      [true, false],
      [false, false],
    ])
  })

  it('[stale-view] are detached when the memory table is replaced: a kept view throws', async () => {
    const rig = await started()
    const kept = rig.backEnd.windows.slice(1)
    const events = rig.backEnd.count(NativeEvent.MEMORY)
    expect(kept.length).toBeGreaterThan(0)
    expect(kept[0]!.getUint8(0)).toBeTypeOf('number')
    expect(await rig.frontEnd.setMemoryTable(rig.memory.regions, rig.memory.fds)).toBe(0n)
    expect(rig.backEnd.count(NativeEvent.MEMORY)).toBe(events + 1)
    for (const window of kept) expect(() => window.getUint8(0)).toThrow(TypeError)
    for (const window of rig.backEnd.windows) expect(window.byteLength).toBeGreaterThan(0)
  })

  it('are detached when the front end goes', async () => {
    const rig = await started()
    const kept = rig.backEnd.windows.slice(1)
    rig.frontEnd.close()
    await rig.backEnd.seen(NativeEvent.DISCONNECTED)
    for (const window of kept) expect(() => window.getUint8(0)).toThrow(TypeError)
  })

  it('are detached when the device is closed', async () => {
    const rig = await started()
    const kept = [...rig.backEnd.windows]
    rig.device.close()
    for (const window of kept.slice(1)) expect(() => window.getUint8(0)).toThrow(TypeError)
  })
})

describe('the memory table', () => {
  it('may be replaced while the rings run: messages go on in the new memory', async () => {
    const rig = await started()
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
    expect(await rig.frontEnd.setMemoryTable(rig.memory.regions, rig.memory.fds)).toBe(0n)
    expect((await rig.driver.exchange(pattern(8, 2), 8)).reply).toEqual(reversed(pattern(8, 2)))
  })

  it('may be replaced by one with other front-end addresses; the rings are set up again', async () => {
    const rig = await started()
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
    const bases = [await rig.frontEnd.getBase(0), await rig.frontEnd.getBase(1)]
    for (const r of rig.memory.regions) r.user += 0x1_0000_0000
    await rig.start({ bases })
    expect((await rig.driver.exchange(pattern(8, 2), 8)).reply).toEqual(reversed(pattern(8, 2)))
  })

  it('[mapping-leak] replaced a hundred times leaves one mapping of each file', async () => {
    const rig = await started()
    const before = memoryMappings()
    for (let i = 0; i < 100; i++) {
      expect(await rig.frontEnd.setMemoryTable(rig.memory.regions, rig.memory.fds)).toBe(0n)
    }
    expect(memoryMappings()).toBe(before)
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
  })

  it('replaced without the region of a ring stops that ring, not the connection', async () => {
    const rig = await started({ memory: [FLAT, { guest: 8 * GIB, size: MIB }] })
    const { regions } = rig.memory
    expect(await rig.frontEnd.setMemoryTable([regions[1]!], [regions[1]!.fd])).toBe(0n)
    for (const queue of [0, 1]) expect(await rig.backEnd.expect(NativeEvent.QUEUE_FAULT)).toMatchObject({ queue })
    rig.driver.post(pattern(8), 8)
    rig.driver.cmdq.publish()
    await rig.frontEnd.sync()
    expect(rig.driver.cmdq.usedIdx).toBe(0)
    for (const queue of rig.driver.queues) await rig.frontEnd.getBase(queue.index)
    rig.driver.reset()
    await rig.start()
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
  })
})

describe('memory slots', () => {
  it('regions come one by one and messages cross them', async () => {
    const rig = await started({ memory: REGIONS, memSlots: true })
    const { reply } = await rig.driver.exchange(pattern(30), 30, { requestAt: GIB + 2 * MIB - 7, replyAt: 5 * GIB })
    expect(reply).toEqual(reversed(pattern(30)))
  })

  it('at least eight are offered, and all can be used', async () => {
    const rig = await started({ memSlots: true })
    const slots = Number((await rig.frontEnd.ask(Request.GET_MAX_MEM_SLOTS, 8)).getBigUint64(0, true))
    expect(slots).toBeGreaterThanOrEqual(8)
    const more = rig.own(
      new GuestMemory(
        Array.from({ length: slots }, (_, i) => ({ guest: (16 + i) * GIB, size: PAGE, user: (64 + i) * GIB })),
      ),
    )
    for (const [i, r] of more.regions.slice(1).entries()) expect(await rig.frontEnd.addRegion(r, r.fd), `${i}`).toBe(0n)
    expect(await rig.frontEnd.addRegion(more.regions[0]!, more.regions[0]!.fd)).not.toBe(0n)
    await rig.backEnd.expect(NativeEvent.REFUSED)
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
  })

  it('a region can be replaced by one with other addresses', async () => {
    const rig = await started({ memory: [FLAT, { guest: 8 * GIB, size: MIB }], memSlots: true })
    const region = rig.memory.regions[1]!
    const layout = { requestAt: 8 * GIB, replyAt: 8 * GIB + 64 }
    for (let i = 0; i < 5; i++) {
      expect((await rig.driver.exchange(pattern(8, i), 8, layout)).reply).toEqual(reversed(pattern(8, i)))
      expect(await rig.frontEnd.removeRegion(region)).toBe(0n)
      region.user += GIB
      expect(await rig.frontEnd.addRegion(region, region.fd)).toBe(0n)
    }
  })

  it('a descriptor that comes with REM_MEM_REG is closed', async () => {
    const rig = await started({ memory: [FLAT, { guest: 8 * GIB, size: MIB }], memSlots: true })
    const region = rig.memory.regions[1]!
    expect(await rig.frontEnd.acknowledge(Request.REM_MEM_REG, singleRegion(region), [region.fd])).toBe(0n)
  })

  it('[removed-region] a message in a removed region is a fault of its ring', async () => {
    const rig = await started({ memory: [FLAT, { guest: 8 * GIB, size: MIB }], memSlots: true })
    expect(await rig.frontEnd.removeRegion(rig.memory.regions[1]!)).toBe(0n)
    rig.driver.post(pattern(8), 8, { requestAt: 8 * GIB, replyAt: 8 * GIB + 64 })
    rig.driver.cmdq.publish()
    expect((await rig.backEnd.expect(NativeEvent.QUEUE_FAULT)).queue).toBe(0)
  })

  it('[removed-region] removing the region of a ring stops the ring; it starts again when the region is back', async () => {
    const rig = await started({ memSlots: true })
    await rig.driver.exchange(pattern(8), 8)
    expect(await rig.frontEnd.removeRegion(rig.memory.regions[0]!)).toBe(0n)
    rig.driver.post(pattern(8, 1), 8)
    rig.driver.cmdq.publish()
    await rig.frontEnd.sync()
    for (const queue of [0, 1]) expect(await rig.backEnd.expect(NativeEvent.QUEUE_FAULT)).toMatchObject({ queue })
    expect(rig.driver.cmdq.usedIdx).toBe(1)
    expect(await rig.frontEnd.addRegion(rig.memory.regions[0]!, rig.memory.regions[0]!.fd)).toBe(0n)
    for (const queue of rig.driver.queues) await rig.frontEnd.getBase(queue.index)
    await rig.frontEnd.sync()
    for (const [i, queue] of rig.driver.queues.entries()) {
      rig.frontEnd.setNum(i, queue.size)
      rig.frontEnd.setBase(i, queue.usedIdx)
      setAddress(rig.frontEnd, rig.memory, queue)
      rig.frontEnd.setCall(i, queue.call)
      rig.frontEnd.setKick(i, queue.kick)
      expect(await rig.frontEnd.enable(i, true)).toBe(0n)
    }
    await rig.driver.cmdq.collect(1)
  })
})

describe('[shrinking-file] a memory file that shrinks', () => {
  it('under a message: the device reads zeros and stops the ring', async () => {
    const rig = await started({ memory: [FLAT, { guest: 8 * GIB, size: 4 * MIB, file: 1, offset: 0 }], sealed: false })
    rig.driver.post(pattern(8), 8, { requestAt: 8 * GIB + 2 * MIB, replyAt: 8 * GIB + 3 * MIB })
    rig.memory.truncate(PAGE, 1)
    rig.driver.cmdq.publish()
    // No memory can be trusted any more, so both rings stop.
    for (const queue of [0, 1]) expect(await rig.backEnd.expect(NativeEvent.QUEUE_FAULT)).toMatchObject({ queue })
    expect(rig.driver.cmdq.usedIdx).toBe(0)
    await rig.frontEnd.sync()
  })

  it('under a ring: the device stops the ring', async () => {
    const rig = await started({ memory: [{ guest: 0, size: 16 * MIB }], sealed: false })
    rig.memory.truncate(0)
    rig.frontEnd.setCall(0, rig.driver.cmdq.call)
    rig.driver.cmdq.kickNow()
    await rig.frontEnd.sync()
    await until(
      () => rig.backEnd.takeSurprises().length > 0 || rig.backEnd.count(NativeEvent.QUEUE_FAULT) > 0,
      'a fault',
    )
    const { frontEnd, backEnd } = rig
    const other = rig.own(new GuestMemory([FLAT]))
    const driver = rig.own(new Driver(other))
    for (const index of [0, 1]) await frontEnd.getBase(index)
    await rig.start({ memory: other, queues: driver.queues })
    expect((await driver.exchange(pattern(8), 8)).length).toBe(8)
    backEnd.takeSurprises()
  })

  it('under JavaScript that writes to a window: the device survives', async () => {
    const rig = await started({ memory: [FLAT, { guest: 8 * GIB, size: 4 * MIB, file: 1, offset: 0 }], sealed: false })
    const window = rig.backEnd.windows.find(w => w.byteLength === 4 * MIB)!
    window.setUint32(2 * MIB, 42, true)
    rig.memory.truncate(0, 1)
    for (let i = 0; i < 4 * MIB; i += PAGE) window.setUint32(i, 7, true)
    expect(window.getUint32(2 * MIB, true)).toBe(7)
    await rig.frontEnd.sync()
    rig.backEnd.takeSurprises()
    expect(await rig.frontEnd.setMemoryTable([rig.memory.regions[0]!], [rig.memory.regions[0]!.fd])).toBe(0n)
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
  })
})

it('a descriptor table is laid out as the specification says', () => {
  const view = new DataView(new ArrayBuffer(32))
  writeDescriptor(view, 1, 0x1_2345_6789, 0xabcdef01, 5, 7)
  const bytes = [0x89, 0x67, 0x45, 0x23, 1, 0, 0, 0, 0x01, 0xef, 0xcd, 0xab, 5, 0, 7, 0]
  expect([...new Uint8Array(view.buffer, 16)]).toEqual(bytes)
})
