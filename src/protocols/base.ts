/**
 * Base protocol, 0x10 (SCMI v3.2 §4.2), versions 1.0, 2.0 and 2.1: who is who, and who may use what. Which version SCMI 4.0
 * has is not known: 3.0 is a guess, with the messages of 2.1, and announced only if the platform file says so.
 */
import { z } from 'zod'
import { readSaved, type Saved } from '../platform/core/kept.js'
import type { Platform } from '../platform/core/platform.js'
import type { DeviceConfig } from '../platform/core/platform-config.js'
import { list, s32, text, u8, u32 } from '../wire/fields.js'
import type { MessageWriter, RequestReader } from '../wire/message.js'
import { DENIED, INVALID_PARAMETERS, NOT_FOUND, SUCCESS } from '../wire/status.js'
import { BASE, commandsOn, defineProtocol, event } from './declaration/define-protocol.js'
import { SHORT_NAME_SIZE } from './declaration/names.js'
import { notify } from './declaration/outgoing.js'
import { inParts } from './declaration/parts.js'
import type { AgentProtocol, AgentState, ProtocolAgent } from './declaration/protocol.js'

const V1 = 0x10000
const V2 = 0x20000
const V2_1 = 0x20001
const V3 = 0x30000

const ERROR_EVENT = event(0x0, 'BASE_ERROR_EVENT', [
  u32('agent_id'),
  u32('error_status'),
  list('commands', [u32('header'), s32('status')], v => Number(v.error_status) & 0x3ff),
])

/** BASE_ERROR_EVENT, error_status: how many commands the event names */
const ONE_COMMAND = 1

/** BASE_DISCOVER_AGENT: the caller asks for its own id (v2 and up). */
const SELF = 0xffff_ffff
/** The name of agent 0, which by the spec begins with "platform". */
const PLATFORM_NAME = 'platform'

const VENDOR = [text('vendor_identifier')]
/** Ids are packed in words. */
const IDS = inParts(list('protocols', [u8('id')], v => Number(v.num_protocols), 4))
const AGENT_ID = [u32('agent_id')]

class BaseView implements AgentState {
  readonly platform: Platform
  readonly agent: ProtocolAgent
  notifyErrors = false
  onChange: (() => void) | undefined
  readonly #protocol: AgentProtocol

  constructor(platform: Platform, protocol: AgentProtocol) {
    this.platform = platform
    this.agent = protocol.agent
    this.#protocol = protocol
  }

  /** The ids that BASE_DISCOVER_LIST_PROTOCOLS gives: ascending, without Base and denied protocols. */
  protocolIds(): number[] {
    const ids: number[] = []
    for (const served of this.agent.served) {
      if (served.protocol.id !== BASE && !served.denied) ids.push(served.protocol.id)
    }
    return ids
  }

  /** The agent with this id, or undefined; 0 (the platform) is not among them. */
  peer(id: number): ProtocolAgent | undefined {
    return this.agent.peers.find(peer => peer.id === id)
  }

  /** Tells the agent of a command whose status could not be returned to it, if it asked for such notifications. */
  reportError(header: number, status: number): void {
    if (!this.notifyErrors) return
    const commands = [{ header, status }]
    notify(this.#protocol, ERROR_EVENT, { agent_id: this.agent.id, error_status: ONE_COMMAND, commands })
  }

  save(): Saved {
    return this.notifyErrors
  }

  restore(saved: Saved): void {
    this.notifyErrors = readSaved(z.boolean(), saved)
  }

  release(): void {
    this.notifyErrors = false
  }
}

function protocolAttributes(view: BaseView, _request: RequestReader, reply: MessageWriter): number {
  reply.u32((view.agent.peers.length << 8) | view.protocolIds().length)
  return SUCCESS
}

function baseDiscoverVendor(view: BaseView, _request: RequestReader, reply: MessageWriter): number {
  reply.text(view.platform.config.vendor, SHORT_NAME_SIZE)
  return SUCCESS
}

function baseDiscoverSubVendor(view: BaseView, _request: RequestReader, reply: MessageWriter): number {
  reply.text(view.platform.config.subVendor, SHORT_NAME_SIZE)
  return SUCCESS
}

function baseDiscoverImplementationVersion(view: BaseView, _request: RequestReader, reply: MessageWriter): number {
  reply.u32(view.platform.config.implementationVersion)
  return SUCCESS
}

function baseDiscoverListProtocols(view: BaseView, request: RequestReader, reply: MessageWriter): number {
  const skip = request.u32()
  const ids = view.protocolIds()
  if (skip > ids.length) return INVALID_PARAMETERS
  // A word of room holds four ids.
  const returned = Math.min(ids.length - skip, reply.room(4, 4) * 4)
  reply.u32(returned)
  for (let i = 0; i < Math.ceil(returned / 4) * 4; i++) reply.u8(i < returned ? ids[skip + i]! : 0)
  return SUCCESS
}

/** The name that BASE_DISCOVER_AGENT gives for an id, or undefined if there is no such agent. */
function agentName(view: BaseView, id: number): string | undefined {
  return id === 0 ? PLATFORM_NAME : view.peer(id)?.name
}

/** v1: the name alone. */
function baseDiscoverAgentV1(view: BaseView, request: RequestReader, reply: MessageWriter): number {
  const name = agentName(view, request.u32())
  if (name === undefined) return NOT_FOUND
  reply.text(name, SHORT_NAME_SIZE)
  return SUCCESS
}

function baseDiscoverAgent(view: BaseView, request: RequestReader, reply: MessageWriter): number {
  const asked = request.u32()
  const id = asked === SELF ? view.agent.id : asked
  const name = agentName(view, id)
  if (name === undefined) return NOT_FOUND
  reply.u32(id)
  reply.text(name, SHORT_NAME_SIZE)
  return SUCCESS
}

function baseNotifyErrors(view: BaseView, request: RequestReader): number {
  const enable = request.u32()
  if (enable & ~1) return INVALID_PARAMETERS
  view.notifyErrors = enable === 1
  view.onChange?.()
  return SUCCESS
}

function baseSetDevicePermissions(view: BaseView, request: RequestReader): number {
  const agent = view.peer(request.u32())
  const device = view.platform.config.devices[request.u32()]
  const flags = request.u32()
  if (!agent || !device) return NOT_FOUND
  if (flags & ~1) return INVALID_PARAMETERS
  if (!view.agent.trusted) return DENIED
  return allow(agent.served, device, flags === 1)
}

function baseSetProtocolPermissions(view: BaseView, request: RequestReader): number {
  const agent = view.peer(request.u32())
  const device = view.platform.config.devices[request.u32()]
  const commandId = request.u32()
  const flags = request.u32()
  const served = commandId === BASE ? undefined : agent?.protocols[commandId]
  if (!agent || !device || !served) return NOT_FOUND
  if (flags & ~1) return INVALID_PARAMETERS
  if (!view.agent.trusted) return DENIED
  return allow([served], device, flags === 1)
}

/** Grants or takes away the device's resources of these protocols. An agent that sees none of them has no such device. */
function allow(protocols: readonly AgentProtocol[], { resources }: DeviceConfig, allowed: boolean) {
  let found = false
  for (const served of protocols) {
    const names = served.protocol.resource && resources[served.protocol.resource.section]
    if (names && served.allow(names, allowed)) found = true
  }
  return found ? SUCCESS : NOT_FOUND
}

function baseResetAgentConfiguration(view: BaseView, request: RequestReader): number {
  const agent = view.peer(request.u32())
  const flags = request.u32()
  if (!agent) return NOT_FOUND
  if (flags & ~1) return INVALID_PARAMETERS
  // Any agent may reset its own configuration, but not its permissions: a trusted agent set them.
  if (!view.agent.trusted && (agent !== view.agent || flags === 1)) return DENIED
  if (flags === 1) agent.resetPermissions()
  for (const served of agent.served) if (served.protocol.id !== BASE) served.reset()
  return SUCCESS
}

const command = commandsOn<BaseView>()

export const base = defineProtocol({
  id: BASE,
  name: 'base',
  versions: [V1, V2, V2_1, V3],
  usual: V2_1,
  negotiateSince: V2_1,
  notFirm: 'a guess at SCMI 4.0, with the messages of 2.1',
  attach: (platform, protocol) => new BaseView(platform, protocol),
  show: ({ agent }) => ({
    agents: agent.peers.map(({ id, name, trusted }) => ({ id, name, trusted, self: id === agent.id })),
  }),
  commands: [
    command(0x1, 'PROTOCOL_ATTRIBUTES', [], [u32('attributes')], protocolAttributes),
    command(0x3, 'BASE_DISCOVER_VENDOR', [], VENDOR, baseDiscoverVendor),
    command(0x4, 'BASE_DISCOVER_SUB_VENDOR', [], VENDOR, baseDiscoverSubVendor),
    command(
      0x5,
      'BASE_DISCOVER_IMPLEMENTATION_VERSION',
      [],
      [u32('implementation_version')],
      baseDiscoverImplementationVersion,
    ),
    command(0x6, 'BASE_DISCOVER_LIST_PROTOCOLS', [u32('skip')], [u32('num_protocols'), IDS], baseDiscoverListProtocols),
    command(0x7, 'BASE_DISCOVER_AGENT', AGENT_ID, [text('name')], baseDiscoverAgentV1),
    command(0x7, 'BASE_DISCOVER_AGENT', AGENT_ID, [u32('agent_id'), text('name')], baseDiscoverAgent, { since: V2 }),
    command(0x8, 'BASE_NOTIFY_ERRORS', [u32('notify_enable')], [], baseNotifyErrors, { needsEvents: true }),
    command(
      0x9,
      'BASE_SET_DEVICE_PERMISSIONS',
      [...AGENT_ID, u32('device_id'), u32('flags')],
      [],
      baseSetDevicePermissions,
      { since: V2 },
    ),
    command(
      0xa,
      'BASE_SET_PROTOCOL_PERMISSIONS',
      [...AGENT_ID, u32('device_id'), u32('command_id'), u32('flags')],
      [],
      baseSetProtocolPermissions,
      { since: V2 },
    ),
    command(0xb, 'BASE_RESET_AGENT_CONFIGURATION', [...AGENT_ID, u32('flags')], [], baseResetAgentConfiguration, {
      since: V2,
    }),
  ],
  events: [ERROR_EVENT],
})
