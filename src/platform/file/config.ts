/**
 * The platform file: YAML text to a checked configuration. Errors name file, line, column and field, and say what to
 * write instead. The schemas of the sections come from the resource kinds (core/resource.ts).
 */
import { z } from 'zod'
import { own } from '../../support/own.js'
import type { Fields } from '../../wire/fields.js'
import { NOT_FOUND, NOT_SUPPORTED } from '../../wire/status.js'
import { versionText } from '../../wire/version.js'
import { ConfigError, type ConfigPath, show } from '../core/config-error.js'
import { LIMITS } from '../core/count-limits.js'
import { byUniqueName, twoAreCalled } from '../core/named.js'
import type { ResourceKind } from '../core/platform.js'
import type { AgentConfig, PlatformConfig, ProtocolConfig, ResourceNames } from '../core/platform-config.js'
import { resourceNames } from '../core/resource.js'
import { sharedMemorySchema } from '../core/shared-memory.js'
import { resourceName } from '../core/units.js'
import { checkAnswers } from './answers.js'
import { explain, type KnownKeys } from './config-issues.js'
import { ConfigSource } from './config-source.js'
import { recordedSchema } from './recorded.js'
import { repeatJsonSchema } from './repeats.js'

/** What the loader needs of a protocol declaration. */
export interface ProtocolInfo {
  id: number
  name: string
  /** Supported versions, ascending, as major << 16 | minor. */
  versions: readonly number[]
  /** The one that is announced unless the file says otherwise. */
  usual: number
  /** Where later versions come from, if not from a specification. */
  notFirm: string
  commands: readonly { id: number; name: string; request: Fields; reply: Fields; delayed?: unknown }[]
  resource?: { section: string }
}

/** Further keys of the file, which the caller uses itself, and their schemas. */
type Keys = z.ZodRawShape
type ValuesOf<K extends Keys> = { [Key in keyof K]: z.output<K[Key]> }

const identity = (what: string) =>
  z.string().regex(/^[ -~]{0,15}$/, {
    error: ({ input }) => `${show(input)} is not ${what}; write at most 15 ASCII characters`,
  })

function topSchema(protocols: readonly ProtocolInfo[], kinds: readonly ResourceKind[]) {
  return z.strictObject({
    vendor: identity('a vendor').describe(
      'Vendor that BASE_DISCOVER_VENDOR returns; Linux enables quirks for NXP and Qualcomm',
    ),
    sub_vendor: identity('a sub-vendor').default(''),
    implementation_version: z.int().min(0).max(0xffff_ffff).default(0),
    description: z.string().default(''),
    unknown_message: z
      .enum(['NOT_FOUND', 'NOT_SUPPORTED'])
      .default('NOT_FOUND')
      .describe(
        'Status in reply to messages that a protocol does not have; some firmware, such as OP-TEE, returns NOT_SUPPORTED',
      ),
    seed: z.int().min(0).max(0xffff_ffff).default(0).describe('Seed of pseudo-random values'),
    shared_memory: sharedMemorySchema.optional(),
    agents: z.array(agentSchema(kinds)).max(LIMITS.agents).default([]),
    protocols: z
      .strictObject(Object.fromEntries(protocols.map(protocol => [protocol.name, protocolSchema(protocol).optional()])))
      .default({}),
    devices: z.array(deviceSchema(kinds)).default([]),
    recorded: recordedSchema(protocols).describe(
      'Answers of a board that the model does not give, by request; several for one request come one after the other',
    ),
    plugins: z
      .array(z.string())
      .default([])
      .describe('Modules with vendor protocols: files, relative to this one, or names of plug-ins in the package'),
  })
}

type PlatformFile = z.infer<ReturnType<typeof topSchema>> & Record<string, unknown>

function platformSchema(
  protocols: readonly ProtocolInfo[],
  kinds: readonly ResourceKind[],
  keys: Keys,
): z.ZodType<PlatformFile> {
  const sections = Object.fromEntries(kinds.map(kind => [kind.section, kind.schema.optional()]))
  return topSchema(protocols, kinds).extend(keys).extend(sections) as unknown as z.ZodType<PlatformFile>
}

/** Keys that every file can have. */
export const TOP_KEYS = Object.keys(topSchema([], []).shape)

function protocolSchema({ versions, usual, notFirm, commands }: ProtocolInfo): z.ZodType<ProtocolConfig> {
  const version = versionSchema(versions).optional()
  const later = `Default ${versionText(usual)}. Later ones are not firm: ${notFirm}`
  const schema = z.strictObject({ version: notFirm ? version.describe(later) : version })
  if (!commands.some(command => command.delayed)) return schema
  return schema.extend({ max_pending_async: z.int().min(0).max(255).optional() })
}

/** `3.1`, with or without quotes, or the version word 0x30001. */
function versionSchema(versions: readonly number[]): z.ZodType<number> {
  const texts = versions.map(versionText)
  const notOne = (input: unknown) => `${show(input)} is not a supported version; choose one of ${texts.join(', ')}`
  return z
    .union([z.number(), z.string()], { error: ({ input }) => notOne(input) })
    .meta({ enum: [...texts, ...texts.map(Number), ...versions] })
    .transform((input, context) => {
      const version = versions.find(v => v === input || Number(versionText(v)) === Number(input))
      if (version === undefined) context.addIssue({ code: 'custom', message: notOne(input), input })
      return version ?? 0
    })
}

/** Names of resources by section. */
function resourcesSchema(kinds: readonly ResourceKind[]) {
  const names = z.array(z.string())
  return z.strictObject(Object.fromEntries(kinds.map(kind => [kind.section, names.optional()])))
}

function deviceSchema(kinds: readonly ResourceKind[]) {
  return z.strictObject({ name: resourceName, resources: resourcesSchema(kinds) })
}

function agentSchema(kinds: readonly ResourceKind[]) {
  return z.strictObject({
    name: identity('a name'),
    trusted: z
      .boolean()
      .optional()
      .describe('May change permissions of agents (Base protocol); default: only the first agent may'),
    permissions: z
      .enum(['allowed', 'denied'])
      .default('allowed')
      .describe(
        'Access to the resources that it sees, until a trusted agent changes it (Base protocol), and again after a permission reset',
      ),
    socket: z.string().optional().describe('Unix socket that its front end connects to'),
    resources: resourcesSchema(kinds)
      .prefault({})
      .describe(
        'Resources that it sees, by section; it sees all of a section left out; a section without names counts as one resource, named after it',
      ),
  })
}

/** The JSON Schema of platform files, for editors. */
export function platformJsonSchema(
  protocols: readonly ProtocolInfo[],
  kinds: readonly ResourceKind[],
  keys: Keys = {},
): z.core.JSONSchema.JSONSchema {
  const schema = fileJsonSchema(protocols, kinds, keys)
  allowRepeats(schema)
  return schema
}

/** JSON Schema of the file after repeats are expanded. */
function fileJsonSchema(protocols: readonly ProtocolInfo[], kinds: readonly ResourceKind[], keys: Keys) {
  return z.toJSONSchema(platformSchema(protocols, kinds, keys), { io: 'input', target: 'draft-7' })
}

/** Allows `repeat` in maps that are list entries. */
function allowRepeats(node: unknown): void {
  if (typeof node !== 'object' || node === null) return
  const { items } = node as { items?: { properties?: Record<string, unknown> } }
  for (const child of Object.values(node)) allowRepeats(child)
  if (items?.properties) items.properties.repeat = repeatJsonSchema
}

/**
 * Checks a platform file and builds what it describes; `build` also gets the values of `keys`. Throws ConfigError for the
 * first problem. Errors of `build` get their place in the file.
 */
export function buildPlatform<T, K extends Keys>(
  source: ConfigSource,
  protocols: readonly ProtocolInfo[],
  kinds: readonly ResourceKind[],
  build: (config: PlatformConfig, values: ValuesOf<K>) => T,
  keys: K,
): T {
  const result = platformSchema(protocols, kinds, keys).safeParse(source.data(), { reportInput: true })
  if (!result.success) {
    const known = fileJsonSchema(protocols, kinds, keys) as KnownKeys
    throw source.first(result.error.issues.flatMap(issue => explain(issue, known)))
  }
  try {
    const config = configFrom(result.data, kinds)
    checkNames(config, kinds)
    for (const protocol of protocols) checkAnswers(config, protocol, kinds)
    return build(config, result.data as unknown as ValuesOf<K>)
  } catch (error) {
    if (!(error instanceof ConfigError) || error.place !== undefined) throw error
    throw source.error({ path: error.path, text: error.problem, place: 'value' })
  }
}

/** The same, from the text of a platform file. `fileName` is for errors. */
export function parsePlatformConfig<T>(
  text: string,
  fileName: string,
  protocols: readonly ProtocolInfo[],
  kinds: readonly ResourceKind[],
  build: (config: PlatformConfig) => T,
): T {
  return buildPlatform(new ConfigSource(text, fileName), protocols, kinds, build, {})
}

function configFrom(file: PlatformFile, kinds: readonly ResourceKind[]): PlatformConfig {
  const sections: Record<string, unknown> = {}
  for (const { section } of kinds) if (own(file, section) !== undefined) sections[section] = file[section]
  return {
    vendor: file.vendor,
    subVendor: file.sub_vendor,
    implementationVersion: file.implementation_version,
    description: file.description,
    unknownMessage: file.unknown_message === 'NOT_FOUND' ? NOT_FOUND : NOT_SUPPORTED,
    seed: file.seed,
    sharedMemory: file.shared_memory,
    agents: file.agents.map((agent, i) => {
      return { ...agent, id: i + 1, trusted: agent.trusted ?? i === 0, socket: agent.socket }
    }),
    protocols: file.protocols,
    devices: file.devices,
    recorded: file.recorded,
    sections,
  }
}

/** Name of the only agent, if neither file nor command line name one. */
export const DEFAULT_AGENT = 'guest'

/**
 * The agents to serve: those of the file, then one for each name in `more`, which sees everything; without any, one
 * agent. Unless the file says otherwise, only the first is trusted to set permissions. Throws ConfigError if there are
 * too many.
 */
export function agentsOf(config: PlatformConfig, more: readonly string[] = []): AgentConfig[] {
  const agents = [...config.agents]
  const names = agents.length + more.length === 0 ? [DEFAULT_AGENT] : more
  for (const name of names) {
    if (agents.some(agent => agent.name === name)) continue
    const id = agents.length + 1
    agents.push({ id, name, trusted: id === 1, permissions: 'allowed', socket: undefined, resources: {} })
  }
  if (agents.length > LIMITS.agents) {
    throw new ConfigError(
      ['agents'],
      `${agents.length} are too many, counting those of the command line; at most ${LIMITS.agents}`,
    )
  }
  return agents
}

/** Checks that devices and agents list existing resources, and that agents have different names. */
function checkNames(config: PlatformConfig, kinds: readonly ResourceKind[]): void {
  const known = new Map<string, ReadonlySet<string>>()
  for (const kind of kinds) {
    const section = own(config.sections, kind.section)
    if (section !== undefined) known.set(kind.section, new Set(resourceNames(kind, section)))
  }
  config.devices.forEach((device, i) => {
    checkResources(known, device.resources, ['devices', i, 'resources'])
  })
  byUniqueName(config.agents, 'agents', i => ['agents', i], twoAreCalled)
  config.agents.forEach((agent, i) => {
    checkResources(known, agent.resources, ['agents', i, 'resources'])
  })
}

function checkResources(
  known: ReadonlyMap<string, ReadonlySet<string>>,
  resources: ResourceNames,
  at: ConfigPath,
): void {
  for (const [section, names] of Object.entries(resources)) {
    const listed = new Set<string>()
    names?.forEach((name, i) => {
      if (!known.get(section)?.has(name)) {
        throw new ConfigError([...at, section, i], `nothing in ${section} is named ${show(name)}`)
      }
      if (listed.has(name)) throw new ConfigError([...at, section, i], `${name} is listed twice`)
      listed.add(name)
    })
  }
}
