/** The reports of a run: text, page, JUnit, KTAP; all from the same record. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { compare } from '../../qemu/runner/baseline.js'
import { readRunRecord } from '../../qemu/runner/record.js'
import { htmlText } from '../../qemu/runner/report/html.js'
import { junitText } from '../../qemu/runner/report/junit.js'
import { ktapText } from '../../qemu/runner/report/ktap.js'
import { resultText, summaryText, tableText } from '../../qemu/runner/report/text.js'
import { inFolder } from '../guest/lab-command.js'
import { failed, kernel, recorded, result, runOf } from './record.js'

const unfit = result('modules/order', { outcome: 'unfit', misfit: 'for kernels with CONFIG_ARM_SCMI_PROTOCOL=m' })
const gone = recorded('bind/again', 'the instance is back', { outcome: 'passed', asRecorded: false, failures: [] })
const all = [
  result('probe/at-boot'),
  failed('probe/late', 'the instance appears'),
  recorded('bind/virtio', 'it is back'),
  gone,
  unfit,
]

describe('text', () => {
  test('shows a difference with what was expected, why, the log, the messages and the command', () => {
    const text = resultText(failed('probe/late', 'the instance appears'))
    for (const part of [
      'FAILED',
      'expected:  the instance appears',
      'because:   driver.c:scmi_probe',
      "but:       got '<none>' & more",
      'lab: boot',
      'PROTOCOL_VERSION',
      'scmi-lab run probe/late --kernel 7.3 --shell',
    ])
      expect(text).toContain(part)
  })

  test('shows a known finding on one line, and a recorded failure that did not occur as a difference', () => {
    expect(resultText(recorded('bind/virtio', 'it is back')).split('\n')).toHaveLength(1)
    expect(resultText(gone)).toContain('This failure is gone')
  })

  test('counts, and shows several kernels side by side', () => {
    expect(summaryText(runOf(all))).toBe(
      '4 run in 12.3 s: 2 as recorded, 1 of them known findings, 2 differ, 1 not for this kernel',
    )
    expect(tableText(runOf(all))).toBe('')
    const two = runOf(
      [result('probe/at-boot'), failed('probe/at-boot', 'x', { kernel: '6.12' })],
      [kernel('7.3'), kernel('6.12')],
    )
    expect(tableText(two)).toMatch(/SCENARIO +LINUX 7\.3 +LINUX 6\.12\nprobe\/at-boot +ok +FAILED/)
  })
})

test('KTAP has a test for each kernel, a subtest for each scenario, and diagnosis before a failure', () => {
  const lines = ktapText(runOf(all)).split('\n')
  expect(lines.slice(0, 6)).toEqual([
    'KTAP version 1',
    '1..1',
    '  KTAP version 1',
    '  # Subtest: 7.3 (Linux 7.3.4)',
    '  1..5',
    '  ok 1 probe/at-boot',
  ])
  const results = lines.filter(line => /^ *(not )?ok /.test(line))
  expect(results).toEqual([
    '  ok 1 probe/at-boot',
    '  not ok 2 probe/late',
    '  ok 3 bind/virtio # XFAIL It does not come back.',
    '  not ok 4 bind/again',
    '  ok 5 modules/order # SKIP for kernels with CONFIG_ARM_SCMI_PROTOCOL=m',
    'not ok 1 7.3 (Linux 7.3.4)',
  ])
  // All other lines are of the format, or diagnostics without control characters.
  for (const line of lines) expect(line).toMatch(/^$|^ *(KTAP version 1|1\.\.\d+|(not )?ok \d+ .*|#.*)$/)
  expect(lines.join('')).not.toContain('\x1b')
})

test('JUnit has a suite for each kernel and escapes what it quotes', () => {
  const text = junitText(runOf(all))
  expect(text).toContain(
    '<testsuite name="Linux 7.3 (7.3.4)" timestamp="2026-01-02T03:04:05.000Z" tests="5" failures="2"',
  )
  expect(text).toContain('<failure message="the instance appears">')
  expect(text).toContain("got '&lt;none&gt;' &amp; more")
  expect(text).toContain('<skipped message="for kernels with CONFIG_ARM_SCMI_PROTOCOL=m"/>')
  expect(text).not.toContain('\x1b')
  expect(text.match(/<testcase /g)).toHaveLength(5)
})

test('the page is self-contained: table, evidence, findings, configuration, versions', () => {
  const changes = compare(runOf(all), runOf([failed('probe/at-boot', 'something')]))
  const text = htmlText(runOf(all), changes)
  expect(text).not.toMatch(/<(script|link|img)\b|\b(src|href)="(?!#)/)
  for (const part of ['probe/late on 7.3', 'driver.c:scmi_probe', '&lt;none&gt;', 'Nobody probes it again.'])
    expect(text).toContain(part)
  for (const part of ['CONFIG_ARM_SCMI_PROTOCOL=y', '10.0.2', 'scmi-lab run probe/late', '>better<'])
    expect(text).toContain(part)
  // Each failure in the table leads to its evidence.
  const targets = [...text.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id)
  expect(targets).toHaveLength(3)
  for (const id of targets) expect(text).toContain(`<h3 id="${id}">`)
})

describe('a baseline', () => {
  const now = runOf([
    result('a/better'),
    failed('a/worse', 'x'),
    failed('a/same', 'x'),
    failed('a/other', 'y'),
    result('a/new'),
    unfit,
  ])
  const before = runOf([
    failed('a/better', 'w'),
    result('a/worse'),
    failed('a/same', 'x'),
    failed('a/other', 'x'),
    result('a/gone'),
    failed('modules/order', 'z'),
  ])

  test('shows what got better, what got worse, and what fails in another way', () => {
    expect(compare(now, before)).toEqual([
      { scenario: 'a/better', kernel: '7.3', kind: 'better', text: 'w' },
      { scenario: 'a/worse', kernel: '7.3', kind: 'worse', text: 'x' },
      { scenario: 'a/other', kernel: '7.3', kind: 'different', text: 'x; now y' },
    ])
    expect(compare(now, now)).toEqual([])
  })

  test('a patched kernel is compared with the unpatched one', () => {
    const patched = kernel('6.12+3', { source: '6.12' })
    const plain = [kernel('6.12'), kernel('7.3')]
    const run = runOf([result('a/x', { kernel: '6.12+3' })], [patched])
    const earlier = runOf([failed('a/x', 'w', { kernel: '6.12' }), result('a/x')], plain)
    expect(compare(run, earlier)).toMatchObject([{ kind: 'better', kernel: '6.12+3' }])
  })

  test('must be a file of --json', () =>
    inFolder(folder => {
      const path = join(folder, 'run.json')
      writeFileSync(path, JSON.stringify(now))
      expect(readRunRecord(path)).toEqual(now)
      writeFileSync(path, '{"results": []}')
      expect(() => readRunRecord(path)).toThrow(`--baseline ${path}: this is not what "scmi-lab run --json" writes`)
      expect(() => readRunRecord(join(folder, 'none'))).toThrow('no such file')
    }))
})
