/** Loads a platform file or preset, and the protocols of its plug-ins. */
import { resolve } from 'node:path'
import { stringify } from 'yaml'
import { ConfigError } from '../platform/core/config-error.js'
import { Platform } from '../platform/core/platform.js'
import { RealTime, type Time } from '../platform/core/time.js'
import { buildPlatform } from '../platform/file/config.js'
import { ConfigSource } from '../platform/file/config-source.js'
import { readPlatformText } from '../platform/file/presets.js'
import { TOO_DEEP } from '../platform/file/yaml-text.js'
import type { Protocol } from '../protocols/declaration/protocol.js'
import { resourceKinds } from '../protocols/declaration/served.js'
import { protocols as allProtocols } from '../protocols/index.js'
import { OperatorError } from '../support/errors.js'
import { guarded } from './plugin-guard.js'
import { loadPlugin, type Plugin, type PluginModule, withPlugin } from './plugins.js'

export interface LoadOptions {
  /** Protocols to serve besides those of plug-ins; default: all standard ones. */
  protocols?: readonly Protocol[]
  /** Plug-ins besides those in the platform file; paths are relative to the working directory. */
  plugins?: readonly Plugin[]
  time?: Time
}

/** A platform that a program defines: the content of a platform file as an object. */
export interface PlatformDefinition {
  /** The same as the text of a platform file. */
  readonly text: string
  /** For errors. */
  readonly name?: string
  /** Folder for relative paths; default: the working directory. */
  readonly folder?: string
}

/**
 * Makes a platform from an object with the keys of a platform file. It is checked when it is served, like a file;
 * errors name the field, and the line of the equivalent YAML text. Relative paths start at the working directory.
 * Throws ConfigError for values that are not data, such as a function.
 */
export function definePlatform(definition: Record<string, unknown>): PlatformDefinition {
  try {
    return { text: stringify(definition) }
  } catch (error) {
    // The YAML library recurses.
    const problem = error instanceof RangeError ? TOO_DEEP : (error as Error).message
    throw new ConfigError([], problem, 'definePlatform')
  }
}

function readDefinition(platform: string | PlatformDefinition): { text: string; name: string; folder: string } {
  if (typeof platform === 'string') return readPlatformText(platform)
  return { name: 'definePlatform', folder: process.cwd(), ...platform }
}

export interface LoadedPlatform {
  platform: Platform
  /** All protocols that the platform file can configure, whether or not the platform has resources for them. */
  protocols: readonly Protocol[]
  origin: PlatformOrigin
}

/** What a platform was made from, to make it again. */
export interface PlatformOrigin {
  name: string
  /** The platform file, and the folder that its paths are relative to. */
  text: string
  folder: string
  /** Modules of the protocols besides the standard ones; undefined: not all of them come from modules. */
  plugins: readonly PluginModule[] | undefined
}

/**
 * Loads a platform file, preset or definition, and the plug-ins. Throws OperatorError, which is a ConfigError if the
 * file is wrong.
 */
export async function loadPlatform(
  fileOrPreset: string | PlatformDefinition,
  options: LoadOptions = {},
): Promise<LoadedPlatform> {
  const given = await addPlugins(options.protocols ?? allProtocols, options.plugins ?? [])
  const { text, name, folder } = readDefinition(fileOrPreset)
  const source = new ConfigSource(text, name)
  const protocols = await addPluginsOf(source, folder, given)
  const kinds = resourceKinds(protocols)
  const time = options.time ?? new RealTime()
  const platform = buildPlatform(source, protocols, kinds, config => new Platform(config, kinds, time))
  const ofFile = source.texts('plugins').map(plugin => ({ name: plugin, folder: resolve(folder) }))
  const plugins = pluginModules(options)?.concat(ofFile)
  return { platform, protocols, origin: { name, text, folder: resolve(folder), plugins } }
}

/** The modules of the protocols besides the standard ones; undefined if not all of them come from modules. */
function pluginModules({ protocols = allProtocols, plugins = [] }: LoadOptions): PluginModule[] | undefined {
  if (protocols !== allProtocols || !plugins.every(plugin => typeof plugin === 'string')) return undefined
  return plugins.map(name => ({ name, folder: process.cwd() }))
}

/** Protocols of a plug-in that the program has loaded itself. The package's own need no guard. */
function protocolsOf(plugin: Protocol | readonly Protocol[]): Protocol[] {
  return [plugin].flat().map(protocol => guarded(protocol, 'of the program'))
}

/** `protocols` and those of `plugins`. Throws OperatorError. */
export async function addPlugins(
  protocols: readonly Protocol[],
  plugins: readonly Plugin[],
): Promise<readonly Protocol[]> {
  let all = protocols
  for (const plugin of plugins) {
    const added = typeof plugin === 'string' ? await loadPlugin(plugin) : protocolsOf(plugin)
    all = withPlugin(all, added, typeof plugin === 'string' ? plugin : 'plug-in')
  }
  return all
}

/** `protocols` and those of the plug-ins that the platform file names. Throws ConfigError. */
async function addPluginsOf(
  source: ConfigSource,
  folder: string,
  protocols: readonly Protocol[],
): Promise<readonly Protocol[]> {
  let all = protocols
  for (const [i, plugin] of source.texts('plugins').entries()) {
    try {
      all = withPlugin(all, await loadPlugin(plugin, folder), plugin)
    } catch (error) {
      if (!(error instanceof OperatorError) || error instanceof ConfigError) throw error
      throw source.error({ path: ['plugins', i], text: error.message, place: 'value' })
    }
  }
  return all
}
