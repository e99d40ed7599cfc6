/** `--version --json`: details of the program for bug reports. */
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
  /** The commit, with "-dirty" appended if files differ from it; absent if unknown. */
  commit?: string
  node: string
  platform: string
  /** The addon in use; `error` if none loads on this machine. */
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

/** The commit of a checkout comes from git; that of a package was stored when it was packed (native/prebuild.mjs). */
function commitOf(root: string): string | undefined {
  if (!existsSync(join(root, '.git'))) {
    const record = join(root, 'dist/release.json')
    return existsSync(record) ? (JSON.parse(readFileSync(record, 'utf8')) as { commit: string }).commit : undefined
  }
  try {
    const args = ['describe', '--always', '--abbrev=40', '--dirty', '--exclude=*']
    return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    // No git, or a checkout of another user, which git refuses to read.
    return undefined
  }
}
