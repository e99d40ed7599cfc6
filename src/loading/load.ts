/** Loads a platform file or preset, the protocols of its plug-ins, and fault rules. */
import { resolve } from 'node:path'
import type { z } from 'zod'
import { compileRule, type Known, type ReadyRule } from '../faults/rules/compile.js'
import type { CheckedRule, FaultRule } from '../faults/rules/rule.js'
import { readRulesFile, readyRules } from '../faults/rules/rules-file.js'
import { ConfigError } from '../platform/core/config-error.js'
import { namesOf } from '../platform/core/named.js'
import { Platform } from '../platform/core/platform.js'
import type { AgentConfig, PlatformConfig } from '../platform/core/platform-config.js'
import { RealTime, type Time } from '../platform/core/time.js'
import { agentsOf, buildPlatform, platformJsonSchema } from '../platform/file/config.js'
import { ConfigSource } from '../platform/file/config-source.js'
import { readPlatformText } from '../platform/file/presets.js'
import { TOO_DEEP, yamlOf } from '../platform/file/yaml-text.js'
import { Agent } from '../protocols/declaration/agent.js'
import type { EventSink } from '../protocols/declaration/event-sink.js'
import type { Protocol } from '../protocols/declaration/protocol.js'
import { resourceKinds } from '../protocols/declaration/served.js'
import { protocols as allProtocols } from '../protocols/index.js'
import { OperatorError } from '../support/errors.js'
import { FILE_KEYS } from './file-keys.js'
import { guarded } from './plugin-guard.js'
import { loadPlugin, type Plugin, type PluginModule, withPlugin } from './plugins.js'

export interface LoadOptions {
  /** Protocols to serve besides those of plug-ins; default: all standard ones. */
  protocols?: readonly Protocol[]
  /** Plug-ins besides those in the platform file; paths are relative to the working directory. */
  plugins?: readonly Plugin[]
  time?: Time
  /** Fault rules ahead of those of the platform file, or the path of a file with them. */
  faults?: string | readonly FaultRule[]
  /** Names of agents besides those of the platform file, which rules may use. */
  agents?: readonly string[]
  /** Guest-physical address of shared memory, instead of that of the platform file; nothing happens if that has none. */
  sharedMemory?: number | undefined
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
    return { text: yamlOf(definition) }
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
  /** Fault rules, in the order in which they are tried. The loader only checks them; a server applies them. */
  faults: readonly RulesFrom[]
  origin: PlatformOrigin
}

/** Fault rules from one place. */
export interface RulesFrom {
  /** For people: the name of a file. */
  place: string
  rules: readonly ReadyRule[]
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
  // Rules come first: a platform's clocks would run on after an error.
  const build = (given: PlatformConfig, { faults: checked }: { faults: CheckedRule[] }) => {
    const config = withAddress(given, options.sharedMemory)
    const known = { protocols, agents: namesOf(agentsOf(config, options.agents)) }
    const written = (source.data() as { faults?: FaultRule[] }).faults ?? []
    const ofFile = { place: name, rules: readyRules(written, checked, ['faults'], known) }
    const faults = [givenRules(options.faults ?? [], known), ofFile].filter(({ rules }) => rules.length > 0)
    const platform = new Platform(config, kinds, time)
    if (config.sharedMemory) checkSharedMemory(platform, protocols, agentsOf(config, options.agents))
    return { faults, platform }
  }
  const { platform, faults } = buildPlatform(source, protocols, kinds, build, FILE_KEYS)
  const ofFile = source.texts('plugins').map(plugin => ({ name: plugin, folder: resolve(folder) }))
  const plugins = pluginModules(options)?.concat(ofFile)
  return { platform, protocols, faults, origin: { name, text, folder: resolve(folder), plugins } }
}

function withAddress(config: PlatformConfig, address: number | undefined): PlatformConfig {
  const { sharedMemory } = config
  return sharedMemory && address !== undefined ? { ...config, sharedMemory: { ...sharedMemory, address } } : config
}

/** Checks that what each agent has in shared memory fits: its protocols know, and are built for that. Throws ConfigError. */
function checkSharedMemory(platform: Platform, protocols: readonly Protocol[], agents: readonly AgentConfig[]): void {
  const nobody: EventSink = { available: true, congested: false, notify() {}, respondLater() {} }
  for (const config of agents) {
    new Agent({ config, platform, events: nobody, peers: [], protocols }).release()
  }
}

function givenRules(faults: string | readonly FaultRule[], known: Known): RulesFrom {
  if (typeof faults === 'string') return { place: faults, rules: readRulesFile(faults, known) }
  return { place: 'the program', rules: faults.map(rule => compileRule(rule, known)) }
}

export const countRules = (faults: readonly RulesFrom[]): number =>
  faults.reduce((sum, { rules }) => sum + rules.length, 0)

/** `fault rules: 2 of faults.yaml, 1 of board.yaml`; undefined: there are none. */
export function rulesText(faults: readonly RulesFrom[]): string | undefined {
  if (faults.length === 0) return undefined
  return `fault rules: ${faults.map(({ place, rules }) => `${rules.length} of ${place}`).join(', ')}`
}

/** The JSON Schema of platform files that may have sections of these protocols, for editors. */
export function fileJsonSchema(protocols: readonly Protocol[]): z.core.JSONSchema.JSONSchema {
  return platformJsonSchema(protocols, resourceKinds(protocols), FILE_KEYS)
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
