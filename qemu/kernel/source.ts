/**
 * Where a kernel's source comes from: a Debian source package, or a tree of the user's. Either way the build gets a
 * tree with the patches applied and a folder for its objects, and the origin stays as it was.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { PackageOptions } from '../setup/mirror.js'
import { downloadPackage, findPackage, unpackPackage } from '../setup/packages.js'
import { LabError, WorkError } from '../support/errors.js'
import { hash, writeWhole } from '../support/files.js'
import { cachePath } from '../support/paths.js'
import { run } from '../support/process.js'
import { requireTools, toolsFor } from '../support/tools.js'
import { applyPatches, type Patch } from './patches.js'
import { restoreWorkTree } from './work-tree.js'

/** Kernel versions by what the user calls them, and the package that holds their source. */
export const debianKernels: Record<string, string> = {
  '7.3': 'linux-source-7.3',
  '7.2': 'linux-source-7.2',
  '6.12': 'linux-source-6.12',
}
export const defaultKernel = '7.3'

export interface PreparedTree {
  tree: string
  /** For make's O=. What is there from an earlier build of this tree is used again. */
  objects: string
  /** Called when the build is over. */
  discard(): void
}

export interface KernelSource {
  /** For people: "7.3 (7.3.4-1~bpo13+1)", or a path. */
  label: string
  /** Changes with the source's content. */
  id: string
  /** One build at a time for each of these. */
  lock: string
  /** `objects` names the folder of the objects: builds that differ in much keep theirs apart. */
  prepare(patches: Patch[], objects: string, options: PackageOptions): Promise<PreparedTree>
}

export interface SourceOptions extends PackageOptions {
  /** Ask Debian for a newer version of the package. */
  update?: boolean
}

/** Finds the source of that name; downloads it if it is Debian's and not there yet. */
export function findSource(name: string, options: SourceOptions): Promise<KernelSource> {
  const debian = debianKernels[name]
  if (debian) return debianSource(name, debian, options)
  const path = resolve(name)
  if (existsSync(join(path, 'arch', 'arm64')) && existsSync(join(path, 'Kconfig'))) return treeSource(path, options)
  const known = Object.keys(debianKernels).join(', ')
  const why = existsSync(path) ? 'is no kernel source tree (no arch/arm64, or no Kconfig)' : 'is no such folder'
  throw new LabError(`--source ${name}: ${why}; give ${known} or the path of a kernel source tree`)
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
      return { tree, objects: join(home, objects), discard() {} }
    },
  }
}

/** The size of a tar record, which is what tar's checkpoints count. */
const tarRecord = 10_240
const checkpointRecords = 500

async function unpackSource(
  wanted: { name: string; version: string },
  tree: string,
  options: PackageOptions,
): Promise<void> {
  requireTools(...toolsFor.packages)
  const { signal, progress } = options
  mkdirSync(dirname(tree), { recursive: true })
  const folder = mkdtempSync(join(dirname(tree), 'unpack-'))
  try {
    const deb = await downloadPackage(wanted, folder, options)
    await unpackPackage(deb, join(folder, 'deb'), options)
    const archive = join(folder, 'deb', 'usr', 'src', `${wanted.name}.tar.xz`)
    const listing = await run('xz', ['--robot', '--list', archive], { signal })
    const size = Number(/^totals\t\d+\t\d+\t\d+\t(\d+)/m.exec(listing)?.[1])
    const checkpoints = [`--checkpoint=${checkpointRecords}`, '--checkpoint-action=echo=%u']
    const target = join(folder, 'tree')
    mkdirSync(target)
    await run('tar', ['-xf', archive, '-C', target, '--strip-components=1', ...checkpoints], {
      signal,
      onLine: line => progress.update(`unpacking ${wanted.name}`, (Number(/\d+$/.exec(line)) * tarRecord) / size),
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
        return { tree: path, objects: cachePath('trees', `${short}-${objects}`), discard() {} }
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
        await run('make', ['-C', tree, 'ARCH=arm64', 'mrproper'], { signal: prepareOptions.signal })
      }
      await applyPatches(tree, patches, prepareOptions)
      return { tree, objects: join(home, 'objects'), discard }
    },
  }
}

/** What Kbuild itself asks of a tree before it builds elsewhere. */
const isClean = (tree: string): boolean =>
  !['.config', 'include/config', 'arch/arm64/include/generated'].some(name => existsSync(join(tree, name)))

/** Names a tree's content: by commit and local changes if git knows it, else by the files' names, sizes and times. */
async function treeId(path: string, options: PackageOptions): Promise<string> {
  const { signal } = options
  if (!existsSync(join(path, '.git'))) {
    const files = await run('find', [path, '-type', 'f', '-printf', '%P %s %T@\\n'], { signal })
    return `tree ${hash(files.split('\n').sort().join('\n'))}`
  }
  const git = (...args: string[]) => run('git', ['-C', path, '--no-optional-locks', ...args], { signal })
  const [commit, status] = await Promise.all([
    git('rev-parse', 'HEAD'),
    git('status', '--porcelain', '-z', '--no-renames'),
  ])
  const changed = status.split('\0').filter(Boolean)
  const contents = changed.map(entry => {
    const file = join(path, entry.slice(3).replace(/\n$/, ''))
    return existsSync(file) && statSync(file).isFile() ? hash(readFileSync(file)) : 'no file'
  })
  if (!/^[0-9a-f]{40,}\n$/.test(commit)) throw new WorkError(`git names no commit in ${path}`)
  return `commit ${commit.trim()} ${hash(status, ...contents)}`
}
