/** The kernels of a run: what the user names, found or built, with what is known of it before it boots. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import semver from 'semver'
import { buildKernel } from '../build.js'
import { LabError } from '../errors.js'
import { parseConfig, plain } from '../kernel/config.js'
import type { KernelNeeds } from './scenario.js'

/** A kernel under test. */
export interface TestKernel {
  /** Column of the table: what the user called it, and the variant if it is not plain. */
  label: string
  image: string
  /** As `uname -r` has it. */
  release: string
  /** Options by name; undefined if the kernel does not carry its configuration (CONFIG_IKCONFIG). */
  config: Map<string, string> | undefined
  variant: string
  patches: string[]
  /** Arguments of the command line that give this kernel again. */
  words: string[]
}

export interface KernelSelection {
  kernels: string[]
  patches: string[]
  variants: string[]
}

/** Finds or builds every kernel of the selection: each with each variant. */
export async function findKernels(selection: KernelSelection, signal: AbortSignal): Promise<TestKernel[]> {
  const found: TestKernel[] = []
  for (const name of selection.kernels) {
    for (const variant of selection.variants) found.push(await findKernel(name, variant, selection.patches, signal))
  }
  return found
}

async function findKernel(name: string, variant: string, patches: string[], signal: AbortSignal): Promise<TestKernel> {
  const isImage = statSync(name, { throwIfNoEntry: false })?.isFile() === true
  if (isImage && patches.length > 0) throw new LabError(`--patch goes with a source; --kernel ${name} is a built Image`)
  const image = isImage ? resolve(name) : (await buildKernel({ source: name, patches, variant }, { signal })).image
  const bytes = readFileSync(image)
  const place = existsSync(name) ? resolve(name) : name
  const words = [
    ...['--kernel', place],
    ...patches.flatMap(path => ['--patch', resolve(path)]),
    ...(variant === plain ? [] : ['--variant', variant]),
  ]
  const base = patches.length === 0 ? name : `${name}+${patches.length}`
  return {
    label: variant === plain ? base : `${base} ${variant}`,
    image,
    release: releaseOf(bytes, image),
    config: configOf(bytes),
    variant,
    patches,
    words,
  }
}

/** Every Image has its banner in plain text. */
function releaseOf(bytes: Buffer, path: string): string {
  const match = /Linux version (\d+\.\d+\S*) /.exec(bytes.toString('latin1'))
  if (!match) throw new LabError(`${path} is no uncompressed kernel Image: it does not say "Linux version"`)
  return match[1]!
}

/** What CONFIG_IKCONFIG leaves in the Image: the configuration, compressed, between two marks. */
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
