/** What device tree source is made from: the platform as the guest's agent sees it, and the machine. */
import type { Platform, ResourceKind } from '../../src/platform/core/platform.js'

export interface TreeView {
  platform: Platform
  /** How many CPUs the machine has. */
  cpus: number
}

/**
 * The resources of a section, with the ids that the guest uses. A guest of the lab is the platform's first agent. Empty if
 * the platform has none.
 */
export function seen<Config, Resource extends { name: string }>(
  { platform }: TreeView,
  kind: ResourceKind<Config, { list: readonly Resource[] }>,
): readonly Resource[] {
  if (!platform.has(kind as ResourceKind)) return []
  const { list } = platform.model(kind)
  const names = platform.config.agents[0]?.resources[kind.section]
  return names?.flatMap(name => list.filter(resource => resource.name === name)) ?? list
}

/** A string of device tree source. */
export const quoted = (text: string): string => `"${text.replaceAll(/[\\"]/g, character => `\\${character}`)}"`
