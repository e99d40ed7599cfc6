/**
 * An agent (one guest's SCMI driver) and its protocols: the version in force, the commands of that version, the state
 * each protocol keeps for the agent. dispatch looks messages up here; define-protocol.ts declares protocols.
 */
import { z } from 'zod'
import { type Kept, mustFit, readSaved, type Saved } from '../../platform/core/kept.js'
import type { Platform } from '../../platform/core/platform.js'
import type { AgentConfig, ResourceNames } from '../../platform/core/platform-config.js'
import { resourceNames } from '../../platform/core/resource.js'
import { delayedResponseTo, IDS, messageIdOf, NOTIFICATION, packHeader, protocolIdOf } from '../../wire/header.js'
import { answeredCommands, withAnswers } from './answers.js'
import { MessageCounts } from './counts.js'
import { BASE, NEGOTIATE_PROTOCOL_VERSION } from './define-protocol.js'
import type { EventSink, Subject } from './event-sink.js'
import { Permissions } from './permissions.js'
import type { AgentProtocol, AgentState, ChannelSeen, Command, Protocol, ProtocolAgent } from './protocol.js'
import { type Records, recordedProtocol, recordsOf, withRecords } from './recorded.js'
import { isServed } from './served.js'
import { SharedMemory } from './shared-memory.js'

const savedProtocol = z.tuple([z.int().describe('version'), z.custom<Saved>()])

/** One protocol as one agent sees it. */
export class ServedProtocol implements AgentProtocol, Kept {
  onChange: (() => void) | undefined
  readonly protocol: Protocol
  readonly agent: Agent
  /** The version PROTOCOL_VERSION answers. */
  readonly announced: number
  /** The version that governs layouts: the announced one, or what the agent negotiated. */
  version: number
  /** The commands of that version by message id; none while the protocol is denied. */
  commands: (Command | undefined)[] = []
  /** The agent may use none of the protocol's resources. Every message is then DENIED, and the protocol is not listed. */
  denied = false
  answering: string | undefined
  state: AgentState
  /** What it answered, and how long that took. */
  readonly counts: MessageCounts
  /** Names of the resources that the agent sees; undefined: the protocol has no section of the platform file. */
  readonly #names: ReadonlySet<string> | undefined
  readonly #answered: ReadonlySet<string>
  readonly #records: Records | undefined
  /** There is no model: all answers are recorded ones. */
  readonly #isRecorded: boolean
  #commandsOfVersion: (Command | undefined)[]

  constructor(protocol: Protocol, agent: Agent, records?: Records, isRecorded = false) {
    this.protocol = protocol
    this.agent = agent
    this.#records = records
    this.#isRecorded = isRecorded
    this.announced = agent.platform.versionOf(protocol.name) ?? protocol.usual
    this.version = this.announced
    this.#answered = answeredCommands(protocol, agent.platform)
    this.#commandsOfVersion = this.#commandsOf(this.announced)
    this.#names = namesSeen(protocol, agent)
    this.#applyPermissions()
    this.counts = new MessageCounts(Math.max(0, ...protocol.commands.map(command => command.id)))
    this.state = this.#attach()
  }

  #commandsOf(version: number): (Command | undefined)[] {
    const { shared } = this.agent
    const commands = this.protocol
      .commandsOf(version)
      .map(command => (command?.needsShared && !shared ? undefined : command))
    const answering = this.#answered.size === 0 ? commands : withAnswers(commands, this.#answered, this)
    return this.#records ? withRecords(answering, this.#records, this.#isRecorded) : answering
  }

  #attach(): AgentState {
    const state = this.protocol.attach(this.agent.platform, this)
    if ('onChange' in state) state.onChange = () => this.onChange?.()
    return state
  }

  /** Whether it reports changes of what state files keep. */
  get tellsChanges(): boolean {
    return this.state.save === undefined || 'onChange' in this.state
  }

  /** The command with this id as discovery shows it: absent if this agent cannot use it. */
  command(id: number): Command | undefined {
    const command = this.commands[id]
    return command?.needsEvents && !this.agent.events.available ? undefined : command
  }

  /** Switches layouts for this agent (SCMI v3.2, NEGOTIATE_PROTOCOL_VERSION). Returns false if the version is not offered. */
  negotiate(version: number): boolean {
    if (version > this.announced || !this.protocol.versions.includes(version)) return false
    const negotiateAgain = this.#commandsOfVersion[NEGOTIATE_PROTOCOL_VERSION]
    this.version = version
    this.#commandsOfVersion = this.#commandsOf(version)
    this.#commandsOfVersion[NEGOTIATE_PROTOCOL_VERSION] = negotiateAgain
    this.#applyPermissions()
    this.state.versionChanged?.()
    this.onChange?.()
    return true
  }

  /** Sends a notification of this protocol to this agent; `subject` is the resource, which may be taken from the agent. */
  notify(eventId: number, words: number[], subject?: Subject): void {
    if (!this.denied) this.agent.events.notify(packHeader(this.protocol.id, eventId, NOTIFICATION, 0), words, subject)
  }

  /** Whether the agent may be told of this resource, or, without one, of the protocol's own events. */
  mayHearOf(subject: Subject | undefined): boolean {
    const { agent, protocol } = this
    return !this.denied && !(subject && agent.permissions.denies(protocol.id, subject.name))
  }

  /** Drops queued notifications of this protocol: those about `resources`, or all. */
  dropNotifications(resources?: ReadonlySet<Subject>): void {
    const { id } = this.protocol
    this.agent.events.drop?.(
      (header, subject) =>
        protocolIdOf(header) === id && (!resources || (subject !== undefined && resources.has(subject))),
    )
  }

  /** Sends the delayed response to the command whose header this is; `words` begin with the status. */
  respondLater(header: number, words: number[]): void {
    this.agent.events.respondLater(delayedResponseTo(header), words)
  }

  /** Allows or denies those of the named resources that the agent sees. Returns false if it sees none of them. */
  allow(names: readonly string[], allowed: boolean): boolean {
    const seen = names.filter(name => this.#names?.has(name))
    const changed = seen.filter(name => this.agent.permissions.set(this.protocol.id, name, allowed))
    if (changed.length > 0) this.permissionsChanged()
    return seen.length > 0
  }

  permissionsChanged(): void {
    this.#applyPermissions()
    this.state.permissionsChanged?.()
    this.onChange?.()
    if (this.denied) this.dropNotifications()
  }

  #applyPermissions(): void {
    const { agent, protocol } = this
    this.denied = this.#names ? this.#allDenied(this.#names) : protocol.id !== BASE && agent.permissions.deniedByDefault
    this.commands = this.denied ? this.#commandsOfVersion.map(() => undefined) : this.#commandsOfVersion
  }

  /** In most cases the first name decides. */
  #allDenied(names: Iterable<string>): boolean {
    const denies = this.agent.permissions.deniedBy(this.protocol.id)
    for (const name of names) if (!denies(name)) return false
    return true
  }

  /** Drops what the agent configured: subscriptions, votes, pending commands. */
  reset(): void {
    if (this.state.reset) {
      this.state.reset()
    } else {
      this.state.release?.()
      this.state = this.#attach()
    }
    this.onChange?.()
  }

  save(): Saved {
    return [this.version, this.state.save?.() ?? null]
  }

  restore(saved: Saved): void {
    const [version, state] = readSaved(savedProtocol, saved)
    mustFit(version === this.version || this.negotiate(version), `there is no version 0x${version.toString(16)}`)
    mustFit(state === null || this.state.restore !== undefined, 'nothing is kept of it')
    if (state !== null) this.state.restore?.(state)
  }

  /** A new driver: forgets what the last one configured and negotiated. */
  restart(): void {
    this.version = this.announced
    this.#commandsOfVersion = this.#commandsOf(this.announced)
    this.#applyPermissions()
    this.reset()
  }
}

/** A section without names is one resource, named after the section. */
function namesSeen({ resource }: Protocol, { platform, resources }: Agent): ReadonlySet<string> | undefined {
  if (!resource) return undefined
  return new Set(resources[resource.section] ?? resourceNames(resource, platform.config.sections[resource.section]))
}

export class Agent implements ProtocolAgent, Kept {
  onChange: (() => void) | undefined
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
  readonly peers: readonly Agent[]
  /** Protocols by id; undefined: not served to this agent. */
  readonly protocols: (ServedProtocol | undefined)[]
  /** The same without gaps, by ascending id: most ids have no protocol. */
  readonly served: readonly ServedProtocol[]
  /** Memory of its guest that the platform shares; undefined: the platform file has none. */
  readonly shared: SharedMemory | undefined
  /** Set when a command may change persisted state. The keeper of the state clears it. */
  changed = false
  channelSeen: ChannelSeen | undefined
  channelRefused: ProtocolAgent['channelRefused']
  /** Messages to protocols that are not served. */
  unknownProtocol = 0
  /** Chains returned with length 0: no whole header in the request, or no room for header and status in the reply. */
  unanswerable = 0

  constructor(options: {
    config: AgentConfig
    platform: Platform
    events: EventSink
    peers: readonly Agent[]
    protocols: readonly Protocol[]
  }) {
    this.id = options.config.id
    this.name = options.config.name
    this.trusted = options.config.trusted
    this.permissions = new Permissions(options.config.permissions === 'denied')
    this.resources = options.config.resources
    this.platform = options.platform
    this.events = options.events
    this.peers = options.peers
    this.shared = this.platform.config.sharedMemory && new SharedMemory(this.platform.config.sharedMemory)
    this.permissions.onChange = () => this.onChange?.()
    this.protocols = new Array(IDS).fill(undefined)
    const recorded = recordsOf(this.platform)
    for (const protocol of options.protocols) {
      if (!isServed(protocol, this.platform, this)) continue
      this.protocols[protocol.id] = new ServedProtocol(protocol, this, recorded.get(protocol.id))
    }
    for (const [id, records] of recorded) {
      if (this.protocols[id]) continue
      const declared = options.protocols.find(protocol => protocol.id === id)
      this.protocols[id] = new ServedProtocol(recordedProtocol(id, records, declared), this, records, true)
    }
    this.served = this.protocols.filter(protocol => protocol !== undefined)
    this.shared?.layOut()
  }

  /** A command with this header was answered after `ns`. Hot code. */
  took(header: number, ns: number): void {
    this.protocols[protocolIdOf(header)]?.counts.took(messageIdOf(header), ns)
  }

  /** Resets its permissions to those of the platform file. */
  resetPermissions(): void {
    for (const id of this.permissions.reset()) this.protocols[id]?.permissionsChanged()
  }

  /** The protocols read the permissions again. */
  permissionsChanged(): void {
    for (const protocol of this.served) protocol.permissionsChanged()
  }

  /** Without its protocols: each is kept separately. */
  save(): Saved {
    return this.permissions.save()
  }

  restore(saved: Saved): void {
    this.permissions.restore(saved)
    this.permissionsChanged()
  }

  /** Notifies the agent of a command whose status can't be returned, if it subscribed to that (BASE_ERROR_EVENT). */
  reportError(header: number, status: number): void {
    this.protocols[BASE]?.state.reportError?.(header, status)
  }

  /** A new driver: forgets what the last one asked for. Permissions stay: they belong to the agent. */
  restart(): void {
    this.shared?.forget()
    for (const protocol of this.served) protocol.restart()
  }

  /** Releases everything, for good. */
  release(): void {
    this.shared?.forget()
    for (const protocol of this.served) protocol.state.release?.()
  }
}
