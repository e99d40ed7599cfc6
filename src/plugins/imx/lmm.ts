/** NXP i.MX Logical Machine Management protocol, 0x80 (Linux, vendors/imx/imx95.rst; imx-sm), versions 1.0 and 1.1. */
import { z } from 'zod'
import { readSaved, type Saved, savedWord } from '../../platform/core/kept.js'
import type { Platform } from '../../platform/core/platform.js'
import { SHORT_NAME_SIZE } from '../../protocols/declaration/names.js'
import {
  type AgentProtocol,
  type AgentState,
  commandsOn,
  defineProtocol,
  event,
  type ProtocolAgent,
} from '../../protocols/declaration/protocol.js'
import { ResourceView } from '../../protocols/declaration/view.js'
import { s32, text, u32, u64 } from '../../wire/fields.js'
import type { MessageWriter, RequestReader } from '../../wire/message.js'
import { DENIED, INVALID_PARAMETERS, NOT_FOUND, SUCCESS } from '../../wire/status.js'
import { IMX_CPU } from './cpu.js'
import type { Cpu } from './cpus.js'
import { cpus, lms, misc } from './kinds.js'
import { type Lm, type LmChange, LmState, type Lms, reasonsOf } from './lms.js'
import { REASON_REPLY, writeReasons } from './reason-words.js'
import type { Reason, Reasons } from './reasons.js'

/** Protocol id. */
const IMX_LMM = 0x80

const V1 = 0x10000
const V1_1 = 0x10001

/** LMM_ATTRIBUTES: the machine that the caller runs in. */
const SELF = 0xffff_ffff

/** LMM_RESET and LMM_SHUTDOWN flags */
const GRACEFUL = 1 << 0

/** LMM_RESET_VECTOR_SET flags */
const TABLE = 1 << 0

/** LMM_NOTIFY and LMM_EVENT flags */
const EVENT_FLAGS: Record<LmChange, number> = { boot: 1 << 0, shutdown: 1 << 1, suspend: 1 << 2, wake: 1 << 3 }
const NOTIFY_FLAGS = 0xf

const LMM_EVENT = 0x0

const savedSubscriptions = z.array(z.tuple([savedWord.describe('id'), z.int().min(0).max(NOTIFY_FLAGS)]))

class LmmState extends ResourceView<Lm> implements AgentState {
  onChange: (() => void) | undefined
  readonly lms: Lms
  /** The machine that this agent runs in. */
  readonly own: Lm
  readonly platform: Platform
  /** Flags of LMM_NOTIFY. */
  readonly #subscribed = new Map<Lm, number>()

  constructor(platform: Platform, protocol: AgentProtocol) {
    const model = platform.model(lms)
    super(model.list, protocol)
    this.lms = model
    this.own = model.ofAgent(protocol.agent.name)
    this.platform = platform
    model.on('changed', this.#onChanged)
  }

  subscribe(lm: Lm, flags: number): void {
    this.#subscribed.set(lm, flags)
    this.onChange?.()
  }

  readonly #onChanged = (lm: Lm, change: LmChange, by: Lm | undefined): void => {
    const flag = EVENT_FLAGS[change]
    const id = this.idOf(lm)
    if (id === undefined || ((this.#subscribed.get(lm) ?? 0) & flag) === 0) return
    // Machine 0 is the System Manager itself: what the platform does is its doing.
    this.protocol.notify(LMM_EVENT, [(by && this.idOf(by)) ?? 0, id, flag], lm)
  }

  override permissionsChanged(): readonly Lm[] {
    const revoked = super.permissionsChanged()
    for (const lm of revoked) this.#subscribed.delete(lm)
    return revoked
  }

  /** Whether the CPU was taken from this agent; one that it does not see was not. */
  isDenied(cpu: Cpu): boolean {
    return this.protocol.agent.permissions.denies(IMX_CPU, cpu.name)
  }

  /** Why `lm` booted and shut down, with origins as this agent numbers them. */
  reasonsOf(lm: Lm): Reasons {
    const system = this.platform.has(misc)
      ? this.platform.model(misc).reasons
      : { boot: undefined, shutdown: undefined }
    return reasonsAsSeen(this.protocol.agent, reasonsOf(lm, system))
  }

  save(): Saved {
    return [...this.#subscribed].map(([lm, flags]) => [this.idOf(lm)!, flags])
  }

  restore(saved: Saved): void {
    for (const [id, flags] of readSaved(savedSubscriptions, saved)) this.subscribe(this.saved(id), flags)
  }

  release(): void {
    this.lms.off('changed', this.#onChanged)
  }
}

/** Reasons with origins as the agent numbers them, and without those that it does not see or may not use. */
export function reasonsAsSeen(agent: ProtocolAgent, { boot, shutdown }: Reasons): Reasons {
  if (!agent.platform.has(lms)) return { boot, shutdown }
  const { list } = agent.platform.model(lms)
  const view = agent.protocols[IMX_LMM]?.state as LmmState | undefined
  const seen = (reason: Reason | undefined): Reason | undefined => {
    const origin = reason?.origin === undefined ? undefined : list[reason.origin]
    return reason && { ...reason, origin: origin && view?.idOf(origin) }
  }
  return { boot: seen(boot), shutdown: seen(shutdown) }
}

/** Why the agent may not manage `lm`, or SUCCESS; nobody manages the machine that it runs in itself. */
function refusalToManage(state: LmmState, lm: Lm): number {
  if (!lm.permissions.manage) return DENIED
  return lm === state.own ? INVALID_PARAMETERS : SUCCESS
}

/** A command that does `manage` to another machine. */
function managing(manage: (state: LmmState, lm: Lm) => void) {
  return (state: LmmState, request: RequestReader): number => {
    const lm = state.find(request.u32())
    if (!lm) return state.refusal
    const status = refusalToManage(state, lm)
    if (status === SUCCESS) manage(state, lm)
    return status
  }
}

/** LMM_RESET and LMM_SHUTDOWN: the machine is asked for it, or it is done to the machine. */
function ending(how: 'reset' | 'shutdown') {
  return (state: LmmState, request: RequestReader): number => {
    const lm = state.find(request.u32())
    const flags = request.u32()
    if (!lm) return state.refusal
    if (flags & ~GRACEFUL) return INVALID_PARAMETERS
    const status = refusalToManage(state, lm)
    if (status !== SUCCESS) return status
    if (flags & GRACEFUL) state.lms.request(lm, how, state.own)
    else state.lms[how](lm, state.own)
    return SUCCESS
  }
}

function attributes(state: LmmState, request: RequestReader, reply: MessageWriter, protocol: AgentProtocol): number {
  const asked = request.u32()
  // Its own machine may be one that it does not see: then SELF is no id either.
  const own = state.list.indexOf(state.own)
  const id = asked === SELF && own >= 0 ? own : asked
  const lm = state.find(id)
  if (!lm) return state.refusal
  reply.u32(id)
  reply.u32(protocol.version >= V1_1 ? lm.agents.length : 0)
  reply.u32(LmState[lm.state])
  reply.s32(lm.error)
  reply.text(lm.name, SHORT_NAME_SIZE)
  return SUCCESS
}

function notify(state: LmmState, request: RequestReader): number {
  const lm = state.find(request.u32())
  const flags = request.u32()
  if (!lm) return state.refusal
  if (flags & ~NOTIFY_FLAGS) return INVALID_PARAMETERS
  if (!lm.permissions.notify) return DENIED
  state.subscribe(lm, flags)
  return SUCCESS
}

/** CPU ids are those of the platform here: the CPU is another machine's. The agent need not see it, but not be denied it. */
function resetVectorSet(state: LmmState, request: RequestReader): number {
  const lm = state.find(request.u32())
  const cpuId = request.u32()
  const flags = request.u32()
  const address = request.u64()
  if (!lm) return state.refusal
  const model = state.platform.has(cpus) ? state.platform.model(cpus) : undefined
  const cpu = model?.list[cpuId]
  if (!model || !cpu) return NOT_FOUND
  if (flags & ~TABLE) return INVALID_PARAMETERS
  if (!lm.permissions.manage || state.isDenied(cpu)) return DENIED
  const use = { table: (flags & TABLE) !== 0, boot: true, start: true, resume: false }
  return model.setVector(cpu, address, use) ? SUCCESS : INVALID_PARAMETERS
}

const LM_ID = [u32('lm_id')]
const LM_FLAGS = [u32('lm_id'), u32('flags')]

const command = commandsOn<LmmState>()

export const lmm = defineProtocol({
  id: IMX_LMM,
  name: 'imx_lmm',
  versions: [V1, V1_1],
  negotiateSince: V1,
  takesPadding: true,
  resource: lms,
  attach: (platform, protocol) => new LmmState(platform, protocol),
  show: ({ list, own }) => ({
    logical_machines: list.map((lm, id) => ({ id, name: lm.name, state: lm.state, self: lm === own })),
  }),
  commands: [
    command(0x1, 'PROTOCOL_ATTRIBUTES', [], [u32('attributes')], (state, _request, reply) => {
      reply.u32(state.count)
      return SUCCESS
    }),
    command(
      0x3,
      'LMM_ATTRIBUTES',
      LM_ID,
      [u32('lm_id'), u32('attributes'), u32('state'), s32('err_status'), text('name')],
      attributes,
    ),
    command(
      0x4,
      'LMM_BOOT',
      LM_ID,
      [],
      managing((state, lm) => state.lms.boot(lm, state.own)),
    ),
    command(0x5, 'LMM_RESET', LM_FLAGS, [], ending('reset')),
    command(0x6, 'LMM_SHUTDOWN', LM_FLAGS, [], ending('shutdown')),
    command(
      0x7,
      'LMM_WAKE',
      LM_ID,
      [],
      managing((state, lm) => state.lms.request(lm, 'wake', state.own)),
    ),
    command(
      0x8,
      'LMM_SUSPEND',
      LM_ID,
      [],
      managing((state, lm) => state.lms.request(lm, 'suspend', state.own)),
    ),
    command(0x9, 'LMM_NOTIFY', LM_FLAGS, [], notify, { needsEvents: true }),
    command(0xa, 'LMM_RESET_REASON', LM_ID, REASON_REPLY, (state, request, reply) => {
      const lm = state.find(request.u32())
      if (!lm) return state.refusal
      writeReasons(reply, state.reasonsOf(lm))
      return SUCCESS
    }),
    command(
      0xb,
      'LMM_POWER_ON',
      LM_ID,
      [],
      managing((state, lm) => state.lms.powerOn(lm)),
    ),
    command(
      0xc,
      'LMM_RESET_VECTOR_SET',
      [u32('lm_id'), u32('cpu_id'), u32('flags'), u64('reset_vector')],
      [],
      resetVectorSet,
    ),
  ],
  events: [event(LMM_EVENT, 'LMM_EVENT', [u32('lm_id'), u32('event_lm'), u32('flags')])],
})
