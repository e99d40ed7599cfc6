/** Paths: the package's files, and the cache for everything downloaded or built. */
import { existsSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The package's root: the first folder above this module that has a package.json (dist/qemu and qemu differ in depth). */
export const packageRoot = findRoot(dirname(fileURLToPath(import.meta.url)))

function findRoot(start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder
    if (folder === dirname(folder)) throw new Error(`no package.json above ${start}`)
  }
}

/** The path of a file that the lab ships, such as a kernel fragment or a guest program. */
export const labFile = (...parts: string[]): string => join(packageRoot, 'qemu', ...parts)

/** A path in the cache; makes its folder. */
export function cachePath(...parts: string[]): string {
  const base = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  const path = resolve(base, 'vhost-user-scmi', ...parts)
  mkdirSync(dirname(path), { recursive: true })
  return path
}
