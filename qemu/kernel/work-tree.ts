/**
 * A working copy of a large source tree, made of hard links to a pristine one. patch(1) writes a new file and renames
 * it, so a changed file is one that is another file than the pristine: that tells what to put back, after any kind of
 * end.
 */
import { existsSync, linkSync, mkdirSync, renameSync, rmSync, utimesSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { PackageOptions } from '../setup/mirror.js'
import { run } from '../support/process.js'

/**
 * Makes `work` equal to `pristine`. A file that was put back gets a new time, so that make rebuilds what was built from
 * its patched form.
 */
export async function restoreWorkTree(pristine: string, work: string, options: PackageOptions): Promise<string> {
  const { signal, progress } = options
  if (!existsSync(work)) {
    progress.update('making a working copy')
    const partial = `${work}.partial`
    rmSync(partial, { recursive: true, force: true })
    await run('cp', ['-a', '--link', pristine, partial], { signal })
    renameSync(partial, work)
    return work
  }
  progress.update('looking for changes in the working copy')
  const [wanted, found] = await Promise.all([listFiles(pristine, signal), listFiles(work, signal)])
  for (const [name, inode] of found) {
    if (wanted.get(name) !== inode) rmSync(join(work, name))
  }
  const now = new Date()
  for (const [name, inode] of wanted) {
    if (found.get(name) === inode) continue
    mkdirSync(dirname(join(work, name)), { recursive: true })
    linkSync(join(pristine, name), join(work, name))
    utimesSync(join(work, name), now, now)
  }
  return work
}

/** All regular files below a folder, with the numbers of their inodes. */
async function listFiles(folder: string, signal: AbortSignal | undefined): Promise<Map<string, string>> {
  const output = await run('find', [folder, '-type', 'f', '-printf', '%i %P\\n'], { signal })
  const lines = output.split('\n').filter(Boolean)
  return new Map(lines.map(line => [line.slice(line.indexOf(' ') + 1), line.slice(0, line.indexOf(' '))]))
}
