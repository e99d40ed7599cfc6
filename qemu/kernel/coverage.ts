/**
 * Kernels that count what runs, with gcov: what is asked of make, and what is kept beside the Image, so that counters found
 * in a guest's memory can be told by lines of the source.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import { WorkError } from '../support/errors.js'
import { readFileText } from '../support/given-file.js'
import { labFile } from '../support/paths.js'
import type { Fragment } from './config.js'
import type { Patch } from './patches.js'
import type { PreparedTree } from './source.js'

/** The files that count, as patterns of make without suffix: the core, the transports, vendors' protocols, and the client drivers. */
const COUNTED = [
  'drivers/firmware/arm_scmi/%',
  'drivers/clk/clk-scmi%',
  'drivers/cpufreq/scmi-cpufreq',
  'drivers/firmware/imx/sm-%',
  'drivers/hwmon/scmi-hwmon',
  'drivers/iio/common/scmi_sensors/%',
  'drivers/input/keyboard/imx-sm-bbm-key',
  'drivers/pinctrl/freescale/pinctrl-imx-scmi',
  'drivers/pinctrl/pinctrl-scmi',
  'drivers/pmdomain/arm/scmi%',
  'drivers/powercap/arm_scmi_powercap',
  'drivers/regulator/scmi-regulator',
  'drivers/reset/reset-scmi',
  'drivers/rtc/rtc-imx-sm-bbm',
]

/**
 * Kbuild counts in the files for which GCOV_PROFILE is set. Makefiles set it; on make's command line it replaces them, and
 * the source stays as it is. make looks at it for each object file, when $@ is its path.
 */
export const COVERAGE_VARIABLE = `GCOV_PROFILE=$(if $(filter ${COUNTED.join(' ')},$(basename $@)),y)`

export function coverageFragment(): Fragment {
  const path = labFile('kernel', 'coverage', 'gcov.config')
  return { path, text: readFileText(path, 100_000) }
}

/** The folder beside the Image. */
const FOLDER = 'coverage'
const NOTES = '.gcno'
const SYMBOLS = 'System.map'
const ADDED = 'added.json'

const addedSchema = z.record(z.string(), z.array(z.number()))

/** What is kept of a kernel that counts. */
export interface CoverageFiles {
  /** Has the compiler's notes (.gcno) and the sources at their paths in the tree. */
  folder: string
  /** Paths of the counting files in the tree, without suffix. */
  units: string[]
  /** The lines that patches added, by the file's path in the tree. */
  added: Record<string, number[]>
}

export function readCoverage(home: string): CoverageFiles | undefined {
  const folder = join(home, FOLDER)
  if (!existsSync(folder)) return undefined
  const added = addedSchema.parse(JSON.parse(readFileSync(join(folder, ADDED), 'utf8')))
  return { folder, units: unitsIn(folder), added }
}

const withoutSuffix = (path: string): string => path.slice(0, -NOTES.length)

const unitsIn = (folder: string): string[] =>
  readdirSync(join(folder, 'drivers'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith(NOTES))
    .map(name => withoutSuffix(join('drivers', name)))
    .sort()

/** Address of a symbol of the kernel; undefined if it has none, or several of this name. */
export function symbolAddress({ folder }: CoverageFiles, name: string): bigint | undefined {
  const lines = readFileSync(join(folder, SYMBOLS), 'latin1').matchAll(new RegExp(`^([0-9a-f]{16}) \\w ${name}$`, 'gm'))
  const [first, ...others] = [...lines].map(([, address]) => BigInt(`0x${address}`))
  return others.length > 0 ? undefined : first
}

/** Puts into the folder of a kernel what its counters are read with. */
export function keepCoverage({ tree, objects, original }: PreparedTree, patches: readonly Patch[], home: string): void {
  const folder = join(home, FOLDER)
  const units = unitsIn(objects)
  if (units.length === 0) throw new WorkError(`${objects}: the compiler has written no notes for coverage (.gcno)`)
  const keep = (from: string, path: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    copyFileSync(join(from, path), join(folder, path))
  }
  for (const unit of units) {
    keep(objects, `${unit}${NOTES}`)
    // An object of make's own, such as a module's, has no source of its name.
    if (existsSync(join(tree, `${unit}.c`))) keep(tree, `${unit}.c`)
  }
  for (const name of new Set(units.map(dirname))) {
    for (const header of readdirSync(join(tree, name)).filter(file => file.endsWith('.h')))
      keep(tree, join(name, header))
  }
  copyFileSync(join(objects, SYMBOLS), join(folder, SYMBOLS))
  const files = patchedFiles(patches).filter(path => existsSync(join(tree, path)))
  const added = Object.fromEntries(files.map(path => [path, addedLines(original(path), join(tree, path))]))
  writeFileSync(join(folder, ADDED), JSON.stringify(added))
}

/** Paths of the files that patches change. */
function patchedFiles(patches: readonly Patch[]): string[] {
  const named = patches.flatMap(({ text }) => [...text.matchAll(/^\+\+\+ (?:"?[^/\n]+\/)([^\t\n"]+)/gm)])
  return [...new Set(named.map(([, path]) => path!))].filter(path => !path.split('/').includes('..'))
}

/** The numbers of the lines of a file that it did not have before. */
function addedLines(before: Buffer | undefined, now: string): number[] {
  if (!statSync(now).isFile()) return []
  const { status, stdout, stderr } = spawnSync('diff', ['--unified=0', '--text', '-', now], {
    input: before ?? Buffer.alloc(0),
    encoding: 'latin1',
    maxBuffer: 1 << 28,
  })
  if (status === null || status > 1) throw new WorkError(`diff of ${basename(now)} failed: ${stderr}`)
  return [...stdout.matchAll(/^@@ -\S+ \+(\d+)(?:,(\d+))? @@/gm)].flatMap(([, first, count = '1']) =>
    Array.from({ length: Number(count) }, (_, index) => Number(first) + index),
  )
}
