/** The fast subset of the scenarios, on the kernel that all guest tests boot: all of it is one command, `scmi-lab run`. */
import { availableParallelism } from 'node:os'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findKernels, type TestKernel } from '../../qemu/runner/kernels.js'
import { ownScenarios, select } from '../../qemu/runner/load.js'
import { resultRecord } from '../../qemu/runner/record.js'
import { resultText } from '../../qemu/runner/report/text.js'
import { Slots } from '../../qemu/runner/slots.js'
import { runOne } from '../../qemu/runner/suite.js'
import { KERNEL_LIMIT_MS, testKernel } from './kernel.js'

const LIMIT_MS = 300_000

const entries = select(await ownScenarios(), ['ci'])
const slots = new Slots(availableParallelism())
const stop = new AbortController()
let kernel: TestKernel

beforeAll(async () => {
  const image = await testKernel()
  ;[kernel] = (await findKernels({ kernels: [image], patches: [], variants: ['plain'] }, stop.signal)) as [TestKernel]
}, KERNEL_LIMIT_MS)
afterAll(() => stop.abort())

describe.concurrent('scenarios with the tag ci end as recorded', () => {
  test.each(entries)(
    '$name',
    entry =>
      slots.use(async () => {
        const result = await runOne(entry, kernel, { slots, signal: stop.signal, onStep() {} })
        const record = resultRecord(result, `scmi-lab run ${entry.name} --shell`)
        expect(record.outcome, record.misfit).not.toBe('unfit')
        expect(result.asRecorded, resultText(record)).toBe(true)
      }),
    LIMIT_MS,
  )
})
