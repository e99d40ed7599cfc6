/**
 * What compiler and sparse say about files of a kernel: make with W=1, and C=2 if sparse is installed. The files are compiled
 * in a folder of their own, because W=1 would have everything else compiled again.
 */
import { existsSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { startProgress } from '../../src/support/progress.js'
import { withLock } from '../support/lock.js'
import { run } from '../support/process.js'
import { findProgram, requireTools, TOOLS_FOR } from '../support/tools.js'
import { type BuildOptions, type KernelRequest, objectsOf, prepare } from './build.js'
import { buildEnvironment } from './environment.js'
import { configure, startObjects } from './make.js'

/** How the folder for object files is called, after the one of the kernel itself. */
const FOLDER = 'W1'
/** A header that everything includes is not worth more. */
const OBJECTS_MAX = 150

export interface Warnings {
  /** Lines of the compiler and sparse, without line numbers. */
  lines: string[]
  /** Whether sparse looked, too. */
  hasSparse: boolean
  /** C files that this configuration does not compile. */
  notCompiled: string[]
}

/** Compiles the C files among `files`, and those that include headers among them, and returns what is said about them. */
export async function warningsOf(
  request: KernelRequest,
  files: readonly string[],
  options: BuildOptions = {},
): Promise<Warnings> {
  const progress = options.progress ?? startProgress(`warnings ${request.source}`)
  try {
    requireTools(...TOOLS_FOR.kernel)
    const { source, patches, fragments, work } = await prepare(request, options, progress)
    return await withLock(source.lock, { signal: options.signal }, async lock => {
      const main = objectsOf(request)
      const prepared = await source.prepare(patches, `${main}-${FOLDER}`, { ...work, progress })
      try {
        const job = { ...work, source, variant: FOLDER, fragments, hasCoverage: false, lock, jobs: request.jobs ?? 1 }
        await startObjects(job, prepared.objects)
        await prepared.freshen?.()
        const log = join(prepared.objects, 'warnings.log')
        if (!existsSync(join(prepared.objects, '.config'))) await configure(job, prepared, log)
        const objectsNow = prepared.objects.slice(0, -FOLDER.length - 1)
        const { objects, notCompiled } = await objectsFor(files, prepared.tree, objectsNow)
        const lines = objects.length === 0 ? [] : await compile(prepared, objects, options.signal, progress)
        return { lines, hasSparse: hasSparse(), notCompiled }
      } finally {
        prepared.discard()
      }
    })
  } finally {
    progress.stop()
  }
}

const hasSparse = (): boolean => findProgram('sparse') !== undefined

/** The object files that are made from these files, as the records of the last build say (.NAME.o.cmd). */
async function objectsFor(
  files: readonly string[],
  tree: string,
  objects: string,
): Promise<{ objects: string[]; notCompiled: string[] }> {
  const sources = files.filter(file => file.endsWith('.c') && existsSync(join(tree, file)))
  const objectOf = (file: string): string => file.replace(/\.c$/, '.o')
  const isCompiled = (file: string): boolean =>
    existsSync(join(objects, dirname(file), `.${basename(objectOf(file))}.cmd`))
  const headers = files.filter(file => file.endsWith('.h'))
  const found = headers.length > 0 && existsSync(objects) ? await includersOf(headers, objects) : []
  return {
    objects: [...new Set([...sources.filter(isCompiled).map(objectOf), ...found])].slice(0, OBJECTS_MAX),
    notCompiled: sources.filter(file => !isCompiled(file)),
  }
}

/** Object files whose records name one of these headers. */
async function includersOf(headers: readonly string[], objects: string): Promise<string[]> {
  const patterns = headers.flatMap(header => ['-e', `/${header} `])
  // grep's status is 1 if nothing is found.
  const script = 'cd "$1" && shift && { grep -rlF --include=".*.o.cmd" "$@" . || [ $? = 1 ]; }'
  const text = await run('sh', ['-c', script, 'sh', objects, ...patterns])
  return text
    .split('\n')
    .filter(Boolean)
    .map(path => path.replace(/^\.\//, '').replace(/\.([^/]+)\.cmd$/, '$1'))
    .sort()
}

async function compile(
  { tree, objects }: { tree: string; objects: string },
  targets: readonly string[],
  signal: AbortSignal | undefined,
  progress: { update(step: string, fraction?: number, detail?: string): void },
): Promise<string[]> {
  // What is up to date would not be compiled, and nothing said about it.
  for (const name of targets) rmSync(join(objects, name), { force: true })
  const checker = hasSparse() ? ['C=2', 'CHECK=sparse'] : []
  const said: string[] = []
  const onLine = (line: string) => {
    const [, file, text] = /^(\S+?):\d+(?::\d+)?: ((?:warning|error): .*)$/.exec(line) ?? []
    if (file) said.push(`${file.replace(`${tree}/`, '')}: ${text}`)
    else if (/^ {2}[A-Z]+ /.test(line)) progress.update('compiling with W=1', undefined, line.trim())
  }
  progress.update('compiling with W=1')
  // What does not compile is told by the build itself.
  const words = ['-C', tree, `O=${objects}`, '-k', 'W=1', ...checker, ...targets]
  await run('sh', ['-c', 'make "$@" || [ $? = 2 ]', 'sh', ...words], { env: buildEnvironment(), signal, onLine })
  return said
}

/** The warnings that are in `after` more often than in `before`. */
export function addedWarnings(before: readonly string[], after: readonly string[]): string[] {
  const left = [...before]
  return after.filter(line => {
    const at = left.indexOf(line)
    if (at >= 0) left.splice(at, 1)
    return at < 0
  })
}
