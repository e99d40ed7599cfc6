/** The actions of `vhost-user-scmi platform`. */
import {
  addPlugins,
  countRules,
  fileJsonSchema,
  type LoadedPlatform,
  type LoadOptions,
  loadPlatform,
} from '../loading/load.js'
import { pluginNames } from '../loading/plugins.js'
import { agentTables } from '../observe/agent-tables.js'
import { tableLines } from '../observe/tables.js'
import { ConfigError, pathText } from '../platform/core/config-error.js'
import { namesOf } from '../platform/core/named.js'
import type { Platform } from '../platform/core/platform.js'
import { VirtualTime } from '../platform/core/time.js'
import { agentsOf } from '../platform/file/config.js'
import { presetDescriptions } from '../platform/file/presets.js'
import { Agent } from '../protocols/declaration/agent.js'
import type { EventSink } from '../protocols/declaration/event-sink.js'
import { protocols as standard } from '../protocols/index.js'
import { OperatorError } from '../support/errors.js'
import { thereIsNo } from '../support/known-names.js'
import { printable, printableJson } from '../support/printable.js'

export interface PlatformOptions {
  plugin: string[]
  json?: boolean
}

export interface CheckOptions extends PlatformOptions {
  /** A file of fault rules. */
  faults?: string
  /** Agents besides those of the file. */
  agent: string[]
}

export interface ShowOptions extends PlatformOptions {
  agent?: string
}

/** Loads with a clock that stands still: values are those at start. */
function load(file: string, options: LoadOptions): Promise<LoadedPlatform> {
  return loadPlatform(file, { ...options, time: new VirtualTime() })
}

export function presets(options: Pick<PlatformOptions, 'json'>): void {
  const list = presetDescriptions()
  if (options.json) {
    console.log(printableJson(list, 2))
    return
  }
  const width = Math.max(...list.map(({ name }) => name.length))
  for (const { name, description } of list) console.log(`${name.padEnd(width)}  ${description}`)
}

interface Checked {
  file: string
  ok: boolean
  /** Number of resources by section; a section that is not a list counts as 1. */
  resources?: Record<string, number>
  /** Number of fault rules, if there are any. */
  faults?: number
  /** Number of recorded answers, if there are some. */
  recorded?: number
  place?: string
  field?: string
  problem?: string
}

export async function check(files: string[], options: CheckOptions): Promise<void> {
  const { faults, agent: agents } = options
  const protocols = await addPlugins(standard, options.plugin)
  const results: Checked[] = []
  for (const file of files) {
    const { result, line } = await checkOne(file, { protocols, agents, ...(faults === undefined ? {} : { faults }) })
    results.push(result)
    if (!options.json) console.log(printable(line))
  }
  if (options.json) console.log(printableJson(results, 2))
  const wrong = results.filter(({ ok }) => !ok).length
  if (wrong > 0) throw new OperatorError(`${wrong} of ${files.length} platform files are wrong`)
}

async function checkOne(file: string, options: LoadOptions): Promise<{ result: Checked; line: string }> {
  try {
    const { platform, faults: rules } = await load(file, options)
    const { line, ...counts } = sectionCounts(platform)
    const ofRules = countRules(rules)
    const texts = [`${file}: ok`, line, ofRules > 0 ? countText(ofRules, 'fault_rules') : '']
    const result = { file, ok: true, ...counts, ...(ofRules > 0 ? { faults: ofRules } : {}) }
    return { result, line: texts.filter(Boolean).join(', ') }
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    const { place, path, problem } =
      error instanceof ConfigError ? error : { place: file, path: [], problem: error.message }
    const field = path.length > 0 ? { field: pathText(path) } : {}
    const result = { file, ok: false, place: place ?? file, ...field, problem }
    return { result, line: error.message }
  }
}

/** How many resources of each section a platform has, and recorded answers; `line` is for people. */
export function sectionCounts({ config }: Platform): {
  resources: Record<string, number>
  recorded?: number
  line: string
} {
  const sections = Object.entries(config.sections)
  const resources = Object.fromEntries(sections.map(([name, s]) => [name, Array.isArray(s) ? s.length : 1]))
  const counts = sections.map(([name, section]) => (Array.isArray(section) ? countText(section.length, name) : name))
  const recorded = config.recorded.filter(({ messageId }) => messageId !== undefined).length
  if (recorded === 0) return { resources, line: counts.join(', ') }
  return { resources, recorded, line: [...counts, countText(recorded, 'recorded_answers')].join(', ') }
}

/** `1 clock`, `2 power domains` */
function countText(count: number, section: string): string {
  const text = section.replaceAll('_', ' ')
  return `${count} ${count === 1 ? text.replace(/s$/, '') : text}`
}

export async function show(file: string, options: ShowOptions): Promise<void> {
  const loaded = await load(file, { protocols: await addPlugins(standard, options.plugin) })
  const { config } = loaded.platform
  const agent = agentNamed(loaded, options.agent)
  const { protocols, ...resources } = agentTables(agent)
  const { vendor, subVendor, implementationVersion, description } = config
  if (options.json) {
    const identity = { vendor, sub_vendor: subVendor, implementation_version: implementationVersion, description }
    console.log(printableJson({ ...identity, agent: agent.name, protocols, resources }, 2))
    return
  }
  const identity = [vendor, subVendor].filter(Boolean).join(':')
  console.log(printable(`${identity}, version 0x${implementationVersion.toString(16)}, as agent ${agent.name} sees it`))
  if (description) console.log(printable(description))
  for (const [title, rows] of Object.entries({ protocols: protocols ?? [], ...resources })) {
    console.log(['', printable(title).replaceAll('_', ' '), ...tableLines(rows).map(line => `  ${line}`)].join('\n'))
  }
}

/** Accepts events and drops them: nobody reads them. */
const noEvents: EventSink = { available: true, congested: false, notify() {}, respondLater() {} }

function agentNamed({ platform, protocols }: LoadedPlatform, name: string | undefined): Agent {
  const peers: Agent[] = []
  for (const config of agentsOf(platform.config)) {
    peers.push(new Agent({ config, platform, events: noEvents, peers, protocols }))
  }
  const agent = name === undefined ? peers[0] : peers.find(peer => peer.name === name)
  if (agent) return agent
  throw new OperatorError(thereIsNo(`agent ${name}`, namesOf(peers)))
}

/**
 * The schema of everything a file may contain: sections of standard protocols, of the package's plug-ins, and of given
 * plug-ins.
 */
export async function schema(options: PlatformOptions): Promise<void> {
  const protocols = await addPlugins(standard, [...pluginNames(), ...options.plugin])
  console.log(JSON.stringify(fileJsonSchema(protocols), undefined, 2))
}
