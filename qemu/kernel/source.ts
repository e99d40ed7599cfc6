/**
 * Kernel sources: a Debian source package, or the user's tree. For both, a build gets a tree with the patches applied and
 * a folder for object files; the original is not changed.
 */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { PackageOptions } from '../setup/mirror.js'
import { downloadPackage, findPackage, unpackPackage } from '../setup/packages.js'
import { ARCHITECTURES, target } from '../support/architectures.js'
import { LabError, WorkError } from '../support/errors.js'
import { hash, writeWhole } from '../support/files.js'
import { cachePath } from '../support/paths.js'
import { run } from '../support/process.js'
import { requireTools, TOOLS_FOR } from '../support/tools.js'
import { applyPatches, type Patch } from './patches.js'
import { restoreWorkTree } from './work-tree.js'

/** Versions that a user can name, and the packages with their sources. */
export const DEBIAN_KERNELS: Record<string, string> = {
  '7.3': 'linux-source-7.3',
  '7.2': 'linux-source-7.2',
  '6.12': 'linux-source-6.12',
}
export const DEFAULT_KERNEL = '7.3'

export interface PreparedTree {
  tree: string
  /** A file of the source without patches; undefined: there is none. */
  original(path: string): Buffer | undefined
  /** For make's O=; object files from an earlier build of this tree are reused. */
  objects: string
  /** Must be called when the folder for object files is there, before make uses it. */
  freshen?(): Promise<void>
  /** Must be called when the build is over. */
  discard(): void
}

export interface KernelSource {
  /** For people: "7.3 (7.3.4-1~bpo13+1)", or a path. */
  label: string
  /** Identifies the source's content. */
  id: string
  /** Only one build at a time may use this. */
  lock: string
  /** `objects` names the folder for object files: builds that differ much use separate folders. */
  prepare(patches: Patch[], objects: string, options: PackageOptions): Promise<PreparedTree>
}

export interface SourceOptions extends PackageOptions {
  /** The option that named the source, for errors; default: --source. */
  option?: string
  /** Ask Debian for a newer version of the package. */
  update?: boolean
}

/** Finds the named source; downloads a Debian source that is not there yet. */
export function findSource(name: string, options: SourceOptions): Promise<KernelSource> {
  const debian = DEBIAN_KERNELS[name]
  if (debian) return debianSource(name, debian, options)
  const path = resolve(name)
  const arch = join('arch', target().name)
  if (existsSync(join(path, arch)) && existsSync(join(path, 'Kconfig'))) return treeSource(path, options)
  const known = Object.keys(DEBIAN_KERNELS).join(', ')
  const why = existsSync(path) ? `is no kernel source tree (no ${arch}, or no Kconfig)` : 'is no such folder'
  throw new LabError(
    `${options.option ?? '--source'} ${name}: ${why}; give ${known} or the path of a kernel source tree`,
  )
}

async function debianSource(name: string, packageName: string, options: SourceOptions): Promise<KernelSource> {
  const current = cachePath('sources', `${name}.version`)
  if (options.update || !existsSync(current)) {
    writeWhole(current, (await findPackage(packageName, options)).version)
  }
  const version = readFileSync(current, 'utf8')
  const home = cachePath('sources', `${packageName}_${version}`)
  return {
    label: `${name} (${version})`,
    id: `${packageName} ${version}`,
    lock: `${home}.lock`,
    async prepare(patches, objects, prepareOptions) {
      const pristine = join(home, 'tree')
      if (!existsSync(pristine)) await unpackSource({ name: packageName, version }, pristine, prepareOptions)
      const tree = await restoreWorkTree(pristine, join(home, 'work'), prepareOptions)
      await applyPatches(tree, patches, prepareOptions)
      return { tree, original: fileOf(pristine), objects: join(home, objects), discard() {} }
    },
  }
}

/** The size of a tar record; tar's checkpoints count records. */
const TAR_RECORD = 10_240
const CHECKPOINT_RECORDS = 500

async function unpackSource(
  wanted: { name: string; version: string },
  tree: string,
  options: PackageOptions,
): Promise<void> {
  requireTools(...TOOLS_FOR.packages)
  const { signal, progress } = options
  mkdirSync(dirname(tree), { recursive: true })
  const folder = mkdtempSync(join(dirname(tree), 'unpack-'))
  try {
    const deb = await downloadPackage(wanted, folder, options)
    await unpackPackage(deb, join(folder, 'deb'), options)
    const archive = join(folder, 'deb', 'usr', 'src', `${wanted.name}.tar.xz`)
    const listing = await run('xz', ['--robot', '--list', archive], { signal })
    const size = Number(/^totals\t\d+\t\d+\t\d+\t(\d+)/m.exec(listing)?.[1])
    const checkpoints = [`--checkpoint=${CHECKPOINT_RECORDS}`, '--checkpoint-action=echo=%u']
    const target = join(folder, 'tree')
    mkdirSync(target)
    await run('tar', ['-xf', archive, '-C', target, '--strip-components=1', ...checkpoints], {
      signal,
      onLine: line => progress.update(`unpacking ${wanted.name}`, (Number(/\d+$/.exec(line)) * TAR_RECORD) / size),
    })
    renameSync(target, tree)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function treeSource(path: string, options: PackageOptions): Promise<KernelSource> {
  options.progress.update(`looking at ${path}`)
  const short = hash(path)
  return {
    label: path,
    id: await treeId(path, options),
    lock: cachePath('trees', `${short}.lock`),
    async prepare(patches, objects, prepareOptions) {
      if (patches.length === 0 && isClean(path)) {
        return { tree: path, original: fileOf(path), objects: cachePath('trees', `${short}-${objects}`), discard() {} }
      }
      const home = cachePath('trees', `${short}-copy`)
      const discard = () => rmSync(home, { recursive: true, force: true })
      discard()
      const tree = join(home, 'tree')
      mkdirSync(tree, { recursive: true })
      prepareOptions.progress.update(`copying ${path}`)
      const entries = readdirSync(path).filter(entry => entry !== '.git')
      const from = entries.map(entry => join(path, entry))
      await run('cp', ['-a', '--reflink=auto', '--', ...from, tree], { signal: prepareOptions.signal })
      if (!isClean(tree)) {
        prepareOptions.progress.update('make mrproper in the copy')
        await run('make', ['-C', tree, `ARCH=${target().name}`, 'mrproper'], { signal: prepareOptions.signal })
      }
      await applyPatches(tree, patches, prepareOptions)
      return { tree, original: fileOf(path), objects: join(home, 'objects'), discard }
    },
  }
}

const fileOf =
  (folder: string): PreparedTree['original'] =>
  name =>
    statSync(join(folder, name), { throwIfNoEntry: false })?.isFile() ? readFileSync(join(folder, name)) : undefined

/** Whether a tree is clean, as Kbuild requires for a build in another folder. */
const isClean = (tree: string): boolean =>
  !['.config', 'include/config', ...Object.keys(ARCHITECTURES).map(name => `arch/${name}/include/generated`)].some(
    name => existsSync(join(tree, name)),
  )

/** Identifies a tree's content: by commit and local changes in a git tree, else by the files' names, sizes and times. */
async function treeId(path: string, options: PackageOptions): Promise<string> {
  const { signal } = options
  if (!existsSync(join(path, '.git'))) {
    const files = await run('find', [path, '-type', 'f', '-printf', '%P %s %T@\\n'], { signal })
    return `tree ${hash(files.split('\n').sort().join('\n'))}`
  }
  const git = (...args: string[]) => run('git', ['-C', path, '--no-optional-locks', ...args], { signal })
  const [commit, status] = await Promise.all([
    git('rev-parse', 'HEAD'),
    // Independent of the user's git settings: files in new folders are listed one by one, and their contents count.
    git('status', '--porcelain', '-z', '--no-renames', '--untracked-files=all', '--ignore-submodules=none'),
  ])
  const changed = status.split('\0').filter(Boolean)
  const contents = changed.map(entry => {
    const file = join(path, entry.slice(3).replace(/\n$/, ''))
    const found = lstatSync(file, { throwIfNoEntry: false })
    if (found?.isSymbolicLink()) return `link ${readlinkSync(file)}`
    return found?.isFile() ? hash(String(found.mode), readFileSync(file)) : 'no file'
  })
  if (!/^[0-9a-f]{40,}\n$/.test(commit)) throw new WorkError(`git names no commit in ${path}`)
  return `commit ${commit.trim()} ${hash(status, ...contents)}`
}
