/** Front ends that set up rings wrongly or in an unusual order: addresses, flags, bases, and the states of a ring. */
import { describe, expect, it } from 'vitest'
import { NativeEvent } from '../../src/device/native.js'
import { Feature, Request, u64s, vringAddress, vringState } from '../../src/front-end/protocol.js'
import { setAddress, shareMemory, startRing } from '../../src/front-end/qemu.js'
import { turns, until } from '../../src/front-end/wait.js'
import { sys } from '../driver/syscalls.js'
import { refuse, stillServed } from './refuse.js'
import { FLAT, negotiated, pattern, type Rig, started } from './rig.js'

describe('a ring at an impossible address', () => {
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
    put('[ring-address] at 0', () => 0)
    put('[ring-address] outside memory', end)
    put('[ring-address] with its last bytes outside memory', rig => end(rig) - before)
    put('[ring-address] with its first byte before memory', rig => rig.memory.regions[0]!.user - 16)
    put('[ring-address] at an address that overflows', () => 0xffff_ffff_ffff_fff0n)
    for (let off = 1; off < alignments[part]; off++) {
      put(`[ring-alignment] misaligned by ${off}`, rig => right(rig)[part] + off)
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

  it.each(places)('$name, sent before the memory table', async ({ at }) => {
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

  it('[ring-address] a ring across two regions, though both are memory', async () => {
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

  it.each([
    { name: 'as the front end sees it', region: { user: 0x7000_0000_0008, offset: 0 }, misalignedBy: 8 },
    { name: 'as it lies in the file', region: { user: 0x7000_0000_0000, offset: 8 }, misalignedBy: 0 },
  ])('[ring-alignment] a descriptor table that is misaligned only $name', async ({ region, misalignedBy }) => {
    const rig = await negotiated({ memory: [{ guest: FLAT.guest, size: FLAT.size, ...region }] })
    await shareMemory(rig.frontEnd, rig.memory)
    rig.frontEnd.setNum(0, 64)
    const addresses = right(rig)
    expect(addresses.descriptors % 16).toBe(misalignedBy)
    await refuse(rig, Request.SET_VRING_ADDR, vringAddress(0, addresses))
  })

  it.each([1, 2, 4, 0x8000_0000])('[ring-flags] flags 0x%x', async flags => {
    const rig = await negotiated()
    await shareMemory(rig.frontEnd, rig.memory)
    await refuse(rig, Request.SET_VRING_ADDR, vringAddress(0, right(rig), flags))
    await stillServed(rig)
  })
})

describe('any order', () => {
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

  it('[request-order] a ring starts with the last request that it needs, in all 720 orders', async () => {
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

  it.each(steps.filter(step => step !== 'memory'))('[unready-ring] a ring does not start without %s', async missing => {
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
    '[request-order] %s of a running ring is refused',
    async name => {
      const rig = await started()
      const payload =
        name === 'SET_VRING_ADDR' ? vringAddress(0, { descriptors: 0, available: 0, used: 0 }) : vringState(0, 8)
      await refuse(rig, Request[name], payload)
      expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
    },
  )

  it('[request-order] SET_VRING_ENABLE of neither 0 nor 1 is refused', async () => {
    const rig = await started()
    for (const on of [2, 0xffff_ffff]) await refuse(rig, Request.SET_VRING_ENABLE, vringState(0, on))
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
  })
})

describe('[ring-base] an impossible base', () => {
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

describe('states of a ring', () => {
  it('[stop-in-traffic] GET_VRING_BASE under traffic returns an index at which nothing is lost', async () => {
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

  it('[enabling] SET_VRING_KICK does not enable a ring, nor SET_FEATURES with bit 30', async () => {
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
