/** The parts of a persisted state. */
import { type Kept, keptParts } from '../platform/core/kept.js'
import type { Platform } from '../platform/core/platform.js'
import { type Agent, ServedProtocol } from '../protocols/declaration/agent.js'
import type { Protocol } from '../protocols/declaration/protocol.js'
import { resourceKinds } from '../protocols/declaration/served.js'

/** All parts by name, in the order of restoring: resources before the agents that use them. */
export function partsOf(
  platform: Platform,
  protocols: readonly Protocol[],
  agents: readonly Agent[],
): [name: string, part: Kept][] {
  const parts: [string, Kept][] = []
  for (const kind of resourceKinds(protocols)) {
    if (!platform.has(kind)) continue
    for (const [name, part] of keptParts(platform.model(kind))) parts.push([`${kind.section}/${name}`, part])
  }
  for (const agent of agents) {
    parts.push([`agents/${agent.name}`, agent])
    for (const served of agent.served) {
      parts.push([`agents/${agent.name}/${served.protocol.name}`, served])
    }
  }
  return parts
}

/** Whether a part reports its changes. */
export function tellsChanges(part: Kept): boolean {
  return part instanceof ServedProtocol ? part.tellsChanges : 'onChange' in part
}
