/** The kernels of a run: found or built, with what is known before they boot. */
import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import semver from 'semver'
import { buildKernel } from '../kernel/build.js'
import { PLAIN, parseConfig } from '../kernel/config.js'
import { readPatch, subjectOf } from '../kernel/patches.js'
import { DEBIAN_KERNELS } from '../kernel/source.js'
import { LabError } from '../support/errors.js'
import { isGzip } from '../support/files.js'
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
}

export interface KernelSelection {
  /** Versions, trees, Images. */
  kernels: string[]
  patches: string[]
  variants: string[]
}

/** Finds or builds every kernel of the selection, with each variant. */
export async function findKernels(selection: KernelSelection, signal: AbortSignal): Promise<TestKernel[]> {
  const found: TestKernel[] = []
  for (const name of selection.kernels) {
    for (const variant of selection.variants) found.push(await findKernel(name, variant, selection.patches, signal))
  }
  return found.map((kernel, index) => {
    const others = found.slice(0, index).filter(({ label }) => label === kernel.label).length
    return others === 0 ? kernel : { ...kernel, label: `${kernel.label} #${others + 1}` }
  })
}

async function findKernel(name: string, variant: string, patches: string[], signal: AbortSignal): Promise<TestKernel> {
  const isImage = statSync(name, { throwIfNoEntry: false })?.isFile() === true
  if (isImage && patches.length > 0) throw new LabError(`--patch goes with a source; --kernel ${name} is built already`)
  if (isImage && variant !== PLAIN)
    throw new LabError(`--variant goes with a source; --kernel ${name} is built already`)
  const image = isImage
    ? resolve(name)
    : (await buildKernel({ source: name, option: '--kernel', patches, variant }, { signal })).image
  const bytes = unpackedImage(readFileSync(image), image)
  const release = releaseOf(bytes, image)
  const isVersion = DEBIAN_KERNELS[name] !== undefined
  const source = isVersion ? name : resolve(name)
  const words = [
    ...['--kernel', source],
    ...patches.flatMap(path => ['--patch', resolve(path)]),
    ...(variant === PLAIN ? [] : ['--variant', variant]),
  ]
  const base = `${isVersion ? name : release}${patches.length ? `+${patches.length}` : ''}`
  return {
    label: variant === PLAIN ? base : `${base} ${variant}`,
    source,
    image,
    release,
    config: configOf(bytes),
    variant,
    patches: patches.map(path => ({ path, subject: subjectOf(readPatch(path)) })),
    words,
  }
}

/** Limit for an Image's size: a debug kernel has some 100 MB. */
const IMAGE_MAX = 1 << 30

/** An Image as it runs; Image.gz is the same, compressed. */
function unpackedImage(bytes: Buffer, path: string): Buffer {
  if (!isGzip(bytes)) return bytes
  try {
    return gunzipSync(bytes, { maxOutputLength: IMAGE_MAX })
  } catch (error) {
    throw new LabError(`${path} can't be unpacked: ${(error as Error).message}`)
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
