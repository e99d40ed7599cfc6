/**
 * A working copy of a large source tree, made of hard links to a pristine one. patch(1) writes a new file and renames
 * it, so a changed file is one that lost its link: the links tell what to put back, after any kind of end.
 */
import { existsSync, linkSync, mkdirSync, renameSync, rmSync, utimesSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { PackageOptions } from '../packages.js'
import { run } from '../process.js'

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
  const unlinked = async (tree: string): Promise<string[]> => {
    const output = await run('find', [tree, '-type', 'f', '-links', '1', '-printf', '%P\\n'], { signal })
    return output.split('\n').filter(Boolean)
  }
  const [strange, missing] = await Promise.all([unlinked(work), unlinked(pristine)])
  for (const name of strange) rmSync(join(work, name))
  const now = new Date()
  for (const name of missing) {
    mkdirSync(dirname(join(work, name)), { recursive: true })
    linkSync(join(pristine, name), join(work, name))
    utimesSync(join(work, name), now, now)
  }
  return work
}
