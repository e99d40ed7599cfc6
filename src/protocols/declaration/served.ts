/** Which protocols an agent is offered, and which resources they serve. */
import type { Platform, ResourceKind } from '../../platform/core/platform.js'
import type { AgentConfig } from '../../platform/core/platform-config.js'
import type { Protocol } from './protocol.js'

/** Whether an agent is offered `protocol`: it has no resources of its own, or the agent sees some of the platform's. */
export function isServed({ resource }: Protocol, platform: Platform, agent: Pick<AgentConfig, 'resources'>): boolean {
  return !resource || (platform.has(resource) && agent.resources[resource.section]?.length !== 0)
}

/** The kinds of resources that `protocols` serve, each once. */
export function resourceKinds(protocols: readonly Protocol[]): ResourceKind[] {
  const kinds = protocols.flatMap(({ resource }) => (resource ? [resource as ResourceKind] : []))
  return [...new Set(kinds)]
}
