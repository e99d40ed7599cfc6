/** Comparing recordings takes no longer than reading them, however different they are. */
import { expect, test } from 'vitest'
import { diffRecordings } from '../../src/trace/diff.js'
import type { Recording, TracedMessage } from '../../src/trace/reader.js'

const MANY = 20_000
/** A value that both have. */
const SHARED = 0.5

/** A recording of readings with these values. */
function recordingOf(values: readonly number[]): Recording {
  const events = values.map((value, i) => {
    const message: Partial<TracedMessage> & { what: 'message' } = {
      what: 'message',
      kind: 'command',
      agent: 'guest',
      protocol: 'sensor',
      message: 'SENSOR_READING_GET',
      request: { sensor_id: i % 500 },
      status: 'SUCCESS',
      reply: { sensor_value: value },
    }
    return message
  })
  return { events } as unknown as Recording
}

/** What differs, as `-1 +2`. */
function changesOf(one: readonly number[], two: readonly number[]): string[] {
  const groups = diffRecordings(recordingOf(one), recordingOf(two), new Set(['sensor_id']))
  return groups.flatMap(({ changes }) =>
    changes.map(({ sign, message }) => `${sign}${(message.reply as { sensor_value: number }).sensor_value}`),
  )
}

const upTo = (count: number, from = 0): number[] => Array.from({ length: count }, (_, i) => from + i)

test.each([
  { what: 'nothing', one: [1, 2, 3], two: [1, 2, 3], changes: [] },
  { what: 'a value', one: [1, 2, 3], two: [1, 9, 3], changes: ['-2', '+9'] },
  { what: 'the order', one: [1, 2, 3, 4], two: [2, 3, 4, 1], changes: ['-1', '+1'] },
  { what: 'how often', one: [1, 1, 1, 2], two: [1, 2, 2], changes: ['-1', '-1', '+2'] },
  { what: 'the end', one: [1, 2], two: [1, 2, 3], changes: ['+3'] },
])('tells that $what differs', ({ one, two, changes }) => {
  expect(changesOf(one, two)).toEqual(changes)
})

test('with other values throughout', () => {
  const [one, two] = [upTo(MANY), upTo(MANY, MANY)]
  one.splice(MANY / 2, 0, SHARED)
  two.splice(MANY / 2, 0, SHARED)
  const changes = changesOf(one, two)
  expect(changes).toHaveLength(2 * MANY)
  expect(changes.filter(change => Number(change.slice(1)) === SHARED)).toEqual([])
  // Around what both have.
  expect(changes.slice(MANY / 2 - 1, MANY / 2 + 1)).toEqual([`-${MANY / 2 - 1}`, `+${MANY}`])
}, 20_000)

test('in another order throughout, the order is not compared', () => {
  const one = upTo(MANY)
  const two = upTo(MANY).reverse()
  expect(changesOf([...one, -5], [...two, -6])).toEqual(['--5', '+-6'])
}, 20_000)
