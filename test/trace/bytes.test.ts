/** protobufjs reads what the trace writer wrote: every kind of field, with lengths of every size. */
import fc from 'fast-check'
import protobuf from 'protobufjs'
import { expect, it } from 'vitest'
import { Bytes, plansOf } from '../../src/trace/bytes.js'

const { root } = protobuf.parse(
  `syntax = "proto2";
   message Inner { optional string text = 1; repeated Inner inner = 12; }
   message Outer {
     optional uint64 u64 = 1; optional int64 s64 = 2; optional uint32 u32 = 3; optional int32 s32 = 4;
     optional bool flag = 5; optional double real = 44; repeated fixed64 fixed = 47; optional Inner inner = 300;
     optional Kind kind = 9; repeated uint64 many = 10;
     enum Kind { NONE = 0; SOME = 5; }
   }`,
)
const type = root.lookupType('Outer')
const TAG = (1 << 3) | 2

/** The message again, as protobufjs reads it. */
function readBack(value: object): unknown {
  const bytes = new Bytes()
  bytes.message(TAG, value, plansOf(type))
  const reader = protobuf.Reader.create(bytes.take())
  expect(reader.uint32()).toBe(TAG)
  const decoded = type.decode(reader, reader.uint32())
  expect(reader.pos).toBe(reader.len)
  return type.toObject(decoded, { longs: BigInt, arrays: false })
}

const inner = fc.letrec(tie => ({
  node: fc.record(
    {
      text: fc.string({ unit: 'grapheme', maxLength: 300 }),
      inner: fc.array(tie('node'), { minLength: 1, maxLength: 3 }),
    },
    { requiredKeys: [] },
  ),
})).node

it('is read back as it was', () => {
  const outer = fc.record(
    {
      u64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      s64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      u32: fc.nat(0xffff_ffff),
      s32: fc.integer(),
      flag: fc.boolean(),
      real: fc.double({ noNaN: true }),
      fixed: fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { minLength: 1, maxLength: 4 }),
      kind: fc.constantFrom(0, 5),
      many: fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { minLength: 1, maxLength: 40 }),
      inner,
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(outer, value => {
      expect(readBack(value)).toEqual(value)
    }),
  )
})

it.each([0, 1, 127, 128, 16383, 16384, 2 ** 31, 2 ** 32, 2 ** 42 + 5, Number.MAX_SAFE_INTEGER])(
  'a number of %d is the same as a bigint and as text',
  number => {
    for (const u64 of [number, BigInt(number), String(number)])
      expect(readBack({ u64 })).toEqual({ u64: BigInt(number) })
    expect(readBack({ fixed: [number] })).toEqual({ fixed: [BigInt(number)] })
    expect(readBack({ s64: -number })).toEqual({ s64: -BigInt(number) })
  },
)

it.each([0, 126, 127, 128, 129, 16381, 16384, 2_000_000])('a message of some %d bytes', length => {
  const value = { inner: { inner: [{ text: 'x'.repeat(length) }] } }
  expect(readBack(value)).toEqual(value)
})
