/** The steps of a kernel build that run make: configuration, Image and modules, the lab's modules. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Progress } from '../../src/support/progress.js'
import { copyConsumerSource, LAB_MODULES } from '../guest/consumers.js'
import { MODULES_FOLDER } from '../guest/modules.js'
import { target } from '../support/architectures.js'
import { InterruptedError, WorkError } from '../support/errors.js'
import { run } from '../support/process.js'
import { type Fragment, type LostOption, lostOptions, parseConfig } from './config.js'
import { COVERAGE_VARIABLE } from './coverage.js'
import { buildEnvironment } from './environment.js'
import type { KernelSource, PreparedTree } from './source.js'

/** What all steps of a build need. */
export interface MakeJob {
  signal: AbortSignal | undefined
  progress: Progress
  source: KernelSource
  variant: string
  fragments: Fragment[]
  /** Counts what runs: kernel/coverage.ts. */
  hasCoverage: boolean
  /** Held by every process of the build: `withLock`. */
  lock: number
  jobs: number
}

/** Path of the kernel within the folder for object files. */
export const imagePath = (): string => `arch/${target().name}/boot/${target().image}`

/** Steps of a full build, for the percentage of the first one; later builds know the number of the last one. */
const USUAL_STEPS = 1640

/** This file is in the folder for object files while make runs. If it is found later, make was killed: files may be incomplete. */
const RUNNING_MARK = 'make-is-running'

/**
 * Reuses the object files of an earlier build, unless it was killed. A variant starts with copies of the plain kernel's
 * object files: Kbuild recompiles only what depends on an option that differs, which is little for most variants.
 */
export async function startObjects(job: MakeJob, objects: string): Promise<void> {
  if (existsSync(join(objects, RUNNING_MARK))) rmSync(objects, { recursive: true })
  const plain = basename(objects)
    .replace(/-coverage$/, '')
    .replace(`-${job.variant}`, '')
  const plainObjects = join(dirname(objects), plain)
  const isUsable = existsSync(join(plainObjects, imagePath())) && !existsSync(join(plainObjects, RUNNING_MARK))
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

export async function configure(job: MakeJob, { tree, objects }: PreparedTree, log: string): Promise<LostOption[]> {
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

export async function compile(
  job: MakeJob,
  { tree, objects }: PreparedTree,
  log: string,
  hasModules: boolean,
): Promise<void> {
  const counter = join(objects, 'steps')
  const isFresh = !existsSync(join(objects, imagePath()))
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
  const targets = [target().image, ...(hasModules ? ['modules'] : [])]
  const counting = job.hasCoverage ? [COVERAGE_VARIABLE] : []
  await make(job, objects, ['-C', tree, `O=${objects}`, `-j${job.jobs}`, ...counting, ...targets], log, onLine)
  if (isFresh) writeFileSync(counter, String(steps))
}

/** Installs the modules, with depmod's lists, at the guest's paths below `home`. */
export async function installModules(
  job: MakeJob,
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
 * Compiles the lab's modules against the kernel, and returns their paths. A kernel without modules, or with other interfaces
 * than a module uses, boots without it.
 */
export async function compileConsumers(
  job: MakeJob,
  { tree, objects }: PreparedTree,
  log: string,
  hasModules: boolean,
): Promise<string[]> {
  if (parseConfig(readFileSync(join(objects, '.config'), 'utf8')).get('CONFIG_MODULES') !== 'y') return []
  job.progress.update("compiling the lab's modules")
  const folder = join(objects, 'lab-consumer')
  copyConsumerSource(folder)
  const base = ['-C', tree, `O=${objects}`]
  await make(job, objects, [...base, 'modules_prepare'], log)
  // Kbuild reads the kernel's symbols from Module.symvers, which only `make modules` writes; an earlier build's is wrong.
  if (!hasModules) rmSync(join(objects, 'Module.symvers'), { force: true })
  const symbols = hasModules ? [] : [`KBUILD_EXTRA_SYMBOLS=${join(objects, 'vmlinux.symvers')}`]
  // The protocols' operations change more often than what drivers use: without them there are at least the consumers.
  for (const choice of [[], ['LAB_MODULES=lab-consumer.o']]) {
    try {
      await make(job, objects, [...base, `M=${folder}`, ...symbols, ...choice, 'modules'], log)
      break
    } catch (error) {
      if (!(error instanceof WorkError)) throw error
      job.progress.note(error.message)
    }
  }
  return LAB_MODULES.map(name => join(folder, name)).filter(path => existsSync(path))
}

async function make(
  job: MakeJob,
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
