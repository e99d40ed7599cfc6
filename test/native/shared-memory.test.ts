/** Guest memory that is looked at for long: where it lies, what is noticed in it, and what a change of the memory table does. */
import { describe, expect, it } from 'vitest'
import { NativeEvent } from '../../src/device/native.js'
import { FLAT, GuestMemory, type RegionSpec } from '../../src/front-end/memory.js'
import { turns, until } from '../../src/front-end/wait.js'
import { definePlatform } from '../../src/loading/load.js'
import { guestOf } from './guest-of.js'
import { type Rig, started } from './rig.js'

const MIB = 1 << 20
const GIB = 1 << 30
const PAGE = 4096
const AT = FLAT.guest + 2 * MIB

describe('a range of guest memory', () => {
  const memory: RegionSpec[] = [
    FLAT,
    { guest: GIB + 4 * MIB, size: 2 * MIB, file: 1 },
    { guest: 2 * GIB, size: 2 * GIB, file: 2 },
    { guest: 5 * GIB, size: MIB, file: 3, offset: 0x231 },
    { guest: 6 * GIB + 4, size: MIB, file: 4 },
  ]

  it.each([
    { name: 'the first bytes of a region', at: FLAT.guest, bytes: PAGE, is: { window: 1, offset: 0 } },
    { name: 'the last bytes of a region', at: FLAT.guest + 4 * MIB - PAGE, bytes: PAGE },
    { name: 'a whole region of one window', at: GIB + 4 * MIB, bytes: 2 * MIB, is: { window: 2, offset: 0 } },
    { name: 'beyond a region', at: GIB + 6 * MIB - PAGE, bytes: 2 * PAGE, is: 'not memory' },
    { name: 'between regions', at: GIB + 7 * MIB, bytes: PAGE, is: 'not memory' },
    { name: 'beyond all', at: 2 ** 52, bytes: PAGE, is: 'not memory' },
    { name: 'at the end of numbers', at: Number.MAX_SAFE_INTEGER, bytes: PAGE, is: 'not memory' },
    { name: 'two neighbours', at: GIB + 4 * MIB - PAGE, bytes: 2 * PAGE, is: 'split' },
    { name: 'two windows of a region', at: 3 * GIB - PAGE, bytes: 2 * PAGE, is: 'split' },
    { name: 'the second window of a region', at: 3 * GIB + PAGE, bytes: PAGE, is: { window: 4, offset: PAGE } },
    { name: 'a region that begins at an odd byte of its file', at: 5 * GIB, bytes: PAGE, is: 'unaligned' },
    { name: 'a region that begins at an odd word of the guest', at: 6 * GIB + PAGE, bytes: PAGE, is: 'unaligned' },
  ])('$name', async ({ at, bytes, is = { window: 1, offset: at - FLAT.guest } }) => {
    const { device } = await started({ memory })
    expect(device.locate(at, bytes)).toEqual(is)
  })

  it('is where the windows show it', async () => {
    const { device, memory: guest, backEnd } = await started({ memory })
    const place = device.locate(3 * GIB + PAGE, PAGE) as { window: number; offset: number }
    guest.view(3 * GIB + PAGE, 4).setUint32(0, 0x1234_5678, true)
    expect(backEnd.windows[place.window]!.getUint32(place.offset, true)).toBe(0x1234_5678)
  })

  it('is not there without a front end', async () => {
    const rig = await started()
    rig.frontEnd.close()
    await rig.backEnd.seen(NativeEvent.DISCONNECTED)
    expect(rig.device.locate(AT, PAGE)).toBe('not memory')
  })
})

describe('watched memory', () => {
  const written = ({ backEnd }: Rig) => backEnd.count(NativeEvent.MEMORY_WRITTEN)
  const looks = () => new Promise(done => setTimeout(done, 20))

  it('is reported while a flag is set, wherever it is', async () => {
    const rig = await started()
    rig.device.watchMemory(1, AT, 16, 0)
    await looks()
    expect(written(rig)).toBe(0)
    for (const at of [0, 7, 8, 15]) {
      const before = written(rig)
      rig.memory.view(AT + at, 1).setUint8(0, 0x80)
      await until(() => written(rig) > before, `flag ${at} was noticed`)
      rig.memory.view(AT + at, 1).setUint8(0, 0)
    }
    rig.memory.view(AT + 16, 1).setUint8(0, 1)
    rig.memory.view(AT - 1, 1).setUint8(0, 1)
    await looks()
    const before = written(rig)
    await looks()
    expect(written(rig)).toBe(before)
  })

  it('a word is reported at two looks after each change', async () => {
    const rig = await started()
    rig.memory.view(AT + 8, 4).setUint32(0, 7, true)
    rig.device.watchMemory(1, AT, 8, 16)
    for (const [at, value] of [
      [8, 8],
      [20, 1],
      [20, 0],
    ] as const) {
      await looks()
      const before = written(rig)
      rig.memory.view(AT + at, 4).setUint32(0, value, true)
      await until(() => written(rig) === before + 2, 'two reports')
      await looks()
      expect(written(rig)).toBe(before + 2)
    }
  })

  it('is not looked at any more after 0 ms', async () => {
    const rig = await started()
    rig.device.watchMemory(1, AT, 8, 0)
    rig.device.watchMemory(0, AT, 8, 0)
    rig.memory.view(AT, 1).setUint8(0, 1)
    await looks()
    expect(written(rig)).toBe(0)
  })

  it('follows the memory table, and is quiet while there is no such memory', async () => {
    const rig = await started()
    rig.device.watchMemory(1, AT, 8, 8)
    const other = rig.own(new GuestMemory([{ guest: 8 * GIB, size: MIB }]))
    rig.memory.view(AT, 1).setUint8(0, 1)
    await until(() => written(rig) > 0, 'the flag was noticed')
    expect(await rig.frontEnd.setMemoryTable(other.regions, other.fds)).toBe(0n)
    rig.backEnd.takeSurprises()
    await looks()
    const before = written(rig)
    await looks()
    expect(written(rig)).toBe(before)
    expect(await rig.frontEnd.setMemoryTable(rig.memory.regions, rig.memory.fds)).toBe(0n)
    await until(() => written(rig) > before, 'the flag was noticed again')
  })

  it('[truncated-watch] a file that is truncated stops the rings, not the process', async () => {
    const rig = await started({ sealed: false })
    rig.device.watchMemory(1, AT, 8, 0)
    await turns()
    rig.memory.truncate(0)
    const fault = await rig.backEnd.expect(NativeEvent.QUEUE_FAULT)
    expect(fault.text).toMatch(/truncated|shorter|shrank/)
    rig.backEnd.takeSurprises()
  })

  it.each([
    [1, 0, 7, 0],
    [1, 0, 8, 4],
    [1, 0, 8, 2 ** 21],
    [-1, 0, 8, 0],
    [0.5, 0, 8, 0],
    [1, -1, 8, 0],
    [1, 0.5, 8, 0],
    [1, 2 ** 60, 8, 0],
  ])('is refused: %s', async (...wrong) => {
    const { device } = await started()
    expect(() => device.watchMemory(...(wrong as [number, number, number, number]))).toThrow(TypeError)
  })

  it.each([
    [0, 0],
    [0, GIB + 1],
    [-1, 8],
    [0.5, 8],
  ])('a place is refused: %s', async (address, length) => {
    const { device } = await started()
    expect(() => device.locate(address, length)).toThrow(TypeError)
  })
})

describe('shared_memory of a platform', () => {
  /** The guest has memory FLAT. */
  async function sharedWith(shared: Record<string, unknown>, more: { sharedMemory?: number } = {}) {
    const platform = definePlatform({ vendor: 'acme', shared_memory: shared, clocks: [{ name: 'cpu', rate: '1 GHz' }] })
    const { server, guest, lines } = await guestOf(platform, more)
    return { server, guest, lines, shared: server.device.agent.shared! }
  }

  it('is found in the memory of the guest', async () => {
    const { guest, shared, lines } = await sharedWith({ address: AT, size: 0x2000 })
    expect(shared.view?.byteLength).toBe(0x2000)
    shared.words[3] = 0x1234
    expect(guest.memory.view(AT + 12, 4).getUint32(0, true)).toBe(0x1234)
    expect(lines).toEqual([])
  })

  it('--shared-memory comes before the address of the file', async () => {
    const { shared } = await sharedWith({ address: 0x1000, size: 0x1000 }, { sharedMemory: AT })
    expect(shared.view?.byteLength).toBe(0x1000)
    expect(shared.address).toBe(AT)
  })

  it.each([
    {
      name: 'beyond the memory',
      shared: { address: 0x7000_0000 },
      says: /0x70000000-0x700fffff is not the guest's memory/,
    },
    { name: 'half beyond it', shared: { address: FLAT.guest + 4 * MIB - PAGE, size: 0x2000 }, says: /no-map/ },
    { name: 'without an address', shared: {}, says: /has no address: give --shared-memory/ },
  ])('$name, one error says what to do, and messages go on', async ({ shared, says }) => {
    const { server, guest, lines } = await sharedWith(shared)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(says)
    expect(lines[0]).toMatch(/agents go by message/)
    expect(server.device.agent.shared!.view).toBeUndefined()
    expect(await guest.send(0x10, 0)).toEqual([0, 0x20001])
  })
})
