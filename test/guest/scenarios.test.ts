/** The fast subset of the scenarios, as README's command runs it: all of them are the same command without "ci". */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { ownScenarios, select } from '../../qemu/runner/load.js'
import type { RunRecord } from '../../qemu/runner/record.js'
import { resultText } from '../../qemu/runner/report/text.js'
import { KERNEL_LIMIT_MS, testKernel } from './kernel.js'
import { inFolder, runLab } from './lab-command.js'

const LIMIT_MS = 900_000

const entries = select(await ownScenarios(), ['ci'])
let run: RunRecord

beforeAll(async () => {
  const kernel = await testKernel()
  await inFolder(async folder => {
    const file = join(folder, 'run.json')
    await runLab(['run', 'ci', '--kernel', kernel, '--json', file], {}, LIMIT_MS)
    run = JSON.parse(readFileSync(file, 'utf8'))
  })
}, KERNEL_LIMIT_MS)

describe('scenarios with the tag ci end as recorded', () => {
  test.each(entries)('$name', ({ name }) => {
    const result = run.results.find(({ scenario }) => scenario === name)!
    expect(result.outcome, result.misfit).not.toBe('unfit')
    expect(result.asRecorded, resultText(result)).toBe(true)
  })
})
