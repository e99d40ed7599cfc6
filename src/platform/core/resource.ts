/**
 * A resource kind: a section of the platform file, its schema, and the model built from it. The constant that describes
 * the kind is also the key of its model in the platform, so look-ups are typed.
 */
import { thereAre } from '../../support/known-names.js'
import { ConfigError, type ConfigPath } from './config-error.js'
import { namesOf } from './named.js'
import type { Platform, ResourceKind } from './platform.js'

/** A kind whose resources have names. */
export type NamedKind<Resource> = ResourceKind<unknown, { readonly list: readonly Resource[] }>

/** An entry, and its path within the section. */
interface PlacedEntry {
  entry: { readonly name: string; readonly answers?: Readonly<Record<string, number>> }
  path: ConfigPath
}

/** The entries of a checked section. */
export function entriesOf({ lists }: ResourceKind, section: unknown): PlacedEntry[] {
  const placed = (list: unknown, path: ConfigPath): PlacedEntry[] =>
    Array.isArray(list) ? list.map((entry, i) => ({ entry, path: [...path, i] })) : []
  if (!lists) return placed(section, [])
  return lists.flatMap(key => placed((section as Record<string, unknown>)[key], [key]))
}

/** The names that agents and devices can list; a section without names counts as one resource, named after the section. */
export function resourceNames(kind: ResourceKind, section: unknown): readonly string[] {
  const names = kind.names?.(section) ?? entriesOf(kind, section).map(({ entry }) => entry.name)
  return names.length > 0 ? names : [kind.section]
}

/** The resource of `kind` with this name. Throws ConfigError at `path` that lists the known names. */
export function linked<Resource extends { name: string }>(
  platform: Platform,
  kind: NamedKind<Resource>,
  name: string,
  path: ConfigPath,
): Resource {
  const list = listOf(platform, kind)
  const resource = list.find(resource => resource.name === name)
  if (resource) return resource
  throw new ConfigError(path, `${name} is not in ${kind.section}; ${thereAre(namesOf(list))}`)
}

/** All resources of a kind; none if the platform file lacks its section. */
export function listOf<Resource>(platform: Platform, kind: NamedKind<Resource>): readonly Resource[] {
  return platform.has(kind) ? platform.model(kind).list : []
}
