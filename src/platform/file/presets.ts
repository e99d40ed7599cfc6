/** Where platform files come from: the operator's own, and the presets that come with the package. */
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { errorCode, OperatorError } from '../../support/errors.js'
import { readGivenFile } from '../../support/given-file.js'
import { whyUnreadable } from '../../support/path-error.js'
import { ConfigError } from '../core/config-error.js'

/** Of a file; how many characters it may have is checked where they are known. */
const BYTES_MAX = 2_000_000

/** A platform file as it was read. */
export interface PlatformText {
  text: string
  /** For errors. */
  name: string
  /** Where it lies: other files that it names are relative to this. */
  folder: string
}

function presetFolder(): string {
  const root = dirname(createRequire(import.meta.url).resolve('#root/package.json'))
  return join(root, 'src/platform/presets')
}

/** Names of the presets, sorted. */
export function presetNames(): string[] {
  return readdirSync(presetFolder())
    .filter(file => file.endsWith('.yaml'))
    .map(file => basename(file, '.yaml'))
    .sort()
}

/** Reads a platform file or preset: a name without slash and dot is that of a preset. Throws ConfigError. */
export function readPlatformText(fileOrPreset: string): PlatformText {
  const isPreset = !/[./]/.test(fileOrPreset)
  const file = isPreset ? join(presetFolder(), `${fileOrPreset}.yaml`) : fileOrPreset
  try {
    const name = isPreset ? `${fileOrPreset}.yaml` : fileOrPreset
    return { text: readGivenFile(file, BYTES_MAX), name, folder: dirname(file) }
  } catch (error) {
    if (error instanceof OperatorError) throw new ConfigError([], error.message)
    const presets = presetNames().join(', ')
    let problem = whyUnreadable(error)
    if (errorCode(error) === 'ENOENT') {
      problem = isPreset
        ? `there is no such preset, only ${presets}; for a file write ./${fileOrPreset}`
        : `there is no such file; presets are ${presets}`
    }
    throw new ConfigError([], problem, fileOrPreset)
  }
}
