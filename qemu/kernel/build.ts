/**
 * Builds a kernel Image for the guest, or finds it in the cache, which has one folder per hash of a kernel's inputs. Builds
 * may run at the same time and be killed at any time: kernels in the cache are always complete.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { type Progress, startProgress } from '../../src/support/progress.js'
import { LAB_MODULES } from '../guest/consumers.js'
import { target } from '../support/architectures.js'
import { writeWhole } from '../support/files.js'
import { withLock } from '../support/lock.js'
import { cachePath } from '../support/paths.js'
import { requireTools, TOOLS_FOR } from '../support/tools.js'
import { type LostOption, PLAIN, parseConfig, readFragments } from './config.js'
import { type CoverageFiles, coverageFragment, keepCoverage, readCoverage } from './coverage.js'
import { usesLlvm } from './environment.js'
import { type Explanation, explain, inputsOf, type KernelInputs } from './inputs.js'
import { compile, compileConsumers, configure, imagePath, installModules, type MakeJob, startObjects } from './make.js'
import { type Patch, readPatch } from './patches.js'
import { findSource } from './source.js'
import { type At, commitSource } from './worktree.js'

export interface KernelRequest {
  /** A version Debian has, or the path of a source tree. */
  source: string
  /** The option that named the source, for errors; default: --source. */
  option?: string
  patches?: string[]
  /** Kind of kernel: plain (default), or the name of a fragment in kernel/variants. */
  variant?: string
  fragments?: string[]
  /** With debug information; its vmlinux is beside the Image. */
  debugInfo?: boolean
  /** Counts what runs in the SCMI drivers, with gcov. */
  coverage?: boolean
  jobs?: number
  /** Ask Debian for a newer version of the source package. */
  update?: boolean
  /** This commit of the source, which is a git tree, instead of its files. */
  at?: At
}

export interface BuildOptions {
  signal?: AbortSignal | undefined
  progress?: Progress
}

export interface Kernel {
  /** Path of the Image. */
  image: string
  /** Path of its configuration. */
  config: string
  source: string
  wasCached: boolean
  seconds: number
  lost: LostOption[]
  /** Whether the lab's modules are beside the Image. */
  hasConsumers: boolean
  /** What its counters are read with, if it counts. */
  coverage?: CoverageFiles
}

export async function buildKernel(request: KernelRequest, options: BuildOptions = {}): Promise<Kernel> {
  const progress = options.progress ?? startProgress(`kernel ${request.source}`)
  try {
    const { source, patches, variant, fragments, work, made } = await prepare(request, options, progress)
    const home = cachePath('kernels', made.key)
    const cached = readKernel(home)
    if (cached) return tell(cached, progress)
    requireTools(...TOOLS_FOR.kernel)
    const onWait = () => progress.update(`another build of ${source.label} is running, waiting for it`)
    return await withLock(source.lock, { signal: options.signal, onWait }, async lock => {
      const finished = readKernel(home)
      if (finished) return tell(finished, progress)
      const objects = objectsOf(request)
      const hasCoverage = request.coverage === true
      const jobs = request.jobs ?? availableParallelism()
      const job = { ...work, source, patches, variant, fragments, made, objects, hasCoverage, home, lock, jobs }
      return tell(await build(job), progress)
    })
  } catch (error) {
    progress.stop()
    throw error
  }
}

/** Says why `buildKernel` would build, or would not; builds nothing. */
export async function explainKernel(request: KernelRequest, options: BuildOptions = {}): Promise<Explanation> {
  const progress = options.progress ?? startProgress(`kernel ${request.source}`)
  try {
    const { source, made } = await prepare(request, options, progress)
    return explain(source.label, made)
  } finally {
    progress.stop()
  }
}

/** Reads all that goes into the kernel. */
export async function prepare(request: KernelRequest, { signal }: BuildOptions, progress: Progress) {
  const patches = (request.patches ?? []).map(readPatch)
  const variant = request.variant ?? PLAIN
  const counting = request.coverage ? [coverageFragment()] : []
  const fragments = [...readFragments(variant, request.fragments ?? [], request.debugInfo, patches), ...counting]
  requireTools('compiler')
  const work = { signal, progress }
  const { option, update = false, at } = request
  const find = () => findSource(request.source, { ...work, update, ...(option ? { option } : {}) })
  const source = await (at ? commitSource(at) : find())
  return { source, patches, variant, fragments, work, made: inputsOf(source, patches, fragments, request.coverage) }
}

/** The folder for the object files of builds of a kind: what differs in every object has another one. */
export function objectsOf({
  variant = PLAIN,
  debugInfo = false,
  coverage = false,
}: Pick<KernelRequest, 'variant' | 'debugInfo' | 'coverage'>): string {
  const { name } = target()
  const kinds = [
    name === 'arm64' ? '' : name,
    usesLlvm() ? 'llvm' : '',
    debugInfo ? 'gdb' : '',
    variant,
    coverage ? 'coverage' : '',
  ]
  return ['objects', ...kinds.filter(kind => kind && kind !== PLAIN)].join('-')
}

interface BuildJob extends MakeJob {
  patches: Patch[]
  made: KernelInputs
  /** Name of the folder for object files. */
  objects: string
  /** Folder for the result. */
  home: string
}

/** A finished build in the cache; its record is written last. */
function readKernel(home: string): Kernel | undefined {
  const record = join(home, 'build.json')
  if (!existsSync(record)) return undefined
  const { source, seconds, lost } = JSON.parse(readFileSync(record, 'utf8'))
  const hasConsumers = LAB_MODULES.every(name => existsSync(join(home, name)))
  const coverage = readCoverage(home)
  return {
    image: join(home, 'Image'),
    config: join(home, 'config'),
    source,
    seconds,
    lost,
    hasConsumers,
    ...(coverage ? { coverage } : {}),
    wasCached: true,
  }
}

function tell(kernel: Kernel, progress: Progress): Kernel {
  for (const { name, wanted, got } of kernel.lost) progress.note(`${name}=${wanted} did not survive: it is ${got}`)
  if (!kernel.hasConsumers) {
    progress.note(`without the lab's modules or one of them; ${join(dirname(kernel.image), 'build.log')} says why`)
  }
  progress.done(kernel.wasCached ? `${kernel.source} is in the cache` : `${kernel.source} is built`)
  return kernel
}

async function build(job: BuildJob): Promise<Kernel> {
  const began = Date.now()
  const log = `${job.home}.log`
  rmSync(log, { force: true })
  const prepared = await job.source.prepare(job.patches, job.objects, job)
  try {
    await startObjects(job, prepared.objects)
    await prepared.freshen?.()
    const lost = await configure(job, prepared, log)
    const options = parseConfig(readFileSync(join(prepared.objects, '.config'), 'utf8'))
    const hasModules = [...options.values()].includes('m')
    await compile(job, prepared, log, hasModules)
    const consumers = await compileConsumers(job, prepared, log, hasModules)
    const partial = `${job.home}.partial`
    rmSync(partial, { recursive: true, force: true })
    mkdirSync(partial, { recursive: true })
    copyFileSync(join(prepared.objects, imagePath()), join(partial, 'Image'))
    copyFileSync(join(prepared.objects, '.config'), join(partial, 'config'))
    if (options.get('CONFIG_DEBUG_INFO') === 'y')
      copyFileSync(join(prepared.objects, 'vmlinux'), join(partial, 'vmlinux'))
    if (hasModules) await installModules(job, prepared, partial, log)
    if (job.hasCoverage) keepCoverage(prepared, job.patches, partial)
    for (const path of consumers) copyFileSync(path, join(partial, basename(path)))
    renameSync(log, join(partial, 'build.log'))
    const seconds = Math.round((Date.now() - began) / 1000)
    const record = {
      source: job.source.label,
      inputs: job.made.inputs,
      patches: job.patches.map(patch => patch.path),
      fragments: job.fragments.map(fragment => fragment.path),
      seconds,
      lost,
    }
    writeWhole(join(partial, 'build.json'), `${JSON.stringify(record, null, 2)}\n`)
    rmSync(job.home, { recursive: true, force: true })
    renameSync(partial, job.home)
    return { ...readKernel(job.home)!, wasCached: false }
  } finally {
    prepared.discard()
  }
}
