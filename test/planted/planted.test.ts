/**
 * Kernels with a bug on purpose: each patch in this folder plants one bug in Linux 7.3, and names the scenarios that must
 * catch it. On a kernel without the bug they end as recorded: test/guest/scenarios.test.ts and `scmi-lab run` show that.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { PLAIN } from '../../qemu/kernel/config.js'
import { DEFAULT_KERNEL } from '../../qemu/kernel/source.js'
import { findKernels } from '../../qemu/runner/kernels.js'
import { ownScenarios, select } from '../../qemu/runner/load.js'
import { runSuite } from '../../qemu/runner/suite.js'

const LIMIT_MS = 30 * 60_000

const folder = import.meta.dirname
const patches = readdirSync(folder).filter(name => name.endsWith('.patch'))
const scenarios = await ownScenarios()

/** The scenarios that a patch's header names. */
const catchers = (path: string): string[] =>
  [...readFileSync(path, 'utf8').matchAll(/^Caught-by: (\S+)$/gm)].map(([, name]) => name!)

test('there are eight and more', () => expect(patches.length).toBeGreaterThanOrEqual(8))

describe('a planted bug is caught', () => {
  test.each(patches)(
    '%s',
    async name => {
      const path = join(folder, name)
      const entries = select(scenarios, catchers(path))
      expect(entries).not.toEqual([])
      const { signal } = new AbortController()
      const selection = { kernels: [DEFAULT_KERNEL], patches: [path], variants: [PLAIN] }
      const kernels = await findKernels(selection, signal)
      const results = await runSuite(entries, kernels, {
        jobs: availableParallelism(),
        signal,
        onStep: () => undefined,
        onResult: () => undefined,
      })
      expect(results.filter(({ asRecorded }) => asRecorded).map(({ entry }) => entry.name)).toEqual([])
    },
    LIMIT_MS,
  )
})
