/**
 * What a protocol is: its commands and notifications as tables, what it keeps for each agent, and what its handlers are
 * given. Types only; define-protocol.ts makes them.
 */
import type { Saved } from '../../platform/core/kept.js'
import type { Platform, ResourceKind } from '../../platform/core/platform.js'
import type { ResourceNames } from '../../platform/core/platform-config.js'
import type { Fields } from '../../wire/fields.js'
import type { MessageWriter, RequestReader } from '../../wire/message.js'
import type { MessageCounts } from './counts.js'
import type { EventSink, Subject } from './event-sink.js'
import type { Permissions } from './permissions.js'
import type { SharedMemory } from './shared-memory.js'

/** What one protocol keeps for one agent: its view of the resources, its subscriptions. */
export interface AgentState {
  /** Drops everything that this agent holds or waits for: subscriptions, commands under way, votes. Called last. */
  release?(): void
  /**
   * Drops the same, for a new driver. Guests can cause it as often as they like: its cost must depend on what was held, not
   * on the number of resources. Default: `release`, then `attach` builds a new state.
   */
  reset?(): void
  /** The agent negotiated another version. A new state begins with `protocol.version`. */
  versionChanged?(): void
  /** The agent's permissions changed: `AgentProtocol.denied` says whether it may still use the protocol. */
  permissionsChanged?(): unknown
  /** What a later process needs to go on: subscriptions, commands under way. Default: nothing. */
  save?(): Saved
  /** Takes over what `save` gave, on a new state. Throws an error if it does not fit. */
  restore?(saved: Saved): void
  /** As for resources (kept.ts). Without it `save` is called after every message that may change something. */
  onChange?: (() => void) | undefined
  /** A write to a fast channel happens again, as a trace has it: the command's request. */
  writeAgain?(messageId: number, request: readonly number[]): void
  /** Base protocol: a command of this agent failed and its status could not be returned. */
  reportError?(header: number, status: number): void
}

export type ChannelSeen = (protocolId: number, messageId: number, status: number, words: readonly number[]) => void

/** The agent that a protocol serves, as handlers and views see it. */
export interface ProtocolAgent {
  /** 1 and up; 0 is the platform. */
  readonly id: number
  readonly name: string
  readonly platform: Platform
  readonly events: EventSink
  /** May change agents' permissions (Base protocol). */
  readonly trusted: boolean
  readonly permissions: Permissions
  /** Names of the resources it sees, by section of the platform file. It sees all resources of a section that is left out. */
  readonly resources: ResourceNames
  /** All agents of the platform, this one among them. */
  readonly peers: readonly ProtocolAgent[]
  /** Protocols by id; undefined: not served to this agent. */
  readonly protocols: readonly (AgentProtocol | undefined)[]
  /** The same without gaps, by ascending id. */
  readonly served: readonly AgentProtocol[]
  /** Memory of its guest that the platform shares; undefined: the platform file has none. */
  readonly shared: SharedMemory | undefined
  /** Set when a command may change persisted state. The keeper of the state clears it. */
  changed: boolean
  /** Told of each write to a fast channel, as the command's request; undefined: nobody listens. */
  readonly channelSeen: ChannelSeen | undefined
  /** Told of refused ones: what was written, and its status. */
  readonly channelRefused: ((what: string, values: string, status: number) => void) | undefined
  readonly onChange: (() => void) | undefined
  /** Resets its permissions to those of the platform file. */
  resetPermissions(): void
  /** The protocols read the permissions again. */
  permissionsChanged(): void
}

/** A protocol as one agent sees it: what handlers and views are given. */
export interface AgentProtocol {
  readonly protocol: Protocol
  readonly agent: ProtocolAgent
  /** The version PROTOCOL_VERSION answers. */
  readonly announced: number
  /** The version that governs layouts: the announced one, or what the agent negotiated. */
  readonly version: number
  /** The agent may use none of the protocol's resources. Every message is then DENIED, and the protocol is not listed. */
  readonly denied: boolean
  /** Name of the command that runs, if some resource answers it itself. */
  readonly answering: string | undefined
  readonly state: AgentState
  readonly counts: MessageCounts
  readonly onChange: (() => void) | undefined
  /** The command with this id as discovery shows it: absent if this agent cannot use it. */
  command(id: number): Command | undefined
  /** Switches layouts for this agent (SCMI v3.2, NEGOTIATE_PROTOCOL_VERSION). Returns false if the version is not offered. */
  negotiate(version: number): boolean
  /** Sends a notification of this protocol to this agent; `subject` is the resource, which may be taken from the agent. */
  notify(eventId: number, words: number[], subject?: Subject): void
  /** Drops queued notifications of this protocol: those about `resources`, or all. */
  dropNotifications(resources?: ReadonlySet<Subject>): void
  /** Sends the delayed response to the command whose header this is; `words` begin with the status. */
  respondLater(header: number, words: number[]): void
  /** Allows or denies those of the named resources that the agent sees. Returns false if it sees none of them. */
  allow(names: readonly string[], allowed: boolean): boolean
  /** Drops what the agent configured: subscriptions, votes, pending commands. */
  reset(): void
}

export interface CommandOptions<S, D extends Fields = Fields> {
  /** First protocol version that has this command in this layout; default: all. A later layout replaces an earlier one. */
  since?: number
  /** Answered with NOT_SUPPORTED, and absent from discovery, while the driver has no event queue. */
  needsEvents?: boolean
  /** Is there only if the platform has shared memory. */
  needsShared?: boolean
  /**
   * Whether it can change persisted state immediately; default: if its reply is a status alone. Not needed for commands
   * that are carried out later (pending.ts).
   */
  changes?: boolean
  /** Fields of the delayed response after its status, for commands that have one. */
  delayed?: D | undefined
  /** Bytes of the reply after the status that must fit; default: the fixed fields, and one entry of a list in parts. */
  replyMin?: number
  /** Value of PROTOCOL_MESSAGE_ATTRIBUTES for this command; default 0. */
  attributes?(state: S): number
}

export interface Command<
  S = AgentState,
  N extends string = string,
  Q extends Fields = Fields,
  R extends Fields = Fields,
  D extends Fields = Fields,
> extends CommandOptions<S, D> {
  id: number
  name: N
  request: Q
  /** Fields after the status word. */
  reply: R
  /** Payload bytes that are accepted: exactly `requestMin`, or at least that many if the request has a list or padding. */
  requestMin: number
  requestFixed: boolean
  replyMin: number
  since: number
  needsEvents: boolean
  needsShared: boolean
  changes: boolean
  attributes(state: S): number
  /**
   * Reads the request's fields in order, checks them in the order of refusals.ts, changes the platform, writes the
   * reply's fields in order, and returns the status. If that is not SUCCESS, the reply is the status alone, whatever was
   * written.
   */
  handler(state: S, request: RequestReader, reply: MessageWriter, protocol: AgentProtocol): number
}

/** A notification. Its payload has no status word. */
export interface Event<N extends string = string, F extends Fields = Fields> {
  id: number
  name: N
  fields: F
  since: number
}

/**
 * What people see of one resource: values by name, without those that are undefined. Names of quantities end in their
 * unit: `rate_hz`, `latency_us`.
 */
export type Row = Readonly<Record<string, string | number | boolean | readonly (string | number)[] | undefined>>

/** Rows by table name, such as `clocks`. */
export type Tables = Readonly<Record<string, readonly Row[]>>

export interface ProtocolDeclaration<
  S extends AgentState,
  N extends string = string,
  C extends readonly Command<S>[] = readonly Command<S>[],
  E extends readonly Event[] = readonly Event[],
> {
  /** Protocol id, 0x10 to 0xff. */
  id: number
  /** Name in the platform file, in logs and in traces. */
  name: N
  /** Versions that can be served, ascending, as major << 16 | minor. */
  versions: readonly number[]
  /** The version that is announced unless the file differs; default: the last one. */
  usual?: number
  /** Where versions after the usual one come from, if not from a specification; default: they are firm. */
  notFirm?: string
  /** First version with NEGOTIATE_PROTOCOL_VERSION; default: the last version. */
  negotiateSince?: number
  /** The section of the platform file that this protocol serves; without resources of it the protocol is not offered. */
  resource?: ResourceKind
  /** Requests may be longer than their fields: what follows is padding. Default: a longer one is PROTOCOL_ERROR. */
  takesPadding?: boolean
  /** Builds what this protocol keeps for an agent; called at start-up, and for each new driver unless the state has `reset`. */
  attach(platform: Platform, protocol: AgentProtocol): S
  /** The resources as the agent sees them, for people; default: ids and names. `nowUs` is the platform's time. */
  show?(state: S, nowUs: number): Tables
  commands: C & readonly Command<S>[]
  events?: E
}

export interface Protocol<
  S extends AgentState = AgentState,
  N extends string = string,
  C extends readonly Command<S>[] = readonly Command<S>[],
  E extends readonly Event[] = readonly Event[],
> extends Omit<Required<ProtocolDeclaration<S, N, C, E>>, 'commands'> {
  /** The declared commands, and before them those that every protocol has. */
  commands: C
  /** The commands of a version, by message id. */
  commandsOf(version: number): (Command<S> | undefined)[]
}
