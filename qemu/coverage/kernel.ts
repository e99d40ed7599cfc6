/** A kernel that counts: what is needed to find its counters in a guest's RAM, and to tell them by lines. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CoverageFiles, symbolAddress } from '../kernel/coverage.js'
import { LabError } from '../support/errors.js'
import { type Counters, notesHeader } from './counters.js'
import { type FileCoverage, readCoverage } from './gcov.js'
import type { KnownUnit } from './gcov-info.js'
import type { KernelLayout } from './kernel-memory.js'

export interface CountingKernel extends CoverageFiles {
  layout: KernelLayout
  /** Address of gcov_info_head. */
  head: bigint
  /** Major version of the compiler. */
  gcc: number
  known: KnownUnit[]
  /** Paths in the tree of the sources that are kept. */
  sources: string[]
}

const PAGE_SHIFTS = { CONFIG_ARM64_4K_PAGES: 12, CONFIG_ARM64_16K_PAGES: 14, CONFIG_ARM64_64K_PAGES: 16 }

/** Throws LabError for a kernel whose counters can't be read. */
export function countingKernel(files: CoverageFiles, config: ReadonlyMap<string, string>): CountingKernel {
  if (config.get('CONFIG_CC_IS_GCC') !== 'y') throw new LabError('--coverage: the kernel must be compiled with GCC')
  const address = (name: string): bigint => {
    const found = symbolAddress(files, name)
    if (found === undefined) throw new LabError(`--coverage: the kernel has no symbol ${name}`)
    return found
  }
  const pageShift = Object.entries(PAGE_SHIFTS).find(([option]) => config.get(option) === 'y')?.[1]
  if (pageShift === undefined) throw new LabError('--coverage: this is not a kernel for arm64')
  return {
    ...files,
    layout: {
      text: address('_text'),
      banner: address('linux_banner'),
      pageTables: address('swapper_pg_dir'),
      pageShift,
    },
    head: address('gcov_info_head'),
    gcc: Math.floor(Number(config.get('CONFIG_GCC_VERSION')) / 10_000),
    known: files.units.map(unit => ({
      unit,
      stamp: notesHeader(readFileSync(join(files.folder, `${unit}.gcno`))).stamp,
    })),
    sources: readdirSync(files.folder, { recursive: true, encoding: 'utf8' })
      .filter(name => /\.[ch]$/.test(name))
      .sort(),
  }
}

/** The coverage of `units` (default: all) with these counters. */
export const coverageOf = (kernel: CountingKernel, counters: Counters, units?: string[]): Promise<FileCoverage[]> =>
  readCoverage({ ...kernel, units: units ?? kernel.units, files: kernel.sources }, counters)

export const sourceLines = ({ folder }: CountingKernel, file: string): string[] =>
  readFileSync(join(folder, file), 'utf8').replace(/\n$/, '').split('\n')
