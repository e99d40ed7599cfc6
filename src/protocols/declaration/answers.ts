/** Commands that some resource answers with a status of its own, by the platform file. */
import type { Platform } from '../../platform/core/platform.js'
import { entriesOf } from '../../platform/core/resource.js'
import type { AgentProtocol, Command, Protocol } from './protocol.js'

/** A protocol for one agent that says which command runs. */
interface Answering extends AgentProtocol {
  answering: string | undefined
}

/** Names of the commands that some resource of the protocol answers itself. */
export function answeredCommands({ resource }: Protocol, { config }: Platform): ReadonlySet<string> {
  const section = resource && config.sections[resource.section]
  if (!resource || section === undefined) return new Set()
  return new Set(entriesOf(resource, section).flatMap(({ entry }) => Object.keys(entry.answers ?? {})))
}

/**
 * The commands, those of `names` so that views know which one runs, which is what the answers depend on. All others stay
 * as they are, and as fast.
 */
export function withAnswers(
  commands: readonly (Command | undefined)[],
  names: ReadonlySet<string>,
  served: Answering,
): (Command | undefined)[] {
  return commands.map(command => {
    if (!command || !names.has(command.name)) return command
    const { name, handler } = command
    return {
      ...command,
      handler(state, request, reply, protocol) {
        served.answering = name
        try {
          return handler(state, request, reply, protocol)
        } finally {
          served.answering = undefined
        }
      },
    }
  })
}
