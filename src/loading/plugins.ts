/**
 * Plug-ins: modules that declare vendor protocols (0x80 and up) as src/protocols declares the standard ones. Loads them
 * and checks for conflicts with existing protocols.
 */
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { TOP_KEYS } from '../platform/file/config.js'
import { PROTOCOL_ATTRIBUTES } from '../protocols/declaration/define-protocol.js'
import type { Protocol } from '../protocols/declaration/protocol.js'
import { errorCode, OperatorError } from '../support/errors.js'
import { whyUnreadable } from '../support/path-error.js'
import { FILE_KEYS } from './file-keys.js'
import { guarded, importWatched } from './plugin-guard.js'
import { importPlugin } from './plugin-imports.js'

/** A file, the name of a plug-in of this package, or protocols that the caller has loaded. */
export type Plugin = string | Protocol | readonly Protocol[]

/** Where a plug-in was loaded from: arguments of `loadPlugin`. */
export interface PluginModule {
  name: string
  folder: string
}

/** The name by which a plug-in is loaded from any folder. */
export const moduleOf = ({ name, folder }: PluginModule): string => (/[./]/.test(name) ? resolve(folder, name) : name)

/** Protocol ids have 8 bits; vendors' start at 0x80 (SCMI v3.2 §4.1.2). */
const VENDOR_FIRST = 0x80
const PROTOCOL_LAST = 0xff

/** Size limit of a plug-in's file. */
const BYTES_MAX = 10_000_000

/** The plug-ins of this package, by name. */
const bundled: ReadonlyMap<string, () => Promise<object>> = new Map([['imx', () => import('../plugins/imx/index.js')]])

/** Names of the plug-ins of this package, sorted. */
export function pluginNames(): string[] {
  return [...bundled.keys()].sort()
}

/**
 * The protocols of a plug-in: of this package if `nameOrFile` has neither slash nor dot, otherwise a file relative to
 * `folder`. Throws OperatorError.
 */
export async function loadPlugin(nameOrFile: string, folder = '.'): Promise<readonly Protocol[]> {
  const isFile = /[./]/.test(nameOrFile)
  const module = await (isFile ? importFile(nameOrFile, folder) : importBundled(nameOrFile))
  if (!('default' in module)) {
    throw new OperatorError(`${nameOrFile}: has no default export; export a protocol, or an array of protocols`)
  }
  const exported = Array.isArray(module.default) ? module.default : [module.default]
  return exported.map((candidate, i) => {
    if (isProtocol(candidate)) return isFile ? guarded(candidate, nameOrFile) : candidate
    const which = Array.isArray(module.default) ? `entry ${i} of the default export` : 'the default export'
    throw new OperatorError(`${nameOrFile}: ${which} is not a protocol; make one with defineProtocol`)
  })
}

/** Adds the protocols of `plugin` to `protocols`; the name is for errors. Throws OperatorError if they conflict. */
export function withPlugin(
  protocols: readonly Protocol[],
  plugin: readonly Protocol[],
  name: string,
): readonly Protocol[] {
  const all = [...protocols]
  for (const protocol of plugin) {
    // The platform file and the command line may name the same plug-in.
    if (all.includes(protocol)) continue
    const problem = conflict(protocol, all)
    if (problem !== undefined) throw new OperatorError(`${name}: protocol ${protocol.name} ${problem}`)
    all.push(protocol)
  }
  return all
}

async function importBundled(name: string): Promise<object> {
  const load = bundled.get(name)
  if (load) return load()
  const known = pluginNames().join(', ')
  throw new OperatorError(`${name}: unknown plug-in; the package has ${known}; for a file write ./${name}`)
}

async function importFile(file: string, folder: string): Promise<object> {
  const path = resolve(folder, file)
  try {
    const stat = statSync(path)
    if (!stat.isFile()) throw new OperatorError(`${file}: is not a file`)
    if (stat.size > BYTES_MAX) throw new OperatorError(`${file}: is larger than ${BYTES_MAX} bytes`)
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    throw new OperatorError(`${file}: ${whyUnreadable(error)}`)
  }
  const url = pathToFileURL(path).href
  try {
    return await importWatched(file, url, importPlugin)
  } catch (error) {
    if (error instanceof OperatorError) throw error
    throw new OperatorError(`${file}${lineOf(error, url)}: can't be loaded: ${firstLine(error)}`)
  }
}

/** `:12`: the line in the module at `url` that an error comes from, if known. */
function lineOf(error: unknown, url: string): string {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const at = stack.indexOf(`${url}:`)
  return at < 0 ? '' : (/^:\d+/.exec(stack.slice(at + url.length))?.[0] ?? '')
}

function firstLine(error: unknown): string {
  return String(error).split('\n', 1)[0] ?? ''
}

function isProtocol(candidate: unknown): candidate is Protocol {
  if (typeof candidate !== 'object' || candidate === null) return false
  const { id, name, versions, attach, commands, events, commandsOf } = candidate as Partial<Protocol>
  return (
    Number.isInteger(id) &&
    typeof name === 'string' &&
    Array.isArray(versions) &&
    versions.length > 0 &&
    Array.isArray(commands) &&
    Array.isArray(events) &&
    typeof attach === 'function' &&
    typeof commandsOf === 'function'
  )
}

/** Keys of the platform file that are not sections. */
const RESERVED_KEYS = [...TOP_KEYS, ...Object.keys(FILE_KEYS)]

/** Why `protocol` can't be served beside `others`; undefined: it can. */
function conflict(protocol: Protocol, others: readonly Protocol[]): string | undefined {
  const { id, name, resource } = protocol
  const hex = `0x${id.toString(16)}`
  if (id < VENDOR_FIRST || id > PROTOCOL_LAST) return `has id ${hex}; ids of vendors are 0x80 to 0xff`
  const sameId = others.find(other => other.id === id)
  if (sameId) return `has id ${hex}, which is that of ${sameId.name}`
  if (others.some(other => other.name === name)) return `has the name of another protocol`
  if (!/^[a-z][a-z0-9_]*$/.test(name)) return 'has no name for a platform file; write lower-case letters, digits and _'
  if (!protocol.commands.some(command => command.id === PROTOCOL_ATTRIBUTES)) return 'lacks PROTOCOL_ATTRIBUTES, 0x1'
  if (!resource) return undefined
  const { section } = resource
  if (RESERVED_KEYS.includes(section)) return `has section ${section}, which every platform file can have`
  // Protocols may share a resource kind, but two kinds may not share a name.
  const sameSection = others.find(other => other.resource !== resource && other.resource?.section === section)
  return sameSection && `has section ${section}, which is that of ${sameSection.name}`
}
