/**
 * Builds a kernel Image for the guest, or finds it in the cache, which has one folder per hash of a kernel's inputs. Builds
 * may run at the same time and be killed at any time: kernels in the cache are always complete.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { type Progress, startProgress } from '../../src/support/progress.js'
import { CONSUMER_MODULE, copyConsumerSource } from '../guest/consumers.js'
import { MODULES_FOLDER } from '../guest/modules.js'
import { InterruptedError, WorkError } from '../support/errors.js'
import { writeWhole } from '../support/files.js'
import { withLock } from '../support/lock.js'
import { cachePath } from '../support/paths.js'
import { run } from '../support/process.js'
import { requireTools, TOOLS_FOR } from '../support/tools.js'
import { type Fragment, type LostOption, lostOptions, PLAIN, parseConfig, readFragments } from './config.js'
import { buildEnvironment } from './environment.js'
import { type Explanation, explain, inputsOf, type KernelInputs } from './inputs.js'
import { type Patch, readPatch } from './patches.js'
import { findSource, type KernelSource, type PreparedTree } from './source.js'

export interface KernelRequest {
  /** A version Debian has, or the path of a source tree. */
  source: string
  /** The option that named the source, for errors; default: --source. */
  option?: string
  patches?: string[]
  /** Kind of kernel: plain (default), or the name of a fragment in kernel/variants. */
  variant?: string
  fragments?: string[]
  jobs?: number
  /** Ask Debian for a newer version of the source package. */
  update?: boolean
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
  /** Whether the lab's consumer module is beside the Image. */
  hasConsumers: boolean
}

/** Steps of a full build, for the percentage of the first one; later builds know the number of the last one. */
const USUAL_STEPS = 1640
const IMAGE = 'arch/arm64/boot/Image'

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
      const objects = variant === PLAIN ? 'objects' : `objects-${variant}`
      const jobs = request.jobs ?? availableParallelism()
      const job = { ...work, source, patches, variant, fragments, made, objects, home, lock, jobs }
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
async function prepare(request: KernelRequest, { signal }: BuildOptions, progress: Progress) {
  const patches = (request.patches ?? []).map(readPatch)
  const variant = request.variant ?? PLAIN
  const fragments = readFragments(variant, request.fragments ?? [])
  requireTools('compiler')
  const work = { signal, progress }
  const { option, update = false } = request
  const source = await findSource(request.source, { ...work, update, ...(option ? { option } : {}) })
  return { source, patches, variant, fragments, work, made: inputsOf(source, patches, fragments) }
}

interface BuildJob {
  signal: AbortSignal | undefined
  progress: Progress
  source: KernelSource
  patches: Patch[]
  variant: string
  fragments: Fragment[]
  made: KernelInputs
  /** Name of the folder for object files. */
  objects: string
  /** Folder for the result. */
  home: string
  lock: number
  jobs: number
}

/** A finished build in the cache; its record is written last. */
function readKernel(home: string): Kernel | undefined {
  const record = join(home, 'build.json')
  if (!existsSync(record)) return undefined
  const { source, seconds, lost } = JSON.parse(readFileSync(record, 'utf8'))
  const hasConsumers = existsSync(join(home, CONSUMER_MODULE))
  return {
    image: join(home, 'Image'),
    config: join(home, 'config'),
    source,
    seconds,
    lost,
    hasConsumers,
    wasCached: true,
  }
}

function tell(kernel: Kernel, progress: Progress): Kernel {
  for (const { name, wanted, got } of kernel.lost) progress.note(`${name}=${wanted} did not survive: it is ${got}`)
  if (!kernel.hasConsumers) {
    progress.note(`without the lab's consumer module; ${join(dirname(kernel.image), 'build.log')} says why`)
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
    const lost = await configure(job, prepared, log)
    const options = parseConfig(readFileSync(join(prepared.objects, '.config'), 'utf8'))
    const hasModules = [...options.values()].includes('m')
    await compile(job, prepared, log, hasModules)
    const consumers = await compileConsumers(job, prepared, log, hasModules)
    const partial = `${job.home}.partial`
    rmSync(partial, { recursive: true, force: true })
    mkdirSync(partial, { recursive: true })
    copyFileSync(join(prepared.objects, IMAGE), join(partial, 'Image'))
    copyFileSync(join(prepared.objects, '.config'), join(partial, 'config'))
    if (options.get('CONFIG_DEBUG_INFO') === 'y')
      copyFileSync(join(prepared.objects, 'vmlinux'), join(partial, 'vmlinux'))
    if (hasModules) await installModules(job, prepared, partial, log)
    if (consumers) copyFileSync(consumers, join(partial, CONSUMER_MODULE))
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

/** This file is in the folder for object files while make runs. If it is found later, make was killed: files may be incomplete. */
const RUNNING_MARK = 'make-is-running'

/**
 * Reuses the object files of an earlier build, unless it was killed. A variant starts with copies of the plain kernel's
 * object files: Kbuild recompiles only what depends on an option that differs, which is little for most variants.
 */
async function startObjects(job: BuildJob, objects: string): Promise<void> {
  if (existsSync(join(objects, RUNNING_MARK))) rmSync(objects, { recursive: true })
  const plainObjects = join(dirname(objects), basename(objects).replace(`-${job.variant}`, ''))
  const isUsable = existsSync(join(plainObjects, IMAGE)) && !existsSync(join(plainObjects, RUNNING_MARK))
  if (existsSync(objects) || !isUsable) {
    mkdirSync(objects, { recursive: true })
    return
  }
  job.progress.update("copying the plain kernel's objects")
  const partial = `${objects}.partial`
  rmSync(partial, { recursive: true, force: true })
  await run('cp', ['-a', '--reflink=auto', plainObjects, partial], { signal: job.signal })
  renameSync(partial, objects)
}

async function configure(job: BuildJob, { tree, objects }: PreparedTree, log: string): Promise<LostOption[]> {
  job.progress.update('configuring')
  await make(job, objects, ['-C', tree, `O=${objects}`, '-s', 'allnoconfig'], log)
  const config = join(objects, '.config')
  const merge = join(tree, 'scripts', 'kconfig', 'merge_config.sh')
  // The texts whose hash was taken: the files may change while a build waits or runs.
  const files = job.fragments.map(({ path, text }, index) => {
    const file = join(objects, `${String(index).padStart(2, '0')}-${basename(path)}`)
    writeFileSync(file, text)
    return file
  })
  await run('sh', [merge, '-m', '-O', objects, config, ...files], {
    cwd: tree,
    env: buildEnvironment(),
    log,
    signal: job.signal,
  })
  await make(job, objects, ['-C', tree, `O=${objects}`, '-s', 'olddefconfig'], log)
  return lostOptions(job.fragments, readFileSync(config, 'utf8'))
}

async function compile(
  job: BuildJob,
  { tree, objects }: PreparedTree,
  log: string,
  hasModules: boolean,
): Promise<void> {
  const counter = join(objects, 'steps')
  const isFresh = !existsSync(join(objects, IMAGE))
  const total = existsSync(counter) ? Number(readFileSync(counter, 'utf8')) : USUAL_STEPS
  const step = isFresh ? 'compiling' : 'compiling what changed'
  let steps = 0
  job.progress.update(step, isFresh ? 0 : undefined)
  const onLine = (line: string) => {
    const file = /^ {2}[A-Z][A-Z0-9_ ]* +(\S+)$/.exec(line)?.[1]
    if (!file) return
    steps += 1
    job.progress.update(step, isFresh ? steps / total : undefined, file)
  }
  const targets = hasModules ? ['Image', 'modules'] : ['Image']
  await make(job, objects, ['-C', tree, `O=${objects}`, `-j${job.jobs}`, ...targets], log, onLine)
  if (isFresh) writeFileSync(counter, String(steps))
}

/** Installs the modules, with depmod's lists, at the guest's paths below `home`. */
async function installModules(
  job: BuildJob,
  { tree, objects }: PreparedTree,
  home: string,
  log: string,
): Promise<void> {
  const where = [`INSTALL_MOD_PATH=${home}`, 'INSTALL_MOD_STRIP=1']
  await make(job, objects, ['-C', tree, `O=${objects}`, ...where, 'modules_install'], log)
  for (const name of readdirSync(join(home, MODULES_FOLDER))) {
    rmSync(join(home, MODULES_FOLDER, name, 'build'), { force: true })
  }
}

/**
 * Compiles the lab's consumer module against the kernel, and returns its path. A kernel without modules, or with other
 * interfaces than the module uses, boots without it.
 */
async function compileConsumers(
  job: BuildJob,
  { tree, objects }: PreparedTree,
  log: string,
  hasModules: boolean,
): Promise<string | undefined> {
  if (parseConfig(readFileSync(join(objects, '.config'), 'utf8')).get('CONFIG_MODULES') !== 'y') return undefined
  job.progress.update('compiling the consumer module')
  const folder = join(objects, 'lab-consumer')
  copyConsumerSource(folder)
  const base = ['-C', tree, `O=${objects}`]
  try {
    await make(job, objects, [...base, 'modules_prepare'], log)
    // Kbuild reads the kernel's symbols from Module.symvers, which only `make modules` writes; an earlier build's is wrong.
    if (!hasModules) rmSync(join(objects, 'Module.symvers'), { force: true })
    const symbols = hasModules ? [] : [`KBUILD_EXTRA_SYMBOLS=${join(objects, 'vmlinux.symvers')}`]
    await make(job, objects, [...base, `M=${folder}`, ...symbols, 'modules'], log)
    return join(folder, CONSUMER_MODULE)
  } catch (error) {
    if (!(error instanceof WorkError)) throw error
    job.progress.note(error.message)
    return undefined
  }
}

async function make(
  job: BuildJob,
  objects: string,
  args: string[],
  log: string,
  onLine?: (line: string) => void,
): Promise<void> {
  const mark = join(objects, RUNNING_MARK)
  writeFileSync(mark, '')
  let wasKilled = false
  try {
    await run('make', args, {
      env: buildEnvironment(),
      hold: [job.lock],
      log,
      signal: job.signal,
      ...(onLine ? { onLine } : {}),
    })
  } catch (error) {
    wasKilled = error instanceof InterruptedError && error.wasForced
    if (!(error instanceof WorkError)) throw error
    throw new WorkError(`${job.source.label} does not build\n${compilerWords(log)}\nThe whole log: ${log}`)
  } finally {
    if (!wasKilled) rmSync(mark, { force: true })
  }
}

const CONTEXT_LINES = 25

/** The compiler's output from the first error on, as other jobs may have gone on after it; else the end of the log. */
function compilerWords(log: string): string {
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n')
  const first = lines.findIndex(line => /\berror\b:|undefined reference|\*\*\* /i.test(line))
  const start = first < 0 ? lines.length - CONTEXT_LINES : first - 3
  return lines.slice(Math.max(0, start), Math.max(0, start) + CONTEXT_LINES).join('\n')
}
