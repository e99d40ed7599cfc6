/** The region that an agent's protocols share with its guest: places of areas, doorbells, what is noticed. */
import { describe, expect, test } from 'vitest'
import { SharedMemory } from '../../../src/protocols/declaration/shared-memory.js'

const PAGE = 0x1000

/** A region that the guest has from the start, and the doorbells that were rung. */
function region(size = PAGE) {
  const shared = new SharedMemory({ address: 0x4f00_0000, size, pollUs: 1000 })
  const rung: string[] = []
  const bell = (name: string, bytes: number) => shared.bell(bytes, () => rung.push(name))
  const map = () => {
    shared.layOut()
    shared.map(new DataView(new ArrayBuffer(size)))
  }
  const take = () => {
    shared.look()
    return rung.splice(0)
  }
  return { shared, bell, map, take }
}

describe('areas', () => {
  test('doorbells come first, then words without one, then others; each at a multiple of its size', () => {
    const { shared, bell, map } = region(2 * PAGE)
    const page = shared.area(PAGE / 2, PAGE / 2)
    const word = shared.area(4)
    const [one, eight, two] = [bell('one', 1), bell('eight', 8), bell('two', 2)]
    const unrung = shared.unrung(8, () => {})
    map()
    expect([one, eight, two, unrung, page, word].map(({ offset }) => offset)).toEqual([0, 8, 16, 24, 0x800, PAGE])
    expect(shared.watchedBytes).toEqual({ flags: 24, words: 8 })
    expect(shared.addressOf(page)).toBe(0x4f00_0800)
  })

  test('that do not fit are an error that says how much is needed', () => {
    const { shared } = region()
    shared.area(PAGE)
    shared.area(4)
    expect(() => shared.layOut()).toThrow('shared_memory.size: is too small for what is in it; write at least 8192')
  })

  test('nothing is written before the driver is told an address', () => {
    const { shared, bell, map } = region()
    bell('a', 1)
    const area = shared.area(4)
    shared.onFill(() => {
      shared.words[area.offset / 4] = 42
    })
    map()
    const guest = new DataView(new ArrayBuffer(PAGE))
    guest.setUint32(0, 0xffff_ffff, true)
    guest.setUint32(area.offset, 7, true)
    const words = () => [guest.getUint32(0, true), guest.getUint32(area.offset, true)]
    shared.map(guest)
    expect(words()).toEqual([0xffff_ffff, 7])
    shared.use()
    expect(words()).toEqual([0, 42])
    guest.setUint32(area.offset, 7, true)
    shared.use()
    expect(words()).toEqual([0, 7])
  })

  test('are filled again where the region moves to, unless the driver is gone; doorbells that were rung stay so', () => {
    const { shared, bell, map, take } = region()
    bell('a', 1)
    const area = shared.area(4)
    shared.onFill(() => {
      shared.words[area.offset / 4] = 42
    })
    map()
    shared.use()
    const other = new DataView(new ArrayBuffer(PAGE))
    other.setUint8(0, 1)
    shared.map(undefined)
    expect([shared.view, shared.words.length]).toEqual([undefined, 0])
    expect(take()).toEqual([])
    shared.map(other)
    expect(other.getUint32(area.offset, true)).toBe(42)
    expect(take()).toEqual(['a'])
    shared.forget()
    const last = new DataView(new ArrayBuffer(PAGE))
    shared.map(last)
    expect(last.getUint32(area.offset, true)).toBe(0)
  })

  test.each([0, 1, 2] as const)('a driver that knew addresses (%i) goes on with them', used => {
    const before = region()
    if (used > 0) before.shared.use()
    if (used > 1) before.shared.watch()
    expect(before.shared.save()).toBe(used)
    const { shared, bell, map, take } = region()
    bell('a', 1)
    map()
    shared.view!.setUint8(0, 1)
    shared.resume(used)
    expect([shared.inUse, shared.watched]).toEqual([used > 0, used > 1])
    expect(take()).toEqual(['a'])
  })
})

describe('a doorbell', () => {
  test.each([
    { bytes: 1, value: 1 },
    { bytes: 1, value: 0x80 },
    { bytes: 2, value: 0x8000 },
    { bytes: 4, value: 0x8000_0000 },
    { bytes: 8, value: 1 },
  ])('of $bytes bytes is heard once, alone among others, and is 0 then', ({ bytes, value }) => {
    const { shared, bell, map, take } = region()
    bell('before', 1)
    const area = bell('this', bytes)
    const after = bell('after', 1)
    map()
    if (bytes === 1) shared.view!.setUint8(area.offset, value)
    else if (bytes === 2) shared.view!.setUint16(area.offset, value, true)
    else shared.view!.setUint32(area.offset, value, true)
    expect(take()).toEqual(['this'])
    expect(take()).toEqual([])
    expect(new Uint8Array(shared.view!.buffer).every(byte => byte === 0)).toBe(true)
    shared.view!.setUint8(after.offset, 1)
    expect(take()).toEqual(['after'])
  })

  test('of 8 bytes is heard by its upper half', () => {
    const { shared, bell, map, take } = region()
    bell('this', 8)
    map()
    shared.view!.setUint8(7, 1)
    expect(take()).toEqual(['this'])
    expect(take()).toEqual([])
  })

  test('all four of a word are heard at one look', () => {
    const { shared, bell, map, take } = region()
    for (const name of ['a', 'b', 'c', 'd', 'e']) bell(name, 1)
    map()
    shared.view!.setUint32(0, 0x0101_0001, true)
    expect(take()).toEqual(['a', 'c', 'd'])
  })
})

test('words without a doorbell are looked at each time', () => {
  const { shared, map } = region()
  let looks = 0
  shared.unrung(4, () => looks++)
  map()
  shared.look()
  shared.look()
  expect(looks).toBe(2)
})

test('watching begins once, and ends once', () => {
  const { shared } = region()
  const told: boolean[] = []
  shared.onWatched = () => told.push(shared.watched)
  shared.forget()
  shared.watch()
  shared.watch()
  shared.forget()
  expect(told).toEqual([true, false])
})
