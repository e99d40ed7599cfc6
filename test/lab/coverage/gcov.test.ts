/** Counters become lines, functions and branches: with a program of the host, whose compiler counts the same way. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Nearest, nearestTo } from '../../../qemu/coverage/added.js'
import { addCounters, type Counters, type UnitCounters } from '../../../qemu/coverage/counters.js'
import { figuresOf, missedLines, percent, rangesOf } from '../../../qemu/coverage/figures.js'
import { type FileCoverage, readCoverage } from '../../../qemu/coverage/gcov.js'
import { lcovText } from '../../../qemu/coverage/lcov.js'

const SOURCE = `static int twice(int x)
{
	if (x > 100)
		return 0;
	return 2 * x;
}
int never(int x)
{
	return x;
}
int main(int count, char **words)
{
	return twice(count) == 0 ? never(count) : 0;
}
`
let folder: string
const gcc = Number(execFileSync('gcc', ['-dumpversion'], { encoding: 'utf8' }).split('.')[0])

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'scmi-gcov-'))
  writeFileSync(join(folder, 'unit.c'), SOURCE)
  execFileSync('gcc', ['-fprofile-arcs', '-ftest-coverage', '-c', 'unit.c', '-o', 'unit.o'], { cwd: folder })
  execFileSync('gcc', ['-fprofile-arcs', 'unit.o', '-o', 'program'], { cwd: folder })
  execFileSync('./program', ['a', 'b'], { cwd: folder })
})
afterAll(() => rmSync(folder, { recursive: true }))

/** The counters that the program wrote. */
function written(): Counters {
  const bytes = readFileSync(join(folder, 'unit.gcda'))
  const unit: UnitCounters = new Map()
  const unitSize = gcc >= 12 ? 1 : 4
  for (let at = gcc >= 12 ? 16 : 12, ident = 0; at + 8 <= bytes.length; ) {
    const [tag, length] = [bytes.readUInt32LE(at), bytes.readInt32LE(at + 4) * unitSize] as const
    const word = (i: number): number => bytes.readUInt32LE(at + 8 + 4 * i)
    if (tag === 0x0100_0000) {
      ident = word(0)
      unit.set(ident, { lines: word(1), flow: word(2), counts: new Map() })
    } else if (tag === 0x01a1_0000) {
      // All are zero: gcc writes their number as a negative length.
      const zeros = Array.from({ length: Math.abs(length) / 8 }, () => 0n)
      const values = zeros.map((_, i) => (length < 0 ? 0n : bytes.readBigUInt64LE(at + 8 + 8 * i)))
      unit.get(ident)!.counts.set(0, values)
    }
    at += 8 + Math.max(length, 0)
  }
  return new Map([['unit', unit]])
}

const read = (counters: Counters): Promise<FileCoverage[]> =>
  readCoverage({ folder, units: ['unit'], files: ['unit.c'], gcc }, counters)

test('lines, functions and branches are those of the run', async () => {
  const [file] = await read(written())
  expect(file!.file).toBe('unit.c')
  expect(Object.fromEntries([...file!.lines].map(([line, { count }]) => [line, count]))).toEqual({
    1: 1,
    3: 1,
    4: 0,
    5: 1,
    7: 0,
    9: 0,
    11: 1,
    13: 1,
  })
  expect(file!.functions.map(({ name, start, end, count }) => [name, start, end, count])).toEqual([
    ['twice', 1, 6, 1],
    ['never', 7, 10, 0],
    ['main', 11, 14, 1],
  ])
  expect(figuresOf(file!)).toMatchObject({ lines: { all: 8, ran: 5 }, functions: { all: 3, ran: 2 } })
  expect(file!.lines.get(3)!.branches.filter(count => count > 0)).toEqual([1])
  expect(rangesOf(missedLines(file!), file!.lines)).toBe('4 7-9')
})

test('guests are added up, and what is of another build is not', async () => {
  const sum: Counters = new Map()
  for (let guest = 0; guest < 3; guest++) addCounters(sum, written())
  const [[ident, known]] = [...written().get('unit')!] as [[number, NonNullable<ReturnType<UnitCounters['get']>>]]
  addCounters(sum, new Map([['unit', new Map([[ident, { ...known, flow: known.flow + 1 }]])]]))
  addCounters(sum, new Map([['unit', new Map([[ident, { ...known, counts: new Map([[0, [1n]]]) }]])]]))
  const [file] = await read(sum)
  expect(file!.lines.get(5)!.count).toBe(3)
})

test('a unit of which no guest told anything never ran', async () => {
  const [file] = await read(new Map())
  expect(missedLines(file!)).toEqual([1, 3, 4, 5, 7, 9, 11, 13])
})

test("lcov's format", async () => {
  const text = lcovText(await read(written()), '/src', 'Linux 7.3')
  for (const line of [
    'TN:Linux_7_3',
    'SF:/src/unit.c',
    'FN:7,never',
    'FNDA:0,never',
    'FNF:3',
    'FNH:2',
    'DA:5,1',
    'DA:9,0',
    'LF:8',
    'LH:5',
    'end_of_record',
  ])
    expect(text.split('\n')).toContain(line)
  expect(text).toMatch(/^BRDA:3,0,0,\d$/m)
})

test('percent are rounded down, and ranges skip lines without code', () => {
  expect([percent({ all: 3, ran: 2 }), percent({ all: 1000, ran: 999 }), percent({ all: 0, ran: 0 })]).toEqual([
    '66.6',
    '99.9',
    '-',
  ])
  expect(rangesOf([3, 5, 9], new Set([3, 5, 7, 9]))).toBe('3-5 9')
  expect(rangesOf([], new Set())).toBe('')
})

test('the nearest scenario ran the last line above in the same function', () => {
  const file = (...ran: number[]): FileCoverage => ({
    file: 'drivers/a.c',
    functions: [
      { name: 'before', start: 1, end: 5, count: 1 },
      { name: 'f', start: 10, end: 20, count: 1 },
    ],
    lines: new Map([1, 3, 10, 12, 14, 16, 18].map(line => [line, { count: ran.includes(line) ? 1 : 0, branches: [] }])),
  })
  const near = (line: number, scenarios: Record<string, number[]>): Nearest | undefined =>
    nearestTo(
      file(),
      line,
      Object.entries(scenarios).map(([scenario, ran]) => ({ scenario, files: [file(...ran)] })),
    )
  expect(near(16, { far: [10], close: [10, 14], after: [10, 18] })).toEqual({ scenario: 'close', line: 14 })
  expect(near(16, { less: [10, 12], more: [10, 12, 18] })).toEqual({ scenario: 'more', line: 12 })
  expect(near(16, { elsewhere: [1, 3] })).toBeUndefined()
})
