/**
 * Kernels with a bug on purpose: each patch in this folder plants one bug in Linux 7.3, and names the scenarios that must
 * catch it. Patches of different areas share a kernel, because what one area's bugs break is not used by the scenarios of
 * others; SCMI_PLANTED=NAME tries one patch alone. On a kernel without the bug they end as recorded: test/guest/scenarios.test.ts and `scmi-lab run` show that.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { PLAIN } from '../../qemu/kernel/config.js'
import { DEFAULT_KERNEL } from '../../qemu/kernel/source.js'
import { findKernels } from '../../qemu/runner/kernels.js'
import { ownScenarios, select } from '../../qemu/runner/load.js'
import { type Result, runSuite } from '../../qemu/runner/suite.js'

const LIMIT_MS = 30 * 60_000

const folder = import.meta.dirname
const patches = readdirSync(folder).filter(name => name.endsWith('.patch'))
const scenarios = await ownScenarios()

/** What the lines of a patch's header with this key say. */
const said = (name: string, key: string): string[] =>
  [...readFileSync(join(folder, name), 'utf8').matchAll(new RegExp(`^${key}: (\\S+)$`, 'gm'))].map(([, text]) => text!)

/** Patches that are built into one kernel: those without an area alone, the others with at most one of each area that any of them has. */
function kernelsOf(names: readonly string[]): string[][] {
  const alone = names.filter(name => said(name, 'Area').length === 0)
  const rounds: string[][] = []
  for (const name of names.filter(name => !alone.includes(name))) {
    const areas = (round: string[]) => round.flatMap(one => said(one, 'Area'))
    const round = rounds.find(round => !said(name, 'Area').some(area => areas(round).includes(area)))
    if (round) round.push(name)
    else rounds.push([name])
  }
  return [...alone.map(name => [name]), ...rounds]
}

const only = process.env.SCMI_PLANTED?.split(',').map(name => `${name}.patch`)

test('there are thirty and more', () => expect(patches.length).toBeGreaterThanOrEqual(30))

describe.each(kernelsOf(only ?? patches).map(names => ({ names, title: names.join(' ') })))('$title', ({ names }) => {
  let results: Result[]

  beforeAll(async () => {
    const { signal } = new AbortController()
    const paths = names.map(name => join(folder, name))
    const selection = { kernels: [DEFAULT_KERNEL], patches: paths, variants: [PLAIN] }
    const entries = select(scenarios, [...new Set(names.flatMap(name => said(name, 'Caught-by')))])
    const kernels = await findKernels(selection, signal)
    results = await runSuite(entries, kernels, {
      jobs: availableParallelism(),
      signal,
      onStep: () => undefined,
      onResult: () => undefined,
    })
  }, LIMIT_MS)

  test.each(names)('%s is caught by the scenarios that should', name => {
    const catchers = said(name, 'Caught-by')
    expect(catchers).not.toEqual([])
    const asRecorded = results.filter(({ entry, asRecorded }) => {
      return asRecorded && (catchers.includes(entry.name) || catchers.includes(entry.file))
    })
    expect(asRecorded.map(({ entry }) => entry.name)).toEqual([])
  })
})
