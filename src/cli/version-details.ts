/** `--version --json`: what a report of a fault should say about the program. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { addonCompiler } from '../device/native.js'
import { findNative } from '../support/addon.js'
import { FailedError } from '../support/errors.js'
import { version } from '../support/version.js'

interface VersionDetails {
  version: string
  /** The commit, with "-dirty" behind it if files differ from it; absent if neither git nor the package knows. */
  commit?: string
  node: string
  platform: string
  /** The addon that serves; `error` if none loads on this machine. */
  addon: { file: string; prebuilt: boolean; compiler: string } | { error: string }
}

export function versionDetails(): VersionDetails {
  const root = dirname(createRequire(import.meta.url).resolve('#root/package.json'))
  const commit = commitOf(root)
  return {
    version,
    ...(commit === undefined ? {} : { commit }),
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    addon: addonDetails(),
  }
}

function addonDetails(): VersionDetails['addon'] {
  try {
    const { file, isPrebuilt } = findNative('#native')
    return { file, prebuilt: isPrebuilt, compiler: addonCompiler() }
  } catch (error) {
    if (!(error instanceof FailedError)) throw error
    return { error: error.message }
  }
}

/** A checkout's commit is git's; a package's was written down when it was packed (native/prebuild.mjs). */
function commitOf(root: string): string | undefined {
  if (!existsSync(join(root, '.git'))) {
    const record = join(root, 'dist/release.json')
    return existsSync(record) ? (JSON.parse(readFileSync(record, 'utf8')) as { commit: string }).commit : undefined
  }
  try {
    const args = ['describe', '--always', '--abbrev=40', '--dirty', '--exclude=*']
    return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    // No git, or a checkout of somebody else's, which git does not read.
    return undefined
  }
}
