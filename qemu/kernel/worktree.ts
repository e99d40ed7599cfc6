/**
 * A worktree of the lab's in a git tree of the user's: commits are checked out and built there, so that neither the user's
 * files nor HEAD change. It is removed at the end; object files stay in the cache and are used again.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, lutimesSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { PackageOptions } from '../setup/mirror.js'
import { LabError, WorkError } from '../support/errors.js'
import { hash } from '../support/files.js'
import { withLock } from '../support/lock.js'
import { cachePath } from '../support/paths.js'
import { run } from '../support/process.js'
import { requireTools, TOOLS_FOR } from '../support/tools.js'
import { applyPatches, filesIn } from './patches.js'
import type { KernelSource } from './source.js'

/** A commit in a worktree. */
export interface At {
  worktree: Worktree
  /** Its whole id. */
  commit: string
}

/** Users' hooks would run in the worktree, and they are for users' work. */
const GIT_OPTIONS = ['-c', 'core.hooksPath=/dev/null', '-c', 'gc.auto=0', '-c', 'core.fsmonitor=false']
const ID_DIGITS = 12
/** In the folder for object files: the commits that they may be built from, and the files that patches changed, a line each. */
const BUILT_FROM = 'built-from'
const PATCHED = 'patched '
/** Lines from which on a full build is cheaper than to compare. */
const BUILT_FROM_MAX = 200
/** A time before any object file's. */
const LONG_AGO = new Date('2001-01-01T00:00:00Z')

/** Runs `work` with a worktree of the git tree at `path`, and removes it. `option` named the tree, for errors. */
export async function withWorktree<T>(
  path: string,
  options: PackageOptions & { option?: string },
  work: (worktree: Worktree) => Promise<T>,
): Promise<T> {
  requireTools(...TOOLS_FOR.mails)
  const repository = resolve(path)
  if (!existsSync(join(repository, '.git'))) {
    throw new LabError(
      `${options.option ?? '--kernel'} ${path}: is no git tree, and commits are asked for; give a clone of Linux`,
    )
  }
  const home = cachePath('trees', `${hash(repository)}-worktree`)
  const onWait = () => options.progress.update(`another command has a worktree of ${path}, waiting for it`)
  return withLock(`${home}.lock`, { signal: options.signal, onWait }, async () => {
    const worktree = new Worktree(repository, home)
    await worktree.remove()
    try {
      return await work(worktree)
    } finally {
      await worktree.remove()
    }
  })
}

/** What the lab does with git in a tree of the user's. */
export class Worktree {
  readonly repository: string
  /** Where commits are checked out. */
  readonly tree: string
  readonly #home: string
  #isThere = false

  constructor(repository: string, home: string) {
    this.repository = repository
    this.#home = home
    this.tree = join(home, 'linux')
  }

  /** Runs git in the worktree, or in the user's tree before there is one; resolves to its output. */
  git(args: string[], signal?: AbortSignal): Promise<string> {
    const where = this.#isThere ? this.tree : this.repository
    // Its words are read, and what a hook of the user's or `git bisect run` has set is about another tree.
    const own = Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_'))
    const env = { ...Object.fromEntries(own), LC_ALL: 'C.UTF-8' }
    return run('git', [...GIT_OPTIONS, '-C', where, ...args], { env, signal, what: `git ${args[0]}` })
  }

  /** The whole id of the commit that the user named with an option. Throws LabError if there is none. */
  async resolve(name: string, option: string): Promise<string> {
    const words = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`]
    const text = await this.git(words).catch(error => {
      if (!(error instanceof WorkError)) throw error
      throw new LabError(`${option} ${name}: ${this.repository} has no such commit; "git log" shows what it has`)
    })
    return text.trim()
  }

  /** The commits of A..B, oldest first. */
  async commitsOf(range: string, option: string): Promise<string[]> {
    const [, from, to] = /^(\S+?)\.\.([^.\s]\S*)?$/.exec(range) ?? []
    if (!from) throw new LabError(`${option} ${range}: give a range of commits, A..B`)
    const ends = [await this.resolve(from, option), await this.resolve(to ?? 'HEAD', option)]
    const text = await this.git(['rev-list', '--reverse', '--no-merges', `${ends[0]}..${ends[1]}`])
    const commits = text.split('\n').filter(Boolean)
    if (commits.length === 0) throw new LabError(`${option} ${range}: there is no commit in this range`)
    return commits
  }

  /** The subject of a commit. */
  async subject(commit: string): Promise<string> {
    return (await this.git(['log', '-1', '--format=%s', commit])).trim()
  }

  /** The files that a commit changes. */
  async filesOf(commit: string): Promise<string[]> {
    return namesIn(await this.git(['diff', '--name-only', '-z', '--no-renames', `${commit}^`, commit]))
  }

  /** Makes the worktree's files those of a commit, without any other. */
  async checkOut(commit: string, { signal, progress }: PackageOptions): Promise<void> {
    progress.update(`checking out ${commit.slice(0, ID_DIGITS)}`)
    if (this.#isThere) {
      await this.git(['checkout', '--quiet', '--force', '--detach', commit], signal)
      await this.git(['clean', '-qffdx'], signal)
      return
    }
    mkdirSync(this.#home, { recursive: true })
    await this.git(['worktree', 'add', '--force', '--detach', this.tree, commit], signal)
    this.#isThere = true
    // Files that are all new would all be compiled again; `freshen` touches those that differ from the object files'.
    const names = namesIn(await this.git(['ls-files', '-z'], signal))
    for (const name of names) lutimesSync(join(this.tree, name), LONG_AGO, LONG_AGO)
    // git must know these times: `checkout --force` writes each file anew whose time it does not know.
    await this.git(['update-index', '-q', '--refresh'], signal)
  }

  /**
   * Makes sure that object files of other commits, and of patched files, are made again where the checked-out commit differs.
   * `patched` names the files that differ from the commit in this build.
   */
  async freshen(objects: string, commit: string, patched: readonly string[]): Promise<void> {
    const record = join(objects, BUILT_FROM)
    const before = existsSync(record) ? readFileSync(record, 'utf8').split('\n').filter(Boolean) : []
    const stale = await this.#differing(before, commit)
    // Without a record nobody knows what object files are made from.
    if (stale === undefined || before.length === 0 || before.length > BUILT_FROM_MAX) {
      rmSync(objects, { recursive: true, force: true })
      before.length = 0
    }
    mkdirSync(objects, { recursive: true })
    const now = new Date()
    const files = [...(stale ?? []), ...patched].map(name => join(this.tree, name))
    for (const file of files.filter(existsSync)) utimesSync(file, now, now)
    const lines = new Set([...before, commit, ...patched.map(name => `${PATCHED}${name}`)])
    writeFileSync(record, [...lines].map(line => `${line}\n`).join(''))
  }

  /** Files in which a commit differs from what the lines of a record say; undefined if git lacks one of its commits. */
  async #differing(record: readonly string[], commit: string): Promise<string[] | undefined> {
    const names: string[] = []
    for (const line of record) {
      if (line.startsWith(PATCHED)) {
        names.push(line.slice(PATCHED.length))
        continue
      }
      const words = ['diff', '--name-only', '-z', '--no-renames', '--diff-filter=d', line, commit]
      const text = await this.git(words).catch(error => {
        if (!(error instanceof WorkError)) throw error
        return undefined
      })
      if (text === undefined) return undefined
      names.push(...namesIn(text))
    }
    return names
  }

  /** A file of a commit; undefined: the commit has none. */
  fileAt(commit: string, path: string): Buffer | undefined {
    const words = ['-C', this.repository, 'show', `${commit}:${path}`]
    const { status, stdout } = spawnSync('git', words, { maxBuffer: 1 << 28 })
    return status === 0 ? stdout : undefined
  }

  /** Removes the worktree, also one that a killed process left. Not stopped by Ctrl-C: it is what Ctrl-C waits for. */
  async remove(): Promise<void> {
    const wasThere = this.#isThere || existsSync(this.#home)
    this.#isThere = false
    if (!wasThere) return
    rmSync(this.#home, { recursive: true, force: true })
    await this.git(['worktree', 'prune'])
  }
}

const namesIn = (text: string): string[] => text.replace(/\n$/, '').split('\0').filter(Boolean)

/** A commit as the source of a kernel. */
export async function commitSource({ worktree, commit }: At): Promise<KernelSource> {
  const short = commit.slice(0, ID_DIGITS)
  const home = cachePath('trees', `${hash(worktree.repository)}-worktree`)
  return {
    label: `${short} ("${await worktree.subject(commit)}")`,
    // As of a tree without changes (source.ts), so that both are one kernel.
    id: `commit ${commit} ${hash('')}`,
    lock: `${home}-build.lock`,
    async prepare(patches, objects, options) {
      const folder = join(dirname(home), `${hash(worktree.repository)}-worktree-${objects}`)
      await worktree.checkOut(commit, options)
      await applyPatches(worktree.tree, patches, options)
      const freshen = () => worktree.freshen(folder, commit, patches.flatMap(filesIn))
      const original = (path: string) => worktree.fileAt(commit, path)
      return { tree: worktree.tree, original, objects: folder, freshen, discard() {} }
    },
  }
}

export const shortId = (commit: string): string => commit.slice(0, ID_DIGITS)
