/** An agent's view as tables for people. */
import type { Agent } from '../protocols/declaration/agent.js'
import type { Row, Tables } from '../protocols/declaration/protocol.js'
import { versionText } from '../wire/version.js'

/** An agent's protocols, and its resources under its ids. */
export function agentTables(agent: Agent): Tables {
  const served = agent.protocols.filter(protocol => protocol !== undefined)
  const protocols = served.map(({ protocol, version, denied }): Row => {
    const { id, name, events } = protocol
    const number = protocol.commandsOf(version).filter(command => command !== undefined).length
    const since = new Set(events.filter(event => event.since <= version).map(event => event.id))
    return {
      id: `0x${id.toString(16)}`,
      name,
      version: `${versionText(version)}${version > protocol.usual && protocol.notFirm ? ' (not firm)' : ''}`,
      commands: number,
      notifications: since.size,
      access: denied ? 'denied' : undefined,
    }
  })
  const { nowUs } = agent.platform.time
  const usable = served.filter(({ denied }) => !denied)
  return Object.assign({ protocols }, ...usable.map(({ protocol, state }) => protocol.show(state, nowUs)))
}
