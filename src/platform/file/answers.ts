/** Checks the `answers` of resources against the commands that protocols have. */
import { own } from '../../support/own.js'
import type { Fields } from '../../wire/fields.js'
import { SUCCESS } from '../../wire/status.js'
import { ConfigError, show } from '../core/config-error.js'
import type { ResourceKind } from '../core/platform.js'
import type { PlatformConfig } from '../core/platform-config.js'
import { entriesOf } from '../core/resource.js'
import { closest } from './config-issues.js'

interface ProtocolInfo {
  name: string
  commands: readonly { name: string; request: Fields; reply: Fields }[]
  resource?: { section: string }
}

/** Throws ConfigError for an answer to something else than a command about one resource. */
export function checkAnswers(config: PlatformConfig, protocol: ProtocolInfo, kinds: readonly ResourceKind[]): void {
  const kind = kinds.find(({ section }) => section === protocol.resource?.section)
  const section = kind && own(config.sections, kind.section)
  if (!kind || section === undefined) return
  for (const { entry, path } of entriesOf(kind, section)) {
    for (const [name, status] of Object.entries(entry.answers ?? {})) {
      const problem = problemOf(protocol, name, status)
      if (problem !== undefined) throw new ConfigError([kind.section, ...path, 'answers', name], problem)
    }
  }
}

function problemOf({ name: protocol, commands }: ProtocolInfo, name: string, status: number): string | undefined {
  const about = commands.filter(({ request }) => isAbout(request))
  const command = about.find(command => command.name === name)
  if (command) {
    if (status !== SUCCESS || command.reply.length === 0) return undefined
    return 'SUCCESS would need values; only commands that return none can be answered with it'
  }
  const names = [...new Set(about.map(command => command.name))]
  if (commands.some(command => command.name === name)) {
    return `this command names no resource; those that do are ${names.join(', ')}`
  }
  const close = closest(name, names)
  const hint = close === undefined ? `there are ${names.join(', ')}` : `did you mean ${close}?`
  return `${protocol} has no command ${show(name)} that names a resource; ${hint}`
}

/** Whether a field of this name has the id of a resource. Ids of messages and of reset reasons are no resources'. */
export const namesResource = (field: string): boolean =>
  /(_id|^identifier)$/.test(field) && !/^(message|reason)_/.test(field)

const isAbout = (request: Fields): boolean => request.some(field => field.kind === 'u32' && namesResource(field.name))
