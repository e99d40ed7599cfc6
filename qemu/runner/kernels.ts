/** The kernels of a run: found or built, with what is known before they boot. */
import { statSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import semver from 'semver'
import { type CountingKernel, countingKernel } from '../coverage/kernel.js'
import { buildKernel, type Kernel } from '../kernel/build.js'
import { PLAIN, parseConfig } from '../kernel/config.js'
import { readCoverage } from '../kernel/coverage.js'
import { usesLlvm } from '../kernel/environment.js'
import { checkImage, readImage } from '../kernel/image-file.js'
import { readPatch, subjectOf } from '../kernel/patches.js'
import { DEBIAN_KERNELS } from '../kernel/source.js'
import { type At, shortId } from '../kernel/worktree.js'
import { target } from '../support/architectures.js'
import { LabError, UntestableError, WorkError } from '../support/errors.js'
import type { KernelNeeds } from './scenario.js'

/** A kernel under test. */
export interface TestKernel {
  /** Its name in tables. */
  label: string
  /** As the user named it: a version, a tree, an Image. */
  source: string
  image: string
  /** As `uname -r` has it. */
  release: string
  /** Options by name; undefined if the kernel does not carry its configuration (CONFIG_IKCONFIG). */
  config: Map<string, string> | undefined
  variant: string
  patches: { path: string; subject: string }[]
  /** Arguments of `scmi-lab run` that select this kernel again. */
  words: string[]
  /** With --coverage: how its counters are read. */
  counting?: CountingKernel
}

export interface KernelSelection {
  /** Versions, trees, Images. */
  kernels: string[]
  patches: string[]
  variants: string[]
  /** Fragments of a configuration, merged last. */
  configs?: string[]
  /** With debug information. */
  debugInfo?: boolean
  /** A commit of the only kernel, which is a git tree. */
  at?: At
  /** Kernels count what runs in the SCMI drivers. */
  coverage?: boolean
}

/** Finds or builds every kernel of the selection, with each variant. */
export async function findKernels(selection: KernelSelection, signal: AbortSignal): Promise<TestKernel[]> {
  const found: TestKernel[] = []
  for (const name of selection.kernels) {
    for (const variant of selection.variants) found.push(await findKernel(name, variant, selection, signal))
  }
  return found.map((kernel, index) => {
    const others = found.slice(0, index).filter(({ label }) => label === kernel.label).length
    return others === 0 ? kernel : { ...kernel, label: `${kernel.label} #${others + 1}` }
  })
}

async function findKernel(
  name: string,
  variant: string,
  { patches, configs = [], debugInfo = false, coverage = false, at }: Omit<KernelSelection, 'kernels' | 'variants'>,
  signal: AbortSignal,
): Promise<TestKernel> {
  const isImage = statSync(name, { throwIfNoEntry: false })?.isFile() === true
  const ofSource: [option: string, isGiven: boolean][] = [
    ['--patch', patches.length > 0],
    ['--variant', variant !== PLAIN],
    ['--config', configs.length > 0],
  ]
  const [misplaced] = ofSource.find(([, isGiven]) => isImage && isGiven) ?? []
  if (misplaced) throw new LabError(`${misplaced} goes with a source; --kernel ${name} is built already`)
  const image = isImage
    ? resolve(name)
    : await testable(() =>
        buildKernel(
          {
            ...{ source: name, option: '--kernel', patches, variant, fragments: configs, debugInfo, coverage },
            ...(at ? { at } : {}),
          },
          { signal },
        ),
      )
  checkImage(image)
  const bytes = readImage(image)
  const release = releaseOf(bytes, image)
  const config = configOf(bytes)
  const isVersion = DEBIAN_KERNELS[name] !== undefined
  const source = isVersion ? name : resolve(name)
  const words = [
    ...['--kernel', source],
    ...(at ? ['--base', at.commit] : []),
    ...patches.flatMap(path => ['--patch', resolve(path)]),
    ...(variant === PLAIN ? [] : ['--variant', variant]),
    ...configs.flatMap(path => ['--config', resolve(path)]),
    ...(usesLlvm() ? ['--llvm'] : []),
    ...(target().name === 'arm64' ? [] : ['--arch', target().name]),
  ]
  const named = at ? shortId(at.commit) : isVersion ? name : release
  const base = `${named}${patches.length ? `+${patches.length}` : ''}`
  const kinds = [
    variant === PLAIN ? '' : variant,
    ...configs.map(path => basename(path, '.config')),
    usesLlvm() && !isImage ? 'llvm' : '',
    target().name === 'arm64' ? '' : target().name,
  ]
  return {
    label: [base, ...kinds.filter(Boolean)].join(' '),
    source,
    image,
    release,
    config,
    variant,
    patches: patches.map(path => ({ path, subject: subjectOf(readPatch(path)) })),
    words,
    ...(coverage ? { counting: countingOf(name, image, config) } : {}),
  }
}

function countingOf(name: string, image: string, config: Map<string, string> | undefined): CountingKernel {
  const files = readCoverage(dirname(image))
  if (!files || !config) {
    throw new LabError(
      `--coverage: --kernel ${name} does not count; give a source, or what "kernel build --coverage" built`,
    )
  }
  return countingKernel(files, config)
}

/** The Image of a build. What does not build can't be tested. */
async function testable(build: () => Promise<Kernel>): Promise<string> {
  try {
    return (await build()).image
  } catch (error) {
    if (error instanceof WorkError) throw new UntestableError(error.message, { cause: error })
    throw error
  }
}

/** Every Image contains its banner as plain text. */
function releaseOf(bytes: Buffer, path: string): string {
  const match = /Linux version (\d+\.\d+\S*) /.exec(bytes.toString('latin1'))
  if (!match) throw new LabError(`${path} is no kernel Image, nor Image.gz: it does not say "Linux version"`)
  return match[1]!
}

/** The configuration that CONFIG_IKCONFIG puts into the Image: compressed, between two marks. */
function configOf(bytes: Buffer): Map<string, string> | undefined {
  const start = bytes.indexOf('IKCFG_ST')
  const end = bytes.indexOf('IKCFG_ED', start)
  if (start < 0 || end < 0) return undefined
  return parseConfig(gunzipSync(bytes.subarray(start + 'IKCFG_ST'.length, end)).toString())
}

/** Why a scenario is not for this kernel; undefined if it is. */
export function misfit(needs: KernelNeeds, kernel: TestKernel): string | undefined {
  const release = semver.coerce(kernel.release)!
  if (needs.releases && !semver.satisfies(release, needs.releases)) return `for Linux ${needs.releases}`
  if (!needs.config?.length) return undefined
  if (!kernel.config) return 'it needs to know the configuration, and the kernel lacks CONFIG_IKCONFIG'
  const wanting = [...parseConfig(needs.config.join('\n'))].find(
    ([name, value]) => (kernel.config!.get(name) ?? 'n') !== value,
  )
  return wanting && `for kernels with ${wanting[0]}=${wanting[1]}`
}
