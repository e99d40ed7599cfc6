/**
 * Front ends that send wrong requests, by accident or on purpose. A request is refused, or ends the connection. Every
 * descriptor is closed (the rig counts), and the next front end is served normally.
 */
import { closeSync, openSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { NativeEvent } from '../../src/device/native.js'
import {
  Feature,
  memoryTable,
  Request,
  singleRegion,
  u32s,
  u64s,
  VRING_NO_FD,
  vringAddress,
  vringState,
  type WireRegion,
} from '../../src/front-end/protocol.js'
import { turns, until } from '../../src/front-end/wait.js'
import { sys } from '../driver/syscalls.js'
import { refuse, stillServed } from './refuse.js'
import { connected, FLAT, negotiated, pattern, reversed, started } from './rig.js'

const PAGE = 4096

describe('[ring-index] a ring that does not exist is refused', () => {
  const requests = {
    SET_VRING_NUM: (index: number) => vringState(index, 64),
    SET_VRING_ADDR: (index: number) => vringAddress(index, { descriptors: 0, available: 0, used: 0 }),
    SET_VRING_BASE: (index: number) => vringState(index, 0),
    SET_VRING_ENABLE: (index: number) => vringState(index, 1),
    GET_VRING_BASE: (index: number) => vringState(index, 0),
  }
  const rows = Object.entries(requests).flatMap(([name, payload]) =>
    [2, 3, 255, 256, 0x7fff_ffff, 0xffff_ffff].map(index => ({ name: name as keyof typeof requests, payload, index })),
  )

  it.each(rows)('$name $index', async ({ name, payload, index }) => {
    const rig = await negotiated()
    await refuse(rig, Request[name], payload(index))
    await stillServed(rig)
  })

  const fdRows = (['SET_VRING_KICK', 'SET_VRING_CALL', 'SET_VRING_ERR'] as const).flatMap(name =>
    [2, 255].map(index => ({ name, index })),
  )
  it.each(fdRows)('$name $index', async ({ name, index }) => {
    const rig = await negotiated()
    const fd = sys.eventfd()
    rig.own({ close: () => closeSync(fd) })
    await refuse(rig, Request[name], u64s(index), [fd])
    await refuse(rig, Request[name], u64s(index | VRING_NO_FD))
    await stillServed(rig)
  })

  it.each(['SET_VRING_KICK', 'SET_VRING_CALL', 'SET_VRING_ERR'] as const)(
    '%s with bits that mean nothing',
    async name => {
      const rig = await negotiated()
      for (const bit of [9n, 31n, 32n, 63n]) await refuse(rig, Request[name], u64s((1n << bit) | BigInt(VRING_NO_FD)))
      await stillServed(rig)
    },
  )
})

describe('[ring-size] a ring of an impossible size is refused', () => {
  it.each([0, 3, 5, 6, 7, 100, 1023, 1025, 2048, 32_768, 65_536, 0x8000_0000, 0xffff_ffff])('%i', async num => {
    const rig = await negotiated()
    await refuse(rig, Request.SET_VRING_NUM, vringState(0, num))
    await stillServed(rig)
  })

  it('set again and again leaves nothing behind', async () => {
    const rig = await negotiated()
    for (let i = 0; i < 1000; i++) {
      rig.frontEnd.setNum(i % 2, 1 << (i % 11))
      if (i % 50 === 0) await rig.frontEnd.sync()
    }
    await stillServed(rig)
  })
})

describe('an impossible memory table', () => {
  const flat = (more: Partial<WireRegion> = {}): WireRegion => ({
    guest: FLAT.guest,
    size: FLAT.size,
    user: 0x7000_0000_0000,
    offset: 0,
    ...more,
  })
  const two = (more: Partial<WireRegion>): WireRegion[] => [
    flat({ size: 8 * PAGE }),
    flat({ guest: 0x8000_0000, user: 0x7100_0000_0000, size: 8 * PAGE, ...more }),
  ]
  const tables: { name: string; regions: WireRegion[]; count?: number; fds?: number }[] = [
    { name: '[region-count] no regions', regions: [] },
    { name: '[region-count] more regions than it holds', regions: [flat()], count: 2 },
    { name: '[region-count] 2^32 - 1 regions', regions: [flat()], count: 0xffff_ffff },
    { name: '[region-count] fewer regions than it holds', regions: two({}), count: 1 },
    { name: '[region-count] fewer descriptors than regions', regions: two({}), fds: 1 },
    { name: '[region-count] more descriptors than regions', regions: [flat()], fds: 2 },
    { name: '[region-count] no descriptors', regions: [flat()], fds: 0 },
    {
      name: '[region-count] nine regions',
      regions: Array.from({ length: 9 }, (_, i) => flat({ guest: i * PAGE, user: i * PAGE, size: PAGE })),
    },
    { name: '[region-overflow] a region of size 0', regions: [flat({ size: 0 })] },
    {
      name: '[region-overflow] guest address and size overflow',
      regions: [flat({ guest: 0xffff_ffff_ffff_f000n, size: 2 * PAGE })],
    },
    {
      name: '[region-overflow] front-end address and size overflow',
      regions: [flat({ user: 0xffff_ffff_ffff_f000n, size: 2 * PAGE })],
    },
    {
      name: '[region-overflow] file offset and size overflow',
      regions: [flat({ offset: 0xffff_ffff_ffff_f000n, size: 2 * PAGE })],
    },
    {
      name: '[region-overflow] a file offset beyond off_t',
      regions: [flat({ offset: 0x8000_0000_0000_0000n, size: PAGE })],
    },
    { name: '[region-overlap] regions overlap in guest addresses', regions: two({ guest: FLAT.guest + 7 * PAGE }) },
    { name: '[region-overlap] regions are the same in guest addresses', regions: two({ guest: FLAT.guest }) },
    { name: '[region-overlap] a region holds the other', regions: two({ guest: FLAT.guest - PAGE, size: 16 * PAGE }) },
    {
      name: '[region-overlap] regions overlap in front-end addresses',
      regions: two({ user: 0x7000_0000_0000 + 7 * PAGE }),
    },
    {
      name: '[huge-region] a region of 2^63 bytes',
      regions: [flat({ size: 0x8000_0000_0000_0000n, guest: 0, user: 0 })],
    },
    { name: '[huge-region] a region of 16 TiB', regions: [flat({ size: 2 ** 44 })] },
    { name: '[short-file] a file that is one page short', regions: [flat({ size: FLAT.size + PAGE })] },
    { name: '[short-file] a file that is one byte short', regions: [flat({ size: FLAT.size + 1 })] },
    { name: '[short-file] an offset beyond the file', regions: [flat({ offset: FLAT.size, size: PAGE })] },
  ]

  it.each(tables)('$name', async ({ regions, count, fds }) => {
    const rig = await started()
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
    const files = Array.from({ length: fds ?? regions.length }, () => rig.memory.fds[0]!)
    const memory = rig.backEnd.count(NativeEvent.MEMORY)
    await refuse(rig, Request.SET_MEM_TABLE, memoryTable(regions, count), files)
    // The old table stays.
    expect(rig.backEnd.count(NativeEvent.MEMORY)).toBe(memory)
    expect((await rig.driver.exchange(pattern(8, 1), 8)).reply).toEqual(reversed(pattern(8, 1)))
  })

  const single = tables.filter(
    ({ regions, count, fds }) => regions.length === 1 && count === undefined && fds === undefined,
  )
  it.each(single)('$name, as ADD_MEM_REG', async ({ regions }) => {
    const rig = await negotiated({ memSlots: true })
    await refuse(rig, Request.ADD_MEM_REG, singleRegion(regions[0]!), [rig.memory.fds[0]!])
    await stillServed(rig)
  })

  it('[region-overlap] a region that overlaps one that is there, as ADD_MEM_REG', async () => {
    const rig = await started({ memSlots: true })
    const { guest, size } = rig.memory.regions[0]!
    const fds = [rig.memory.fds[0]!]
    const free = { user: 0x1000_0000, size: PAGE, offset: 0 }
    await refuse(rig, Request.ADD_MEM_REG, singleRegion({ ...free, guest }), fds)
    await refuse(rig, Request.ADD_MEM_REG, singleRegion({ ...free, guest: guest + size - 1 }), fds)
    await refuse(rig, Request.ADD_MEM_REG, singleRegion({ ...free, guest: guest - PAGE + 1 }), fds)
    const { user } = rig.memory.regions[0]!
    await refuse(rig, Request.ADD_MEM_REG, singleRegion({ ...free, user, guest: 0 }), fds)
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
  })

  it('a region that does not exist can not be removed', async () => {
    const rig = await started({ memSlots: true })
    const region = rig.memory.regions[0]!
    for (const more of [{ guest: 0 }, { size: PAGE }, { user: 0 }]) {
      await refuse(rig, Request.REM_MEM_REG, singleRegion({ ...region, ...more }))
    }
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
  })

  const descriptors: Record<string, () => number[]> = {
    'an eventfd': () => [sys.eventfd()],
    'a pipe': () => sys.pipe(),
    'a socket': () => sys.socketPair(),
    'a directory': () => [openSync('/tmp', 'r')],
    'a file opened for reading': () => [openSync('/etc/passwd', 'r')],
    'a device': () => [openSync('/dev/null', 'r+')],
    'a device that can be mapped': () => [openSync('/dev/zero', 'r+')],
  }
  it.each(Object.keys(descriptors))('[not-memory] %s is refused as memory', async name => {
    const rig = await started()
    const fds = descriptors[name]!()
    rig.own({ close: () => fds.forEach(fd => void closeSync(fd)) })
    await refuse(rig, Request.SET_MEM_TABLE, memoryTable([flat({ size: PAGE })]), [fds[0]!])
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
  })
})

describe('[kick-descriptor] a kick descriptor other than an eventfd', () => {
  it('a pipe works as well', async () => {
    const rig = await started()
    const [reader, writer] = sys.pipe()
    rig.own({ close: () => closeSync(writer) })
    rig.frontEnd.setKick(0, reader)
    await rig.frontEnd.sync()
    closeSync(reader)
    rig.driver.post(pattern(8), 8)
    rig.driver.cmdq.storeIdx(rig.driver.cmdq.nextAvailable)
    sys.writeEvent(writer, 1)
    await rig.driver.cmdq.collect(1)
  })

  it('a closed pipe does not keep the event loop busy, and is reported once', async () => {
    const rig = await started()
    const [reader, writer] = sys.pipe()
    rig.frontEnd.setKick(0, reader)
    await rig.frontEnd.sync()
    closeSync(reader)
    closeSync(writer)
    await rig.backEnd.expect(NativeEvent.REFUSED)
    await turns(50)
    expect(rig.backEnd.takeSurprises()).toEqual([])
    expect((await rig.frontEnd.features()) & Feature.VERSION_1).toBe(Feature.VERSION_1)
  })

  it('a regular file is refused; the old descriptor stays', async () => {
    const rig = await started()
    await refuse(rig, Request.SET_VRING_KICK, u64s(0), [rig.memory.fds[0]!])
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
  })

  it('none at all: the ring is polled', async () => {
    const rig = await started()
    rig.frontEnd.setKick(0, undefined)
    await rig.frontEnd.sync()
    for (let i = 0; i < 5; i++) {
      rig.driver.post(pattern(8, i), 8)
      rig.driver.cmdq.storeIdx(rig.driver.cmdq.nextAvailable)
      for (const used of await rig.driver.cmdq.collect(1)) rig.driver.answer(used)
    }
  })

  it("the front end's own socket does no harm", async () => {
    const rig = await started()
    const [ours, theirs] = sys.socketPair()
    rig.own({ close: () => closeSync(ours) })
    rig.frontEnd.setKick(0, theirs)
    await rig.frontEnd.sync()
    closeSync(theirs)
    rig.driver.post(pattern(8), 8)
    rig.driver.cmdq.storeIdx(rig.driver.cmdq.nextAvailable)
    sys.send(ours, new Uint8Array(100), [])
    await rig.driver.cmdq.collect(1)
  })
})

describe('a front end that does not read', () => {
  it('[slow-front-end] keeps no ring waiting', async () => {
    const rig = await started()
    for (let i = 0; i < 100; i++) {
      rig.frontEnd.send(Request.GET_FEATURES)
      expect((await rig.driver.exchange(pattern(8, i), 8)).reply).toEqual(reversed(pattern(8, i)))
    }
    for (let i = 0; i < 100; i++) await rig.frontEnd.reply(Request.GET_FEATURES, 8)
  })

  it('[slow-front-end] loses its connection in the end, but no reply before that', async () => {
    const rig = await started()
    const request = u32s(Request.GET_FEATURES, 1, 0)
    const gone = () => rig.backEnd.count(NativeEvent.DISCONNECTED) > 0
    let sent = 0
    const flood = () => {
      try {
        while (sent < 100_000 && sys.send(rig.frontEnd.socket, request, []) === request.length) sent++
      } catch (error) {
        expect((error as NodeJS.ErrnoException).code).toMatch(/EPIPE|ECONNRESET/)
      }
      return gone()
    }
    await until(flood, () => `the end of the connection, after ${sent} requests`)
    const reason = rig.backEnd.happenings.find(h => h.event === NativeEvent.DISCONNECTED)!.text
    expect(reason).toMatch(/read/)
    let replies = 0
    for (let frame = await rig.frontEnd.frame(); frame !== 'closed'; frame = await rig.frontEnd.frame()) {
      expect(frame).toMatchObject({ request: Request.GET_FEATURES, flags: 5 })
      expect(frame.payload.length).toBe(8)
      replies++
    }
    expect(replies).toBeGreaterThan(16)
    expect(replies).toBeLessThanOrEqual(sent)
    await rig.reconnect()
    rig.driver.reset()
    await rig.start()
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
  })

  it('[slow-front-end] that reads late gets every reply, in order', async () => {
    const rig = await negotiated()
    for (let i = 0; i < 200; i++) rig.frontEnd.send(i % 2 ? Request.GET_FEATURES : Request.GET_QUEUE_NUM)
    await turns(50)
    for (let i = 0; i < 200; i++) await rig.frontEnd.reply(i % 2 ? Request.GET_FEATURES : Request.GET_QUEUE_NUM, 8)
  })

  it('[hang-up] may close while a reply is on its way', async () => {
    const rig = await connected()
    for (let i = 0; i < 50; i++) {
      rig.frontEnd.send(Request.GET_FEATURES)
      await rig.reconnect()
    }
    await rig.frontEnd.sync()
  })
})
