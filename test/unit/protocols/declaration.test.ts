/** What is derived from declarations: words of events, lists in parts, the least size of a reply. */
import { expect, test } from 'vitest'
import { inParts, leastOf, Parts } from '../../../src/protocols/declaration/parts.js'
import { protocols } from '../../../src/protocols/index.js'
import { decode, list, rest, s32, s64, u8, u32, u64 } from '../../../src/wire/fields.js'
import { MessageWriter } from '../../../src/wire/message.js'
import { packWords } from '../../../src/wire/words.js'

test('words of an event decode to the values that they were packed from', () => {
  const fields = [u32('id'), s32('level'), u64('rate'), rest('readings', [s64('value')])] as const
  const words = packWords(fields, { id: 7, level: -5, rate: 2 ** 40 + 3, readings: [{ value: -1 }, { value: 2 }] })
  expect(words.every(word => word >= 0 && word <= 0xffff_ffff)).toBe(true)
  expect(decode(fields, new DataView(Uint32Array.from(words).buffer))).toEqual({
    id: 7,
    level: -5,
    rate: 2n ** 40n + 3n,
    readings: [{ value: -1n }, { value: 2n }],
  })
})

test('a reply in parts counts the entries that fit and those that remain, up to the largest number of its field', () => {
  const parts = new Parts('counts', 'entries', [u64('entry')], { bits: 2, remainingAt: 24 })
  const view = new DataView(new ArrayBuffer(64))
  const reply = new MessageWriter(view)
  for (const [capacity, left, returned] of [
    [4 + 16, 5, 2],
    [64, 5, 3],
    [64, 1, 1],
  ] as const) {
    reply.open(0, capacity)
    expect(parts.begin(reply, left)).toBe(returned)
    expect(view.getUint32(0, true)).toBe(((left - returned) << 24) | returned)
  }
})

test('the least size of a reply has one entry of a list in parts, with its padding, and none of another list', () => {
  const entries = list('entries', [u8('entry')], () => 0, 4)
  expect(leastOf([u32('count'), entries])).toBe(4)
  expect(leastOf([u32('count'), inParts(entries)])).toBe(8)
  const sizes = protocols.flatMap(({ commands }) =>
    commands
      .filter(({ reply }) => reply.some(field => 'inParts' in field))
      .map(({ name, replyMin }) => [name, replyMin]),
  )
  expect(sizes).toEqual([
    ['BASE_DISCOVER_LIST_PROTOCOLS', 8],
    ['PERFORMANCE_DESCRIBE_LEVELS', 16],
    ['PERFORMANCE_DESCRIBE_LEVELS', 24],
    ['CLOCK_DESCRIBE_RATES', 12],
    ['CLOCK_POSSIBLE_PARENTS_GET', 8],
    ['SENSOR_DESCRIPTION_GET', 32],
    ['SENSOR_DESCRIPTION_GET', 32],
    ['SENSOR_AXIS_DESCRIPTION_GET', 32],
    ['SENSOR_LIST_UPDATE_INTERVALS', 8],
    ['SENSOR_AXIS_NAME_GET', 72],
    ['VOLTAGE_DESCRIBE_LEVELS', 8],
    ['POWERCAP_CPC_ATTRIBUTES', 52],
    ['PINCTRL_LIST_ASSOCIATIONS', 6],
    ['TELEMETRY_LIST_SHMTI', 24],
    ['TELEMETRY_DE_DESCRIPTION', 28],
    ['TELEMETRY_LIST_UPDATE_INTERVALS', 8],
    ['TELEMETRY_DE_ENABLED_LIST', 4],
  ])
})
