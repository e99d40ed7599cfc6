/** Counters are found in a guest's RAM, and a guest that writes there what it likes cannot do harm. */
import { describe, expect, test } from 'vitest'
import { findCounters } from '../../../qemu/coverage/gcov-info.js'
import { KernelMemory } from '../../../qemu/coverage/kernel-memory.js'
import { RamError } from '../../../qemu/coverage/ram.js'
import { head, layout, MODULE, TestRam, UNMAPPED, type Unit } from './ram.js'

const known = [
  { unit: 'drivers/firmware/arm_scmi/driver', stamp: 7 },
  { unit: 'drivers/firmware/arm_scmi/base', stamp: 8 },
]
const driver: Unit = {
  path: '/build/objects/drivers/firmware/arm_scmi/driver.gcda',
  stamp: 7,
  functions: [
    { ident: 1, counts: [5n, 0n, 9n] },
    { ident: 2, counts: [1n] },
  ],
}
const base: Unit = {
  path: '/build/objects/drivers/firmware/arm_scmi/base.gcda',
  stamp: 8,
  functions: [{ ident: 3, counts: [2n] }],
}

function found(units: readonly Unit[], change: (ram: TestRam) => void = () => undefined) {
  const made = new TestRam()
  made.units(units)
  change(made)
  return made.with(ram => findCounters(new KernelMemory(ram, layout), { head, gcc: 12, known }))
}

const countsOf = ({ counters }: ReturnType<typeof found>): Record<string, bigint[][]> =>
  Object.fromEntries(
    [...counters].map(([unit, functions]) => [
      unit.replace(/.*\//, ''),
      [...functions.values()].map(one => one.counts.get(0)!),
    ]),
  )

test('counters of all functions, by unit', () => {
  const both = found([driver, base])
  expect(countsOf(both)).toEqual({ driver: [[5n, 0n, 9n], [1n]], base: [[2n]] })
  expect(both.problems).toEqual([])
  const [first] = [...both.counters.get(known[0]!.unit)!]
  expect(first).toEqual([1, { lines: 11, flow: 22, counts: new Map([[0, [5n, 0n, 9n]]]) }])
})

test('counters of a module, whose pages are anywhere', () => {
  const at = (ram: TestRam) => ram.bytes.writeBigUInt64LE(77n, 0x60_0000)
  expect(countsOf(found([{ ...driver, functions: [{ ident: 1, counts: [0n], at: MODULE }] }], at))).toEqual({
    driver: [[77n]],
  })
})

describe('what does not fit is left out, and told', () => {
  const cases: [string, Partial<Unit>, RegExp][] = [
    ['another build', { stamp: 1 }, /driver: it is of another build/],
    ['too many functions', { functionCount: 0xffff_ffff }, /driver: 4294967295 functions/],
    ['functions nowhere', { functionsAt: UNMAPPED }, /driver: 0xffff800000000000 is not mapped/],
    [
      'functions at the end of the address space',
      { functionsAt: 0xffff_ffff_ffff_fff8n },
      /driver: 0x.* is not mapped/,
    ],
    [
      'a function of too many counters',
      { functions: [{ ident: 1, counts: [1n], number: 1_000_000 }] },
      /1000000 counters/,
    ],
    ['counters nowhere', { functions: [{ ident: 1, counts: [1n], at: 8n }] }, /driver: 0x0 is not mapped/],
  ]
  test.each(cases)('%s', (_, forged, problem) => {
    const result = found([{ ...driver, ...forged }, base])
    expect(countsOf(result)).toEqual({ base: [[2n]] })
    expect(result.problems).toEqual([expect.stringMatching(problem)])
  })

  test('a list that leads nowhere', () => {
    const result = found([{ ...driver, next: UNMAPPED }, base])
    expect(countsOf(result)).toEqual({ driver: [[5n, 0n, 9n], [1n]] })
    expect(result.problems).toEqual([expect.stringContaining('is not mapped')])
  })

  test('a list without an end', () => {
    const made = new TestRam()
    made.units([driver, base])
    const first = made.bytes.readBigUInt64LE(Number(head - layout.text) + 0x20_0000)
    expect(countsOf(found([driver, { ...base, next: first }]))).toEqual({ driver: [[5n, 0n, 9n], [1n]], base: [[2n]] })
  })

  test('a name without an end, and names of others', () => {
    const endless = (ram: TestRam) => ram.bytes.fill(65, 0x20_0000 + 0x3_0000, 0x20_0000 + 0x3_4000)
    const made = found([{ ...driver, nameAt: layout.text + 0x3_0000n }], endless)
    expect([countsOf(made), made.problems.length]).toEqual([{}, 1])
    expect(found([{ ...driver, path: '/build/objects/drivers/base/driver.gcda' }])).toMatchObject({ problems: [] })
  })

  test('counts that no guest counts to', () => {
    expect(countsOf(found([{ ...base, functions: [{ ident: 3, counts: [2n ** 64n - 1n] }] }]))).toEqual({
      base: [[1n << 40n]],
    })
  })
})

test('RAM without a kernel, and a kernel without page tables, are told as such', () => {
  const noKernel = (ram: TestRam) => ram.bytes.fill(0, 0x20_0000, 0x22_0000)
  expect(() => found([driver], noKernel)).toThrow(new RamError('the kernel is not in RAM'))
  const noTables = (ram: TestRam) => ram.bytes.fill(0, 0x30_0000, 0x40_0000)
  expect(() => found([driver], noTables)).toThrow(new RamError('the kernel has no page tables yet'))
})

test('page tables that lead out of RAM', () => {
  const made = new TestRam()
  made.units([base])
  made.map(MODULE, 0xf_ffff_f000n, 'page')
  made.with(ram => {
    const memory = new KernelMemory(ram, layout)
    expect(() => memory.read(MODULE, 8)).toThrow('no RAM for 4096 bytes at 0xffffff000')
    expect(memory.u64(head)).not.toBe(0n)
  })
})
