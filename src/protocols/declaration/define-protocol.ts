/**
 * Declaring a protocol: `defineProtocol`, `command`, `event`. One declaration drives dispatch, discovery (versions, message
 * attributes), payload checks, traces, tests and the README's tables. The commands that every protocol has are written
 * here, once.
 */
import { rowsOf } from '../../platform/core/ids.js'
import { type Fields, padding, sizeOf, u32 } from '../../wire/fields.js'
import { NOT_FOUND, NOT_SUPPORTED, SUCCESS } from '../../wire/status.js'
import { leastOf } from './parts.js'
import type { AgentState, Command, CommandOptions, Event, Protocol, ProtocolDeclaration, Tables } from './protocol.js'

const noAttributes = (): number => 0

/**
 * Declares a command. `request` are the fields after the header, `reply` those after the status word. Handlers get the
 * protocol's state as a type of its own: `const command = commandsOn<ClockView>()`.
 */
export const command = commandsOn<AgentState>()

/** `command` for handlers whose state is an `S`. */
export function commandsOn<S extends AgentState>() {
  return <const N extends string, const Q extends Fields, const R extends Fields, const D extends Fields = readonly []>(
    id: number,
    name: N,
    request: Q,
    reply: R,
    handler: Command<S>['handler'],
    options: CommandOptions<S, D> = {},
  ): Command<S, N, Q, R, D> => {
    const { min, fixed } = sizeOf(request)
    // Dispatch reads these for every message: all commands have the same fields, in the same order.
    return {
      id,
      name,
      request,
      reply,
      requestMin: min,
      requestFixed: fixed,
      replyMin: options.replyMin ?? leastOf(reply),
      since: options.since ?? 0,
      needsEvents: options.needsEvents ?? false,
      needsShared: options.needsShared ?? false,
      changes: options.changes ?? reply.length === 0,
      delayed: options.delayed,
      attributes: options.attributes ?? noAttributes,
      handler,
    }
  }
}

/** Declares a notification. */
export function event<const N extends string, const F extends Fields>(
  id: number,
  name: N,
  fields: F,
  since = 0,
): Event<N, F> {
  return { id, name, fields, since }
}

/** The protocol that every platform has and that names the others. */
export const BASE = 0x10

/** Messages that every protocol has (SCMI v3.2 §4.1.5 and §4.2.2.2 ff.). */
export const PROTOCOL_VERSION = 0x0
export const PROTOCOL_ATTRIBUTES = 0x1
export const PROTOCOL_MESSAGE_ATTRIBUTES = 0x2
export const NEGOTIATE_PROTOCOL_VERSION = 0x10

function commonCommands(negotiateSince: number) {
  return [
    command(PROTOCOL_VERSION, 'PROTOCOL_VERSION', [], [u32('version')], (_state, _request, reply, protocol) => {
      reply.u32(protocol.announced)
      return SUCCESS
    }),
    command(
      PROTOCOL_MESSAGE_ATTRIBUTES,
      'PROTOCOL_MESSAGE_ATTRIBUTES',
      [u32('message_id')],
      [u32('attributes')],
      (state, request, reply, protocol) => {
        const command = protocol.command(request.u32())
        if (!command) return NOT_FOUND
        reply.u32(command.attributes(state))
        return SUCCESS
      },
    ),
    command(
      NEGOTIATE_PROTOCOL_VERSION,
      'NEGOTIATE_PROTOCOL_VERSION',
      [u32('version')],
      [],
      (_state, request, _reply, protocol) => (protocol.negotiate(request.u32()) ? SUCCESS : NOT_SUPPORTED),
      { since: negotiateSince },
    ),
  ]
}

/** The commands that every protocol has, and its own. The type of their state is left out: only the protocol knows it. */
type AllCommands<C extends readonly unknown[]> = readonly (
  | ReturnType<typeof commonCommands>[number]
  | Stateless<C>[number]
)[]

type Stateless<C extends readonly unknown[]> = {
  [I in keyof C]: C[I] extends Command<infer _S, infer N, infer Q, infer R, infer D>
    ? Command<AgentState, N, Q, R, D>
    : never
}

/** Declares a protocol; `commands` are its own, PROTOCOL_ATTRIBUTES included, without the other common ones. */
export function defineProtocol<
  S extends AgentState,
  const N extends string,
  const C extends readonly Command<S>[],
  const E extends readonly Event[] = readonly [],
>(declaration: ProtocolDeclaration<S, N, C, E>): Protocol<AgentState, N, AllCommands<C>, E> {
  const versions = declaration.versions
  const negotiateSince = declaration.negotiateSince ?? versions[versions.length - 1]!
  const exact: readonly Command<S>[] = [...(commonCommands(negotiateSince) as Command<S>[]), ...declaration.commands]
  const commands = (declaration.takesPadding ? exact.map(withPadding) : exact) as AllCommands<C>
  return {
    // Without events, E is the empty tuple.
    events: [] as readonly Event[] as E,
    resource: undefined as never,
    takesPadding: false,
    notFirm: '',
    usual: versions[versions.length - 1]!,
    show: state => (declaration.resource ? namesIn(state, declaration.resource.section) : {}),
    ...declaration,
    negotiateSince,
    commands,
    commandsOf(version) {
      const table: (Command<S> | undefined)[] = []
      for (const command of commands) {
        const other = table[command.id]
        if (command.since <= version && (!other || other.since <= command.since)) table[command.id] = command
      }
      return table
    },
  }
}

function withPadding<S>(command: Command<S>): Command<S> {
  return { ...command, request: [...command.request, padding], requestFixed: false }
}

/** Ids and names of a view's resources. */
function namesIn(state: object, section: string): Tables {
  const list: readonly ({ name: string } | undefined)[] = 'list' in state && Array.isArray(state.list) ? state.list : []
  return { [section]: rowsOf(list, ({ name }, id) => ({ id, name })) }
}
