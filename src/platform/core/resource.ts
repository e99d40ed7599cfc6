/**
 * A kind of resource: one section of the platform file, its schema, and the model built from it. The constant that
 * describes the kind is also the key under which the platform keeps the model, so look-ups are typed.
 */
import type { z } from 'zod'
import { ConfigError, type ConfigPath } from './config-error.js'
import type { Platform } from './platform.js'
import type { ResourceGroup } from './property.js'

export interface ResourceKind<Config = unknown, Model = unknown> {
  /** Key in the platform file, such as `clocks`. */
  section: string
  schema: z.ZodType<Config>
  /**
   * Builds the model. Names of other resources are looked up later, in `link`, when all models exist.
   * Throws ConfigError for what a schema can't say.
   */
  create(config: Config, platform: Platform): Model
  /** Names that agents and devices can list; default: those of the section's entries. */
  names?(config: Config): string[]
  /** Connects this model with others, by the names in its section; called once all models exist. */
  link?(model: Model, platform: Platform, config: Config): void
  /** The same for what looks at other models only; called once all are linked. */
  observe?(model: Model, platform: Platform, config: Config): void
  /** What the host sees of the resources and can change; default: nothing. */
  properties?(model: Model, platform: Platform): ResourceGroup[]
}

/** A kind whose resources have names. */
export type NamedKind<Resource> = ResourceKind<unknown, { readonly list: readonly Resource[] }>

/** Names of a section's resources, for agents and devices to list; one without any is a resource of its own name. */
export function resourceNames(kind: ResourceKind, section: unknown): readonly string[] {
  const entries = Array.isArray(section) ? section : []
  const names = kind.names?.(section) ?? entries.map((resource: { name: string }) => resource.name)
  return names.length > 0 ? names : [kind.section]
}

/** The resource of `kind` with this name. Throws ConfigError, at `path`, that says which there are. */
export function linked<Resource extends { name: string }>(
  platform: Platform,
  kind: NamedKind<Resource>,
  name: string,
  path: ConfigPath,
): Resource {
  const list = listOf(platform, kind)
  const resource = list.find(resource => resource.name === name)
  if (resource) return resource
  throw new ConfigError(path, `${name} is not in ${kind.section}; ${thereAre(list)}`)
}

/** All resources of a kind; none if the platform file lacks its section. */
export function listOf<Resource>(platform: Platform, kind: NamedKind<Resource>): readonly Resource[] {
  return platform.has(kind) ? platform.model(kind).list : []
}

/** For errors about names: which ones there are. */
export function thereAre(resources: readonly { name: string }[]): string {
  return resources.length === 0 ? 'there are none' : `there are ${resources.map(({ name }) => name).join(', ')}`
}
