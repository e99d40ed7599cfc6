/**
 * What a front end can do wrong, by accident or on purpose. It is refused, or loses its connection; nothing of it is
 * kept, every descriptor is closed (the rig counts), and the next front end is served as if nothing had been.
 */
import { closeSync, openSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { NativeEvent } from '../../src/native.js'
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
} from '../driver/protocol.js'
import { setAddress, shareMemory, startRing } from '../driver/qemu.js'
import { sys } from '../driver/syscalls.js'
import { turns, until } from '../driver/wait.js'
import { connected, FLAT, negotiated, pattern, type Rig, reversed, started } from './rig.js'

const PAGE = 4096

/** Sends a request that must be refused, and checks that the session goes on. */
async function refuse(rig: Rig, request: number, payload: Uint8Array, fds: readonly number[] = []): Promise<string> {
  expect(await rig.frontEnd.acknowledge(request, payload, fds)).not.toBe(0n)
  await rig.frontEnd.sync()
  return (await rig.backEnd.expect(NativeEvent.REFUSED)).text
}

/** After whatever happened a guest can still start and be answered. */
async function stillServed(rig: Rig): Promise<void> {
  for (const queue of rig.driver.queues) await rig.frontEnd.getBase(queue.index)
  rig.driver.reset()
  await rig.start()
  expect((await rig.driver.exchange(pattern(8), 8)).reply).toEqual(reversed(pattern(8)))
}

describe('4: a ring that does not exist is refused', () => {
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

describe('5: a ring of an impossible size is refused', () => {
  it.each([0, 3, 5, 6, 7, 100, 1023, 1025, 2048, 32_768, 65_536, 0x8000_0000, 0xffff_ffff])('%i', async num => {
    const rig = await negotiated()
    await refuse(rig, Request.SET_VRING_NUM, vringState(0, num))
    await stillServed(rig)
  })

  it('set again and again leaves nothing behind', async () => {
    const rig = await negotiated()
    for (let i = 0; i < 1000; i++) rig.frontEnd.setNum(i % 2, 1 << (i % 11))
    await stillServed(rig)
  })
})

describe('6 to 13: a memory table that can not be', () => {
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
    { name: '6: no regions', regions: [] },
    { name: '6: more regions than it holds', regions: [flat()], count: 2 },
    { name: '6: 2^32 - 1 regions', regions: [flat()], count: 0xffff_ffff },
    { name: '6: fewer regions than it holds', regions: two({}), count: 1 },
    { name: '6: fewer descriptors than regions', regions: two({}), fds: 1 },
    { name: '6: more descriptors than regions', regions: [flat()], fds: 2 },
    { name: '6: no descriptors', regions: [flat()], fds: 0 },
    {
      name: '6: nine regions',
      regions: Array.from({ length: 9 }, (_, i) => flat({ guest: i * PAGE, user: i * PAGE, size: PAGE })),
    },
    { name: '7: a region of size 0', regions: [flat({ size: 0 })] },
    { name: '7: guest address and size overflow', regions: [flat({ guest: 0xffff_ffff_ffff_f000n, size: 2 * PAGE })] },
    {
      name: '7: front-end address and size overflow',
      regions: [flat({ user: 0xffff_ffff_ffff_f000n, size: 2 * PAGE })],
    },
    { name: '7: file offset and size overflow', regions: [flat({ offset: 0xffff_ffff_ffff_f000n, size: 2 * PAGE })] },
    { name: '7: a file offset that is no off_t', regions: [flat({ offset: 0x8000_0000_0000_0000n, size: PAGE })] },
    { name: '8: regions overlap in guest addresses', regions: two({ guest: FLAT.guest + 7 * PAGE }) },
    { name: '8: regions are the same in guest addresses', regions: two({ guest: FLAT.guest }) },
    { name: '8: a region holds the other', regions: two({ guest: FLAT.guest - PAGE, size: 16 * PAGE }) },
    { name: '8: regions overlap in front-end addresses', regions: two({ user: 0x7000_0000_0000 + 7 * PAGE }) },
    { name: '9: a region of 2^63 bytes', regions: [flat({ size: 0x8000_0000_0000_0000n, guest: 0, user: 0 })] },
    { name: '9: a region of 16 TiB', regions: [flat({ size: 2 ** 44 })] },
    { name: '11: a file that is one page short', regions: [flat({ size: FLAT.size + PAGE })] },
    { name: '11: a file that is one byte short', regions: [flat({ size: FLAT.size + 1 })] },
    { name: '11: an offset beyond the file', regions: [flat({ offset: FLAT.size, size: PAGE })] },
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

  it('8: a region that overlaps one that is there, as ADD_MEM_REG', async () => {
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

  it('a region that is not there can not be taken away', async () => {
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
  it.each(Object.keys(descriptors))('13: %s is no memory', async name => {
    const rig = await started()
    const fds = descriptors[name]!()
    rig.own({ close: () => fds.forEach(fd => void closeSync(fd)) })
    await refuse(rig, Request.SET_MEM_TABLE, memoryTable([flat({ size: PAGE })]), [fds[0]!])
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
  })
})

describe('14 to 16: a ring in an impossible place', () => {
  const places: { name: string; at: (rig: Rig) => Parameters<typeof vringAddress>[1] }[] = []
  const right = ({ memory, driver: { cmdq } }: Rig) => ({
    descriptors: memory.toUser(cmdq.at.descriptors),
    available: memory.toUser(cmdq.at.available),
    used: memory.toUser(cmdq.at.used),
  })
  const bytes = { descriptors: 16 * 64, available: 6 + 2 * 64, used: 6 + 8 * 64 }
  const alignments = { descriptors: 16, available: 2, used: 4 }
  for (const part of ['descriptors', 'available', 'used'] as const) {
    const end = (rig: Rig) => rig.memory.regions[0]!.user + FLAT.size
    const before = Math.ceil(bytes[part] / 16) * 16 - 16
    const put = (name: string, where: (rig: Rig) => number | bigint) =>
      places.push({ name: `${part} ${name}`, at: rig => ({ ...right(rig), [part]: where(rig) }) })
    put('14: at 0', () => 0)
    put('14: outside memory', end)
    put('14: with its last bytes outside memory', rig => end(rig) - before)
    put('14: with its first byte before memory', rig => rig.memory.regions[0]!.user - 16)
    put('14: at an address that overflows', () => 0xffff_ffff_ffff_fff0n)
    for (let off = 1; off < alignments[part]; off++) {
      put(`15: misaligned by ${off}`, rig => right(rig)[part] + off)
    }
  }

  it.each(places)('$name', async ({ at }) => {
    const rig = await negotiated()
    await shareMemory(rig.frontEnd, rig.memory)
    rig.frontEnd.setNum(0, 64)
    rig.frontEnd.setBase(0, 0)
    await refuse(rig, Request.SET_VRING_ADDR, vringAddress(0, at(rig)))
    await stillServed(rig)
  })

  it.each(places)('$name, told before there is memory', async ({ at }) => {
    const rig = await negotiated()
    const { frontEnd, driver, backEnd } = rig
    frontEnd.setNum(0, 64)
    frontEnd.setBase(0, 0)
    frontEnd.setAddress(0, at(rig))
    frontEnd.setError(0, driver.cmdq.error)
    frontEnd.setKick(0, driver.cmdq.kick)
    await frontEnd.enable(0, true)
    await frontEnd.setMemoryTable(rig.memory.regions, rig.memory.fds)
    await frontEnd.sync()
    expect(backEnd.takeSurprises().length).toBeGreaterThan(0)
    expect(backEnd.count(NativeEvent.QUEUE_STARTED, 0)).toBe(0)
    await stillServed(rig)
  })

  it('14: a ring across two regions, though both are memory', async () => {
    const middle = FLAT.guest + FLAT.size
    const user = 0x7000_0000_0000
    const memory = [
      { ...FLAT, user },
      { guest: middle, size: 1 << 20, user: user + FLAT.size, file: 1, offset: 0 },
    ]
    const rig = await negotiated({ memory })
    await shareMemory(rig.frontEnd, rig.memory)
    rig.frontEnd.setNum(0, 64)
    const across = { ...right(rig), descriptors: user + FLAT.size - 16 }
    await refuse(rig, Request.SET_VRING_ADDR, vringAddress(0, across))
    await stillServed(rig)
  })

  it.each([1, 2, 4, 0x8000_0000])('16: flags 0x%x', async flags => {
    const rig = await negotiated()
    await shareMemory(rig.frontEnd, rig.memory)
    await refuse(rig, Request.SET_VRING_ADDR, vringAddress(0, right(rig), flags))
    await stillServed(rig)
  })
})

describe('17: any order', () => {
  const steps = ['memory', 'num', 'base', 'address', 'kick', 'enable'] as const
  type Step = (typeof steps)[number]
  const take = async (step: Step, rig: Rig) => {
    const { frontEnd, memory, driver } = rig
    const { cmdq } = driver
    if (step === 'memory') await shareMemory(frontEnd, memory)
    if (step === 'num') frontEnd.setNum(0, cmdq.size)
    if (step === 'base') frontEnd.setBase(0, 0)
    if (step === 'address') setAddress(frontEnd, memory, cmdq)
    if (step === 'kick') frontEnd.setKick(0, cmdq.kick)
    if (step === 'enable') expect(await frontEnd.enable(0, true)).toBe(0n)
  }
  const orders: Step[][] = []
  const permute = (done: Step[], left: Step[]): void => {
    if (left.length === 0) orders.push(done)
    for (const step of left)
      permute(
        [...done, step],
        left.filter(other => other !== step),
      )
  }
  permute([], [...steps])

  it('a ring starts when the last of what it needs has come, in all 720 orders', async () => {
    expect(orders.length).toBe(720)
    const rig = await negotiated({ size: 4 })
    for (const order of orders) {
      const { frontEnd, driver, backEnd } = rig
      const starts = backEnd.count(NativeEvent.QUEUE_STARTED)
      frontEnd.setCall(0, driver.cmdq.call)
      for (const step of order) {
        await frontEnd.sync()
        expect(backEnd.count(NativeEvent.QUEUE_STARTED), order.join(' ')).toBe(starts)
        await take(step, rig)
      }
      driver.post(pattern(8), 8)
      driver.cmdq.publish()
      const [used] = await driver.cmdq.collect(1)
      expect(driver.answer(used!).length).toBe(8)
      await rig.reconnect()
      driver.reset()
      sys.readEvent(driver.cmdq.kick)
      driver.cmdq.drainSignals()
    }
  })

  it.each(steps.filter(step => step !== 'memory'))('a ring does not start without %s', async missing => {
    const rig = await negotiated()
    for (const step of steps) if (step !== missing) await take(step, rig)
    rig.driver.post(pattern(8), 8)
    rig.driver.cmdq.publish()
    rig.driver.cmdq.kickNow()
    await turns()
    await rig.frontEnd.sync()
    expect(rig.backEnd.count(NativeEvent.QUEUE_STARTED)).toBe(0)
    expect(rig.driver.cmdq.usedIdx).toBe(0)
  })

  it.each(['SET_VRING_NUM', 'SET_VRING_BASE', 'SET_VRING_ADDR'] as const)(
    '%s of a running ring is refused',
    async name => {
      const rig = await started()
      const payload =
        name === 'SET_VRING_ADDR' ? vringAddress(0, { descriptors: 0, available: 0, used: 0 }) : vringState(0, 8)
      await refuse(rig, Request[name], payload)
      expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
    },
  )

  it('SET_VRING_ENABLE of neither 0 nor 1 is refused', async () => {
    const rig = await started()
    for (const on of [2, 0xffff_ffff]) await refuse(rig, Request.SET_VRING_ENABLE, vringState(0, on))
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
  })
})

describe('19: a base that can not be', () => {
  it.each([65_536, 0xffff_ffff])('%i is refused', async base => {
    const rig = await negotiated()
    await refuse(rig, Request.SET_VRING_BASE, vringState(0, base))
    await stillServed(rig)
  })

  it.each([65, 1000, 32_768, 65_535])('%i, far from used.idx, does not start the ring', async base => {
    const rig = await negotiated({ size: 64 })
    const { frontEnd, memory, driver, backEnd } = rig
    await shareMemory(frontEnd, memory)
    frontEnd.setNum(0, 64)
    frontEnd.setBase(0, base)
    setAddress(frontEnd, memory, driver.cmdq)
    expect(await frontEnd.enable(0, true)).toBe(0n)
    await refuse(rig, Request.SET_VRING_KICK, u64s(0), [driver.cmdq.kick])
    expect(backEnd.count(NativeEvent.QUEUE_STARTED)).toBe(0)
    await stillServed(rig)
  })
})

describe('22: a kick descriptor that is no eventfd', () => {
  it('a pipe serves as well as any', async () => {
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

  it('a pipe that is closed does not turn the loop for ever, and says so once', async () => {
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

  it('none at all: the ring is looked at all the same', async () => {
    const rig = await started()
    rig.frontEnd.setKick(0, undefined)
    await rig.frontEnd.sync()
    for (let i = 0; i < 5; i++) {
      rig.driver.post(pattern(8, i), 8)
      rig.driver.cmdq.storeIdx(rig.driver.cmdq.nextAvailable)
      for (const used of await rig.driver.cmdq.collect(1)) rig.driver.answer(used)
    }
  })

  it("the front end's own socket is no worse", async () => {
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

describe('25, 26: a front end that does not read', () => {
  it('keeps no ring waiting, and in the end loses its connection, not replies', async () => {
    const rig = await started()
    let sent = 0
    const request = u32s(Request.GET_FEATURES, 1, 0)
    const gone = () => rig.backEnd.count(NativeEvent.DISCONNECTED) > 0
    while (!gone() && sent < 100_000) {
      for (let i = 0; i < 50 && !gone(); i++) {
        try {
          if (sys.send(rig.frontEnd.socket, request, []) !== request.length) break
          sent++
        } catch {
          break
        }
      }
      if (!gone() && sent < 2000) expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
      else await turns(1)
    }
    expect(gone()).toBe(true)
    for (let got = 0; ; got++) {
      const frame = await rig.frontEnd.frame()
      if (frame === 'closed') break
      expect(frame).toMatchObject({ request: Request.GET_FEATURES, flags: 5 })
      expect(frame.payload.length).toBe(8)
      expect(got).toBeLessThan(sent)
    }
    await rig.reconnect()
    rig.driver.reset()
    await rig.start()
  })

  it('that reads late gets every reply, in order', async () => {
    const rig = await negotiated()
    for (let i = 0; i < 200; i++) rig.frontEnd.send(i % 2 ? Request.GET_FEATURES : Request.GET_QUEUE_NUM)
    await turns(50)
    for (let i = 0; i < 200; i++) await rig.frontEnd.reply(i % 2 ? Request.GET_FEATURES : Request.GET_QUEUE_NUM, 8)
  })

  it('that closes while a reply is on its way is let go', async () => {
    const rig = await connected()
    for (let i = 0; i < 50; i++) {
      rig.frontEnd.send(Request.GET_FEATURES)
      await rig.reconnect()
    }
    await rig.frontEnd.sync()
  })
})

describe('27, 28: states of a ring', () => {
  it('27: GET_VRING_BASE in the middle of traffic answers an index at which nothing is lost', async () => {
    const rig = await started({ size: 64 })
    const { driver, frontEnd } = rig
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 10 + round; i++) driver.post(pattern(8, i), 8)
      driver.cmdq.publish()
      if (round % 2) await turns(1)
      const base = await frontEnd.getBase(0)
      expect(base).toBe(driver.cmdq.usedIdx)
      frontEnd.setBase(0, base)
      frontEnd.setCall(0, driver.cmdq.call)
      frontEnd.setKick(0, driver.cmdq.kick)
      for (const used of await driver.cmdq.collect(10 + round)) driver.answer(used)
    }
  })

  it('28: SET_VRING_KICK does not enable a ring, nor SET_FEATURES with bit 30', async () => {
    const rig = await negotiated()
    const { frontEnd, memory, driver } = rig
    frontEnd.setFeatures(Feature.VERSION_1 | Feature.PROTOCOL_FEATURES)
    await shareMemory(frontEnd, memory)
    frontEnd.setNum(0, driver.cmdq.size)
    frontEnd.setBase(0, 0)
    setAddress(frontEnd, memory, driver.cmdq)
    frontEnd.setCall(0, driver.cmdq.call)
    frontEnd.setKick(0, driver.cmdq.kick)
    driver.post(pattern(8), 8)
    driver.cmdq.publish()
    driver.cmdq.kickNow()
    await turns()
    expect(driver.cmdq.usedIdx).toBe(0)
    expect(await frontEnd.enable(0, true)).toBe(0n)
    await driver.cmdq.collect(1)
  })

  it('SET_STATUS 0 is a reset; a status of more than eight bits is refused', async () => {
    const rig = await started()
    await refuse(rig, Request.SET_STATUS, u64s(0x100))
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
    expect(await rig.frontEnd.acknowledge(Request.SET_STATUS, u64s(0))).toBe(0n)
    rig.driver.post(pattern(8), 8)
    rig.driver.cmdq.publish()
    rig.driver.cmdq.kickNow()
    await rig.frontEnd.sync()
    expect(rig.driver.cmdq.usedIdx).toBe(1)
    await stillServed(rig)
  })

  it('one ring may be set up and started alone, the other later', async () => {
    const rig = await negotiated()
    rig.frontEnd.setFeatures(rig.features)
    await shareMemory(rig.frontEnd, rig.memory)
    await startRing(rig.frontEnd, rig.memory, rig.driver.eventq)
    rig.driver.postEventBuffers(2, 32)
    await until(() => rig.device.peekEvent() === 32, 'event buffers')
    await startRing(rig.frontEnd, rig.memory, rig.driver.cmdq)
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
  })
})
