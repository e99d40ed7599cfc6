/** What is kept of a kernel that counts, and what patches added to it; reports are made from that. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { countingKernel } from '../../../qemu/coverage/kernel.js'
import { COVERAGE_VARIABLE, keepCoverage, readCoverage, symbolAddress } from '../../../qemu/kernel/coverage.js'
import type { CoverageRecord } from '../../../qemu/runner/coverage.js'
import { coverageSection, coverageText } from '../../../qemu/runner/report/coverage.js'
import { kernel } from '../record.js'

const UNIT = 'drivers/firmware/arm_scmi/base'
let folder: string
const put = (path: string, content: string | Buffer): void => {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), content)
}
const MAP = `ffff800080000000 T _text
ffff8000804e8518 D linux_banner
ffff8000805ff000 T swapper_pg_dir
ffff800080700000 b gcov_info_head
ffff800080700008 b twice
ffff800080700010 b twice
`
const CONFIG = new Map([
  ['CONFIG_CC_IS_GCC', 'y'],
  ['CONFIG_GCC_VERSION', '120200'],
  ['CONFIG_ARM64_4K_PAGES', 'y'],
])

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'scmi-keep-'))
  put(`original/${UNIT}.c`, 'one\ntwo\nthree\n')
  put(`tree/${UNIT}.c`, 'one\n2\ntwo\nthree\nfour <&\nfive\n')
  put('tree/drivers/firmware/arm_scmi/common.h', 'int x;\n')
  put('tree/Documentation/new.rst', 'a\nb\n')
  put(`objects/${UNIT}.gcno`, Buffer.from('6f6e63672a3232424d00000000000000', 'hex'))
  put('objects/System.map', MAP)
  const text = `--- a/${UNIT}.c\n+++ b/${UNIT}.c\n@@ -1 +1 @@\n--- /dev/null\n+++ b/Documentation/new.rst\n+++ b/../../etc/passwd\n`
  const at = (name: string): string => join(folder, name)
  const original = (path: string) =>
    existsSync(at(`original/${path}`)) ? readFileSync(at(`original/${path}`)) : undefined
  const tree = { tree: at('tree'), original, objects: at('objects'), discard() {} }
  keepCoverage(tree, [{ path: 'a.patch', text }], at('home'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const kept = () => readCoverage(join(folder, 'home'))!

test('units, symbols, and the lines that patches add', () => {
  expect(kept()).toMatchObject({ units: [UNIT], added: { [`${UNIT}.c`]: [2, 5, 6], 'Documentation/new.rst': [1, 2] } })
  expect(Object.keys(kept().added)).toHaveLength(2)
  expect(symbolAddress(kept(), '_text')).toBe(0xffff_8000_8000_0000n)
  expect([symbolAddress(kept(), 'twice'), symbolAddress(kept(), 'none')]).toEqual([undefined, undefined])
  expect(readCoverage(join(folder, 'objects'))).toBeUndefined()
})

test('how its counters are read', () => {
  const counting = countingKernel(kept(), CONFIG)
  expect(counting).toMatchObject({ gcc: 12, head: 0xffff_8000_8070_0000n, known: [{ unit: UNIT, stamp: 77 }] })
  expect(counting.sources).toEqual([`${UNIT}.c`, 'drivers/firmware/arm_scmi/common.h'])
  expect(() => countingKernel(kept(), new Map([['CONFIG_CC_IS_CLANG', 'y']]))).toThrow(
    '--coverage: the kernel must be compiled with GCC',
  )
})

test('make counts in the drivers alone', () => {
  // What make does with the variable: for each object file.
  const [, patterns] = /filter (.*),\$\(basename/.exec(COVERAGE_VARIABLE)!
  const counts = (file: string): boolean =>
    patterns!.split(' ').some(pattern => new RegExp(`^${pattern.replace('%', '.*')}$`).test(file))
  expect(['drivers/firmware/arm_scmi/vendors/imx/imx-sm-bbm', 'drivers/clk/clk-scmi'].every(counts)).toBe(true)
  expect(['drivers/base/driver', 'kernel/sched/clock', 'drivers/clk/clk'].some(counts)).toBe(false)
})

const share = (ran: number, all: number) => ({ ran, all })
const figures = { lines: share(1, 3), functions: share(1, 1), branches: share(0, 0) }
const record: CoverageRecord = {
  kernel: '7.3+1',
  all: figures,
  files: [{ file: `${UNIT}.c`, ...figures, missed: '2 5', missedFunctions: [] }],
  added: {
    all: 5,
    code: 2,
    missed: [
      { file: `${UNIT}.c`, line: 2, text: '2', nearest: { scenario: 'probe/at-boot', line: 1 } },
      { file: `${UNIT}.c`, line: 5, text: 'four <&' },
    ],
    uncounted: ['drivers/base/core.c'],
  },
  problems: ['power/stop: the kernel is not in RAM'],
}

describe('reports', () => {
  test('text', () => {
    const text = coverageText(record)
    expect(text).toMatch(/base\.c +1\/3 +33\.3 +1\/1 +0\/0\nall +1\/3 +33\.3/)
    for (const part of [
      'Of the 5 lines that the patches add, 2 have code that is counted: 2 of these never ran.',
      'base.c:2  2        probe/at-boot ran line 1',
      'base.c:5  four <&  no scenario called the function',
      'not counted: drivers/base/core.c',
      'counters are missing: power/stop: the kernel is not in RAM',
    ])
      expect(text).toContain(part)
  })

  test('page: the source, with what ran', () => {
    const lines = new Map([
      [1, { count: 3, branches: [] }],
      [2, { count: 0, branches: [] }],
      [5, { count: 2, branches: [2, 0] }],
    ])
    const files = [{ file: `${UNIT}.c`, functions: [], lines }]
    const counting = countingKernel(kept(), CONFIG)
    const { text } = coverageSection({ record, files, counting, kernel: { ...kernel('7.3+1'), image: '' } as never })
    expect(text).toContain('<tr class="ran"><td>1</td><td>3</td><td>one</td></tr>')
    expect(text).toContain('<tr class="missed"><td>2</td><td>0</td><td>2</td></tr>')
    expect(text).toContain('<tr class=""><td>3</td><td></td><td>two</td></tr>')
    expect(text).toContain('<tr class="half"><td>5</td><td>2</td><td>four &lt;&amp;</td></tr>')
    expect(text).toContain('no scenario called the function')
  })
})
