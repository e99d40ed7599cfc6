/** Voltage domain management protocol, 0x17 (SCMI v3.2 §4.9), versions 1.0, 2.0 and 2.1. */
import { z } from 'zod'
import { mustFit, type Saved, savedWord } from '../platform/core/kept.js'
import { voltages } from '../platform/voltages/index.js'
import { OFF, ON, type VoltageDomain, type Voltages } from '../platform/voltages/model.js'
import { list, s32, text, u32 } from '../wire/fields.js'
import type { MessageWriter, RequestReader } from '../wire/message.js'
import { BUSY, DENIED, INVALID_PARAMETERS, NOT_SUPPORTED, OUT_OF_RANGE, SUCCESS } from '../wire/status.js'
import { extendedNameFlag, NAME_SIZE, SHORT_NAME_SIZE } from './declaration/names.js'
import { PendingCommands } from './declaration/pending.js'
import { type AgentProtocol, type AgentState, commandsOn, defineProtocol } from './declaration/protocol.js'
import { answerName, ResourceView } from './declaration/view.js'

const V1 = 0x10000
const V2 = 0x20000
const V2_1 = 0x20001

/** VOLTAGE_DOMAIN_ATTRIBUTES, v2 and up */
const ASYNC_LEVEL_SET = 2 ** 31
const EXTENDED_NAME = 1 << 30

/** VOLTAGE_DESCRIBE_LEVELS */
const SEGMENT = 1 << 12

/** VOLTAGE_LEVEL_SET flags, v2 and up */
const ASYNC = 1 << 0

/** A level that is set later. */
interface LevelSet {
  id: number
  level: number
  header: number
}

const savedLevelSet = z.strictObject({ id: savedWord, level: z.int(), header: savedWord })

class VoltageState extends ResourceView<VoltageDomain> implements AgentState {
  onChange: (() => void) | undefined
  readonly voltages: Voltages
  /** LEVEL_SETs under way; with a maximum of 0 none is offered. */
  readonly pending: PendingCommands<LevelSet>

  constructor(voltages: Voltages, maxPending: number, protocol: AgentProtocol) {
    super(voltages.list, protocol)
    this.voltages = voltages
    this.pending = new PendingCommands(protocol, {
      max: maxPending,
      shape: savedLevelSet,
      mark: ({ id }, underWay) => {
        this.list[id]!.changing = underWay
      },
      finish: ({ id, level, header }) => {
        voltages.setLevel(this.list[id]!, level, this.agentId)
        protocol.respondLater(header, [SUCCESS, id, level])
      },
    })
  }

  /** Not without an event queue: Linux uses the asynchronous form wherever it is offered. */
  offersAsync({ latencyUs }: VoltageDomain): boolean {
    return latencyUs !== undefined && this.pending.max > 0 && this.protocol.agent.events.available
  }

  override permissionsChanged(): readonly VoltageDomain[] {
    const revoked = super.permissionsChanged()
    this.pending.refuse(id => this.find(id) === undefined)
    return revoked
  }

  save(): Saved {
    return this.pending.save()
  }

  restore(saved: Saved): void {
    this.pending.restore(saved, ({ id, level }) => mustFit(this.saved(id).supportsLevel(level), `no level: ${level}`))
  }

  reset(): void {
    this.pending.cancel()
    this.voltages.release(this.agentId, this.held)
    this.held.clear()
  }

  release(): void {
    this.reset()
  }
}

function attributesOf(state: VoltageState, domain: VoltageDomain, version: number): number {
  if (version < V2) return 0
  return (state.offersAsync(domain) ? ASYNC_LEVEL_SET : 0) + extendedNameFlag(domain.name, EXTENDED_NAME)
}

function describeLevels(state: VoltageState, request: RequestReader, reply: MessageWriter): number {
  const domain = state.find(request.u32())
  const index = request.u32()
  if (!domain) return state.refusal
  if (!domain.levels) {
    if (index !== 0) return OUT_OF_RANGE
    reply.u32(SEGMENT | 3)
    reply.s32(domain.range.min)
    reply.s32(domain.range.max)
    reply.s32(domain.range.step)
    return SUCCESS
  }
  const left = domain.levels.length - index
  if (left <= 0) return OUT_OF_RANGE
  const returned = Math.min(left, reply.room(4, 4), 0xfff)
  reply.u32(((left - returned) << 16) | returned)
  for (let i = 0; i < returned; i++) reply.s32(domain.levels[index + i]!)
  return SUCCESS
}

function configSet(state: VoltageState, request: RequestReader): number {
  const domain = state.find(request.u32())
  const mode = request.u32()
  if (!domain) return state.refusal
  // A mode is four bits wide: with any reserved bit the word is none of the modes.
  if (!domain.modes.has(mode)) return INVALID_PARAMETERS
  if (!domain.permissions.mode) return DENIED
  state.held.add(domain)
  state.voltages.setMode(domain, mode, state.agentId)
  return SUCCESS
}

function setLevel(state: VoltageState, request: RequestReader, _reply: MessageWriter, protocol: AgentProtocol): number {
  const id = request.u32()
  const domain = state.find(id)
  const flags = request.u32()
  const level = request.s32()
  if (!domain) return state.refusal
  if (flags & ~(protocol.version >= V2 ? ASYNC : 0)) return INVALID_PARAMETERS
  if (!domain.permissions.level) return DENIED
  const asynchronous = (flags & ASYNC) !== 0
  if (asynchronous && !state.offersAsync(domain)) return NOT_SUPPORTED
  if (!domain.supportsLevel(level)) return domain.levels ? INVALID_PARAMETERS : OUT_OF_RANGE
  if (domain.changing || (asynchronous && state.pending.busy)) return BUSY
  if (asynchronous) state.pending.start({ id, level, header: request.header }, domain.latencyUs ?? 0)
  else state.voltages.setLevel(domain, level, state.agentId)
  return SUCCESS
}

const DOMAIN_ID = [u32('domain_id')]
const LEVEL_SET = [u32('domain_id'), u32('flags'), s32('voltage_level')]

const command = commandsOn<VoltageState>()

export const voltage = defineProtocol({
  id: 0x17,
  name: 'voltage',
  versions: [V1, V2, V2_1],
  resource: voltages,
  attach: (platform, protocol) => {
    const maxPending = platform.config.protocols.voltage?.max_pending_async ?? Number.POSITIVE_INFINITY
    return new VoltageState(platform.model(voltages), maxPending, protocol)
  },
  show: ({ list }) => ({
    voltages: list.map(({ name, mode, level, levels, range }, id) => {
      const [min_uv, max_uv, step_uv] = levels ? [] : [range.min, range.max, range.step]
      const modeName = mode === ON ? 'on' : mode === OFF ? 'off' : mode
      return { id, name, mode: modeName, level_uv: level, levels_uv: levels, min_uv, max_uv, step_uv }
    }),
  }),
  commands: [
    command(0x1, 'PROTOCOL_ATTRIBUTES', [], [u32('attributes')], (state, _request, reply) => {
      reply.u32(state.count)
      return SUCCESS
    }),
    command(
      0x3,
      'VOLTAGE_DOMAIN_ATTRIBUTES',
      DOMAIN_ID,
      [u32('attributes'), text('name')],
      (state, request, reply, protocol) => {
        const domain = state.find(request.u32())
        if (!domain) return state.refusal
        reply.u32(attributesOf(state, domain, protocol.version))
        reply.text(domain.name, SHORT_NAME_SIZE)
        return SUCCESS
      },
    ),
    command(
      0x4,
      'VOLTAGE_DESCRIBE_LEVELS',
      [u32('domain_id'), u32('level_index')],
      [u32('flags'), list('voltage', [s32('level')], v => Number(v.flags) & 0xfff)],
      describeLevels,
      // At least one level must fit, or the agent could never go on.
      { replyMin: 8 },
    ),
    command(0x5, 'VOLTAGE_CONFIG_SET', [u32('domain_id'), u32('config')], [], configSet),
    command(0x6, 'VOLTAGE_CONFIG_GET', DOMAIN_ID, [u32('config')], (state, request, reply) => {
      const domain = state.find(request.u32())
      if (!domain) return state.refusal
      reply.u32(domain.mode)
      return SUCCESS
    }),
    command(0x7, 'VOLTAGE_LEVEL_SET', LEVEL_SET, [], setLevel),
    command(0x7, 'VOLTAGE_LEVEL_SET', LEVEL_SET, [], setLevel, {
      since: V2,
      delayed: [u32('domain_id'), s32('voltage_level')],
    }),
    command(0x8, 'VOLTAGE_LEVEL_GET', DOMAIN_ID, [s32('voltage_level')], (state, request, reply) => {
      const domain = state.find(request.u32())
      if (!domain) return state.refusal
      reply.s32(domain.level)
      return SUCCESS
    }),
    command(0x9, 'VOLTAGE_DOMAIN_NAME_GET', DOMAIN_ID, [u32('flags'), text('name', NAME_SIZE)], answerName, {
      since: V2,
    }),
  ],
})
