/**
 * Values in memory: what the writer writes, byte for byte, and that a reader on another thread never takes a value that is
 * half old and half new. TDCF_READS=10000000 reads so often, however long it takes: the writer leaves little time between
 * its updates.
 */
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { TdcfError, TdcfReader } from '../../qemu/runner/tdcf-reader.js'
import { areaWords, TdcfWriter } from '../../src/wire/tdcf-writer.js'
import { Random } from '../driver/random.js'

const READS = Number(process.env.TDCF_READS ?? 0)
const SHORT_MS = 2_000

const hexWords = (words: Int32Array): string[] => [...words].map(word => (word >>> 0).toString(16).padStart(8, '0'))

test('an area as the specification lays it out', () => {
  const words = new Int32Array(64)
  const writer = new TdcfWriter(32)
  writer.words = words
  writer.base = 16
  writer.open()
  writer.frame(10)
  writer.line(4, 0x00, 0x100, 45_000)
  writer.line(8, 0x06, 0x101, -7, 1000)
  writer.close()
  writer.open()
  writer.close()
  expect(hexWords(words.subarray(16, 30))).toEqual([
    ...['5442474e', '00000004', '00000005', '00000001'],
    ...['00000000', '00000100', '0000afc8', '00000000'],
    ...['00000006', '00000101', 'fffffff9', 'ffffffff', '000003e8', '00000000'],
  ])
  expect(hexWords(words.subarray(46, 48))).toEqual(['00000004', '54454e44'])
  expect([...words.subarray(0, 16), ...words.subarray(48)].every(word => word === 0)).toBe(true)
})

test('without memory nothing is written, and the sequence goes on: old values never look new', () => {
  const writer = new TdcfWriter(areaWords(4))
  writer.open()
  writer.frame(4)
  writer.line(4, 0, 1, 2)
  writer.close()
  expect(writer.sequence).toBe(2)
  writer.words = new Int32Array(64)
  writer.open()
  expect(writer.words[1]).toBe(3)
  expect(writer.words[areaWords(4) - 2]).toBe(4)
  writer.close()
  expect(writer.words[1]).toBe(4)
})

test('the sequence starts over before its end, and is never 0', () => {
  // As after two thousand million updates.
  const writer = new TdcfWriter(areaWords(4), 0xffff_fff8)
  writer.words = new Int32Array(64)
  const seen: number[] = []
  for (let i = 0; i < 4; i++) {
    writer.open()
    writer.close()
    seen.push(writer.words[1]! >>> 0)
  }
  expect(seen).toEqual([0xffff_fffa, 0xffff_fffc, 2, 4])
})

describe('a reader', () => {
  const area = (fill: (words: Int32Array) => void): TdcfReader => {
    const words = new Int32Array(1024)
    const writer = new TdcfWriter(1024)
    writer.words = words
    writer.open()
    writer.frame(14)
    writer.line(4, 0x10, 1000, 77)
    writer.line(8, 0x0a, 1, 5)
    writer.line(12, 0x06, 2, 6, 88)
    writer.close()
    fill(words)
    return new TdcfReader(words, 0, 4096)
  }

  test('finds lines with their timestamps', () => {
    const { sequence, lines } = area(() => {}).scan()
    expect(sequence).toBe(2)
    expect(lines.map(({ offset, id, value, timestamp }) => [offset, id, value, timestamp])).toEqual([
      [16, 1000, 77n, undefined],
      [32, 1, 5n, 77n],
      [48, 2, 6n, 88n],
    ])
  })

  test.each<[string, (words: Int32Array) => void, RegExp]>([
    ['another signature', words => (words[0] = 0), /signature/],
    ['another signature at the end', words => (words[1023] = 0), /signature/],
    ['an odd sequence', words => (words[1] = 3), /sequence/],
    ['sequences that differ', words => (words[1022] = 4), /sequence/],
    ['more lines than fit', words => (words[2] = 0x7fff_ffff), /qwords/],
    ['a long line that is not all there', words => (words[2] = 5), /a line of 24 bytes, where 8 are left/],
  ])('refuses %s', (_, spoil, problem) => {
    expect(() => area(spoil).scan()).toThrow(problem)
  })

  test('is not disturbed by a writer that writes anything', () => {
    const random = new Random()
    const words = new Int32Array(256)
    const reader = new TdcfReader(words, 0, 1024)
    let read = 0
    for (let i = 0; i < 20_000; i++) {
      const hostile = random.below(4)
      for (let k = 0; k < 8; k++) words[random.below(256)] = random.below(2 ** 32)
      words[0] = 0x5442474e
      words[255] = 0x54454e44
      words[2] = hostile === 0 ? random.below(2 ** 32) : random.below(125)
      words[1] = words[254] = hostile === 1 ? random.below(2 ** 32) : 2 * random.below(2 ** 31)
      try {
        const { lines } = reader.scan()
        for (const { offset } of lines) if (offset < 16 || offset > 1024 - 24) throw new Error(`a line at ${offset}`)
        read++
      } catch (error) {
        if (!(error instanceof TdcfError)) throw error
      }
    }
    expect(read).toBeGreaterThan(1000)
  })
})

/**
 * The reader on its own thread: 64-bit values whose halves agree, in two lines that agree. JavaScript as text, since a
 * worker cannot load TypeScript. It takes start first and end last, as a driver does.
 */
const READER = `
const { workerData, parentPort } = require('node:worker_threads')
const { shared, control, length, lines, reads } = workerData
const words = new Int32Array(shared)
const flags = new Int32Array(control)
let taken = 0, torn = 0, retries = 0, changes = 0, before = 0
Atomics.store(flags, 0, 1)
while (taken < reads && Atomics.load(flags, 1) === 0) {
  const start = Atomics.load(words, 1)
  if (start & 1) { retries++; continue }
  const low = Atomics.load(words, 6), high = Atomics.load(words, 7)
  let same = high === ~low
  for (let line = 1; line < lines; line++) {
    const at = 4 + 4 * line
    if (Atomics.load(words, at + 2) !== low || Atomics.load(words, at + 3) !== high) same = false
  }
  if (Atomics.load(words, length - 2) !== start) { retries++; continue }
  taken++
  if (start !== before) { changes++; before = start }
  if (!same) { torn++; if (reads === Infinity) break }
}
Atomics.store(flags, 0, 2)
parentPort.postMessage({ taken, torn, retries, changes })
`
const LINES = 3
const LENGTH = areaWords(4 * LINES)

/** Writes at its fastest until the reader has finished. */
async function race(writer: TdcfWriter, reads: number, limitMs: number) {
  const shared = new SharedArrayBuffer(4 * LENGTH)
  const control = new SharedArrayBuffer(8)
  const flags = new Int32Array(control)
  writer.words = new Int32Array(shared)
  let count = 0
  const update = (): void => {
    // Below 2^21, so that the value with the complement in its high half is exact.
    count = (count + 1) & 0x1f_ffff
    const low = count | 0
    writer.open()
    for (let i = 0; i < LINES; i++) {
      writer.line(4 + 4 * i, 0, i, 0)
      writer.put(6 + 4 * i, low)
      writer.put(7 + 4 * i, ~low)
    }
    writer.close()
  }
  writer.open()
  writer.frame(4 * LINES)
  writer.close()
  update()
  const workerData = { shared, control, length: LENGTH, lines: LINES, reads }
  const worker = new Worker(READER, { eval: true, workerData })
  const result = new Promise<{ taken: number; torn: number; retries: number; changes: number }>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  while (Atomics.load(flags, 0) === 0) await new Promise(setImmediate)
  const end = performance.now() + limitMs
  let updates = 0
  while (Atomics.load(flags, 0) === 1) {
    for (let i = 0; i < 64; i++) update()
    updates += 64
    if (performance.now() > end) Atomics.store(flags, 1, 1)
  }
  const counted = await result
  await worker.terminate()
  return { ...counted, updates }
}

test('no torn value passes beside a writer at its fastest', { timeout: 600_000 }, async () => {
  const [reads, limitMs] = READS > 0 ? [READS, 590_000] : [1_000_000, SHORT_MS]
  const { taken, torn, retries, changes, updates } = await race(new TdcfWriter(LENGTH), reads, limitMs)
  console.info(`TDCF: ${taken} reads, ${retries} retries, ${changes} values, ${updates} updates, ${torn} torn`)
  if (READS > 0) expect(taken).toBe(READS)
  expect(torn).toBe(0)
  // The two did run at the same time.
  expect(Math.min(taken, changes, retries)).toBeGreaterThan(10)
})

test('the same reader finds torn values when end and start are written in the other order', {
  timeout: 120_000,
}, async () => {
  /** End is written after the lines. */
  class Swapped extends TdcfWriter {
    override open(): void {
      const { words } = this
      const end = words[this.length - 2]!
      super.open()
      Atomics.store(words, this.length - 2, end)
    }
    override close(): void {
      this.put(this.length - 2, this.sequence)
      super.close()
    }
  }
  const { torn } = await race(new Swapped(LENGTH), Number.POSITIVE_INFINITY, 100_000)
  expect(torn).toBeGreaterThan(0)
})
