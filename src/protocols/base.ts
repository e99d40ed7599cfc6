/** Base protocol, 0x10 (SCMI v3.2 §4.2), versions 1.0, 2.0 and 2.1: who is who, and who may use what. */
import { z } from 'zod'
import { readSaved, type Saved } from '../platform/core/kept.js'
import type { Platform } from '../platform/core/platform.js'
import type { DeviceConfig } from '../platform/core/platform-config.js'
import { list, s32, text, u8, u32 } from '../wire/fields.js'
import type { MessageWriter, RequestReader } from '../wire/message.js'
import { DENIED, INVALID_PARAMETERS, NOT_FOUND, SUCCESS } from '../wire/status.js'
import { SHORT_NAME_SIZE } from './declaration/names.js'
import {
  type AgentProtocol,
  type AgentState,
  BASE,
  commandsOn,
  defineProtocol,
  event,
  type ProtocolAgent,
} from './declaration/protocol.js'

const V1 = 0x10000
const V2 = 0x20000
const V2_1 = 0x20001

const ERROR_EVENT = 0x0

/** DISCOVER_AGENT: the caller asks for its own id (v2 and up). */
const SELF = 0xffff_ffff
/** Agent id 0, whose name begins with "platform" by the spec. */
const PLATFORM_NAME = 'platform'

export class BaseState implements AgentState {
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

  /** The ids that LIST_PROTOCOLS gives: ascending, without Base and what is denied. */
  protocolIds(): number[] {
    const ids: number[] = []
    for (const served of this.agent.protocols) {
      if (served && served.protocol.id !== BASE && !served.denied) ids.push(served.protocol.id)
    }
    return ids
  }

  /** The agent with this id, or undefined; 0 (the platform) is not among them. */
  peer(id: number): ProtocolAgent | undefined {
    return this.agent.peers.find(peer => peer.id === id)
  }

  /** Tells the agent of a command whose status could not be returned to it, if it asked for such notifications. */
  reportError(header: number, status: number): void {
    if (this.notifyErrors) this.#protocol.notify(ERROR_EVENT, [this.agent.id, 1, header, status])
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

function listProtocols(state: BaseState, request: RequestReader, reply: MessageWriter): number {
  const skip = request.u32()
  const ids = state.protocolIds()
  if (skip > ids.length) return INVALID_PARAMETERS
  // Ids are packed in words, so a word of room holds four.
  const returned = Math.min(ids.length - skip, reply.room(4, 4) * 4)
  reply.u32(returned)
  for (let i = 0; i < Math.ceil(returned / 4) * 4; i++) reply.u8(i < returned ? ids[skip + i]! : 0)
  return SUCCESS
}

/** The name that DISCOVER_AGENT gives for an id, or undefined if there is no such agent. */
function agentName(state: BaseState, id: number): string | undefined {
  return id === 0 ? PLATFORM_NAME : state.peer(id)?.name
}

function discoverAgent(state: BaseState, request: RequestReader, reply: MessageWriter): number {
  const asked = request.u32()
  const id = asked === SELF ? state.agent.id : asked
  const name = agentName(state, id)
  if (name === undefined) return NOT_FOUND
  reply.u32(id)
  reply.text(name, SHORT_NAME_SIZE)
  return SUCCESS
}

function setDevicePermissions(state: BaseState, request: RequestReader): number {
  const agent = state.peer(request.u32())
  const device = state.platform.config.devices[request.u32()]
  const flags = request.u32()
  if (!agent || !device) return NOT_FOUND
  if (flags & ~1) return INVALID_PARAMETERS
  if (!state.agent.trusted) return DENIED
  return allow(agent.protocols, device, flags === 1)
}

function setProtocolPermissions(state: BaseState, request: RequestReader): number {
  const agent = state.peer(request.u32())
  const device = state.platform.config.devices[request.u32()]
  const commandId = request.u32()
  const flags = request.u32()
  const served = commandId === BASE ? undefined : agent?.protocols[commandId]
  if (!agent || !device || !served) return NOT_FOUND
  if (flags & ~1) return INVALID_PARAMETERS
  if (!state.agent.trusted) return DENIED
  return allow([served], device, flags === 1)
}

/** Grants or takes the device's resources of these protocols. An agent that sees none of them has no such device. */
function allow(protocols: readonly (AgentProtocol | undefined)[], { resources }: DeviceConfig, allowed: boolean) {
  let found = false
  for (const served of protocols) {
    const names = served?.protocol.resource && resources[served.protocol.resource.section]
    if (names && served.allow(names, allowed)) found = true
  }
  return found ? SUCCESS : NOT_FOUND
}

function resetAgentConfiguration(state: BaseState, request: RequestReader): number {
  const agent = state.peer(request.u32())
  const flags = request.u32()
  if (!agent) return NOT_FOUND
  if (flags & ~1) return INVALID_PARAMETERS
  // Anybody may give up what it has configured itself. Permissions were set by a trusted agent.
  if (!state.agent.trusted && (agent !== state.agent || flags === 1)) return DENIED
  if (flags === 1) agent.resetPermissions()
  for (const served of agent.protocols) if (served?.protocol.id !== BASE) served?.reset()
  return SUCCESS
}

const command = commandsOn<BaseState>()

export const base = defineProtocol({
  id: BASE,
  name: 'base',
  versions: [V1, V2, V2_1],
  attach: (platform, protocol) => new BaseState(platform, protocol),
  show: ({ agent }) => ({
    agents: agent.peers.map(({ id, name, trusted }) => ({ id, name, trusted, self: id === agent.id })),
  }),
  commands: [
    command(0x1, 'PROTOCOL_ATTRIBUTES', [], [u32('attributes')], (state, _request, reply) => {
      reply.u32((state.agent.peers.length << 8) | state.protocolIds().length)
      return SUCCESS
    }),
    command(0x3, 'BASE_DISCOVER_VENDOR', [], [text('vendor_identifier')], (state, _request, reply) => {
      reply.text(state.platform.config.vendor, SHORT_NAME_SIZE)
      return SUCCESS
    }),
    command(0x4, 'BASE_DISCOVER_SUB_VENDOR', [], [text('vendor_identifier')], (state, _request, reply) => {
      reply.text(state.platform.config.subVendor, SHORT_NAME_SIZE)
      return SUCCESS
    }),
    command(
      0x5,
      'BASE_DISCOVER_IMPLEMENTATION_VERSION',
      [],
      [u32('implementation_version')],
      (state, _request, reply) => {
        reply.u32(state.platform.config.implementationVersion)
        return SUCCESS
      },
    ),
    command(
      0x6,
      'BASE_DISCOVER_LIST_PROTOCOLS',
      [u32('skip')],
      [u32('num_protocols'), list('protocols', [u8('id')], v => Number(v.num_protocols), 4)],
      listProtocols,
      // Room for four ids at least, or the agent could never go on.
      { replyMin: 8 },
    ),
    command(0x7, 'BASE_DISCOVER_AGENT', [u32('agent_id')], [text('name')], (state, request, reply) => {
      const name = agentName(state, request.u32())
      if (name === undefined) return NOT_FOUND
      reply.text(name, SHORT_NAME_SIZE)
      return SUCCESS
    }),
    command(0x7, 'BASE_DISCOVER_AGENT', [u32('agent_id')], [u32('agent_id'), text('name')], discoverAgent, {
      since: V2,
    }),
    command(
      0x8,
      'BASE_NOTIFY_ERRORS',
      [u32('notify_enable')],
      [],
      (state, request) => {
        const enable = request.u32()
        if (enable & ~1) return INVALID_PARAMETERS
        state.notifyErrors = enable === 1
        state.onChange?.()
        return SUCCESS
      },
      { needsEvents: true },
    ),
    command(
      0x9,
      'BASE_SET_DEVICE_PERMISSIONS',
      [u32('agent_id'), u32('device_id'), u32('flags')],
      [],
      setDevicePermissions,
      { since: V2 },
    ),
    command(
      0xa,
      'BASE_SET_PROTOCOL_PERMISSIONS',
      [u32('agent_id'), u32('device_id'), u32('command_id'), u32('flags')],
      [],
      setProtocolPermissions,
      { since: V2 },
    ),
    command(0xb, 'BASE_RESET_AGENT_CONFIGURATION', [u32('agent_id'), u32('flags')], [], resetAgentConfiguration, {
      since: V2,
    }),
  ],
  events: [
    event(ERROR_EVENT, 'BASE_ERROR_EVENT', [
      u32('agent_id'),
      u32('error_status'),
      list('commands', [u32('header'), s32('status')], v => Number(v.error_status) & 0x3ff),
    ]),
  ],
})
