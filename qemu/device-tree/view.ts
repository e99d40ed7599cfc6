/** What device tree source is made from: the platform as the guest's agent sees it, and the machine. */
import { byId, rowsOf } from '../../src/platform/core/ids.js'
import type { Platform, ResourceKind } from '../../src/platform/core/platform.js'
import type { AgentConfig } from '../../src/platform/core/platform-config.js'

export interface TreeView {
  platform: Platform
  /** The guest's agent; default: the platform's first. */
  agent?: Pick<AgentConfig, 'resources'> | undefined
  /** How many CPUs the machine has. */
  cpus: number
}

/**
 * What `node` makes of each resource of a section and its id, as the guest's agent sees them. Empty if the platform has
 * none.
 */
export function eachSeen<Config, Resource extends { name: string; id: number }, Node>(
  view: TreeView,
  kind: ResourceKind<Config, { list: readonly Resource[] }>,
  node: (resource: Resource, id: number) => Node,
): Node[] {
  return rowsOf(seen(view, kind), node)
}

/** The resources by id; undefined where nobody has it. */
export function seen<Config, Resource extends { name: string; id: number }>(
  { platform, agent }: TreeView,
  kind: ResourceKind<Config, { list: readonly Resource[] }>,
): readonly (Resource | undefined)[] {
  if (!platform.has(kind as ResourceKind)) return []
  const { list } = platform.model(kind)
  const names = (agent ?? platform.config.agents[0])?.resources[kind.section]
  return names?.flatMap(name => list.filter(resource => resource.name === name)) ?? byId(list)
}

/** A string of device tree source. */
export const quoted = (text: string): string => `"${text.replaceAll(/[\\"]/g, character => `\\${character}`)}"`
