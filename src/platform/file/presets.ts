/** Reads platform files: the operator's own, and the presets of the package. */
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { errorCode, OperatorError } from '../../support/errors.js'
import { readGivenFile } from '../../support/given-file.js'
import { whyUnreadable } from '../../support/path-error.js'
import { ConfigError } from '../core/config-error.js'
import { YamlText } from './yaml-text.js'

/** Size limit of the file; the parser has its own limit of characters. */
const BYTES_MAX = 2_000_000

/** A platform file as it was read. */
export interface PlatformText {
  text: string
  /** For errors. */
  name: string
  /** Folder of the file: paths in the file are relative to it. */
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

/** The presets with the description that each has, sorted by name. */
export function presetDescriptions(): { name: string; description: string }[] {
  return presetNames().map(name => {
    const file = new YamlText(readPlatformText(name).text).data as { description?: string }
    return { name, description: file.description ?? '' }
  })
}

/** Reads a platform file, or a preset if the name has neither slash nor dot. Throws ConfigError. */
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
