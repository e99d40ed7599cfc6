/** Coverage of a real kernel with a patch, and a part of the sweep: `npm run planted` runs them, as they need a kernel of their own. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { boot } from '../../qemu/boot/boot.js'
import { Collector } from '../../qemu/coverage/collector.js'
import type { FileCoverage } from '../../qemu/coverage/gcov.js'
import { coverageOf } from '../../qemu/coverage/kernel.js'
import { DEFAULT_KERNEL } from '../../qemu/kernel/source.js'
import { coverageOfRun } from '../../qemu/runner/coverage.js'
import { findKernels, type TestKernel } from '../../qemu/runner/kernels.js'
import { ownScenarios, select } from '../../qemu/runner/load.js'
import { runSuite } from '../../qemu/runner/suite.js'
import { inFolder } from '../guest/lab-command.js'

const LIMIT_MS = 30 * 60_000
const PATH = 'drivers/firmware/arm_scmi/base.c'
/** Adds a line without code. */
const PATCH = `--- a/${PATH}
+++ b/${PATH}
@@ -1,2 +1,3 @@
 // SPDX-License-Identifier: GPL-2.0
+/* A line without code. */
 /*
`

const { signal } = new AbortController()
const silent = { jobs: 1, signal, onStep: () => undefined, onResult: () => undefined }
const selection = { kernels: [DEFAULT_KERNEL], variants: ['plain'], coverage: true }

const ran = (files: readonly FileCoverage[], name: string): number =>
  files.flatMap(({ functions }) => functions).find(found => found.name === name)?.count ?? 0

test(
  'a run tells what ran, and what became of the lines of a patch',
  () =>
    inFolder(async folder => {
      const patch = join(folder, 'x.patch')
      writeFileSync(patch, PATCH)
      const kernels = await findKernels({ ...selection, patches: [patch] }, signal)
      const entries = select(await ownScenarios(), ['probe/at-boot', 'power/reboot'])
      const [coverage] = await coverageOfRun(kernels, await runSuite(entries, kernels, silent))
      expect(coverage!.record.problems).toEqual([])
      expect(coverage!.record.added).toMatchObject({ all: 1, code: 0, missed: [] })
      expect(ran(coverage!.files, 'scmi_probe')).toBeGreaterThan(entries.length)
      expect(ran(coverage!.files, 'scmi_powercap_protocol_init')).toBe(0)
    }),
  LIMIT_MS,
)

test(
  'guests that panic, that are killed, and that are reset count',
  async () => {
    const [kernel] = (await findKernels({ ...selection, patches: [] }, signal)) as [TestKernel]
    const counting = kernel.counting!
    const probes = async (use: (guest: Awaited<ReturnType<typeof boot>>) => Promise<unknown>): Promise<number> => {
      const collector = new Collector(counting)
      const guest = await boot({ kernel: kernel.image, append: ['oops=panic'], onVm: vm => collector.watch(vm) })
      await use(guest)
      await guest.kill()
      const { counters, problems } = await collector.end()
      expect(problems).toEqual([])
      return ran(await coverageOf(counting, counters), 'scmi_probe')
    }
    const once = await probes(async () => undefined)
    expect(once).toBeGreaterThan(0)
    const panic = (guest: Awaited<ReturnType<typeof boot>>) =>
      guest.run('echo c >/proc/sysrq-trigger').catch(() => undefined)
    expect(await probes(guest => panic(guest).then(() => guest.vm.exited))).toBe(once)
    expect(await probes(guest => guest.reboot('at once'))).toBe(2 * once)
    expect(await probes(guest => guest.reboot('in order'))).toBe(2 * once)
  },
  LIMIT_MS,
)

test(
  'a part of the sweep ends as it is on record',
  async () => {
    const kernels = await findKernels({ ...selection, coverage: false, patches: [] }, signal)
    const entries = select(await ownScenarios(), ['sweep/everything/reset-domain-attributes'])
    const results = await runSuite(entries, kernels, silent)
    expect(results.map(({ asRecorded }) => asRecorded)).toEqual([true])
  },
  LIMIT_MS,
)
