/** NXP i.MX Logical Machine Management protocol, 0x80 (Linux, vendors/imx/imx95.rst; imx-sm), versions 1.0 and 1.1. */
import { byId } from '../../platform/core/ids.js'
import type { Platform } from '../../platform/core/platform.js'
import { commandsOn, defineProtocol, event } from '../../protocols/declaration/define-protocol.js'
import { KeptView } from '../../protocols/declaration/kept-view.js'
import { SHORT_NAME_SIZE } from '../../protocols/declaration/names.js'
import { notify } from '../../protocols/declaration/outgoing.js'
import type { AgentProtocol, ProtocolAgent } from '../../protocols/declaration/protocol.js'
import { FlagSubscriptions } from '../../protocols/declaration/subscriptions.js'
import { answerCount } from '../../protocols/declaration/view.js'
import { s32, text, u32, u64 } from '../../wire/fields.js'
import type { MessageWriter, RequestReader } from '../../wire/message.js'
import { DENIED, INVALID_PARAMETERS, NOT_FOUND, SUCCESS } from '../../wire/status.js'
import { IMX_CPU } from './cpu.js'
import type { Cpu } from './cpus.js'
import { cpus, lms, misc } from './kinds.js'
import { type Lm, type LmChange, type LmEvents, LmState, type Lms, reasonsOf } from './lms.js'
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

const LM_ID = [u32('lm_id')]
const LM_FLAGS = [u32('lm_id'), u32('flags')]

const LMM_EVENT = event(0x0, 'LMM_EVENT', [u32('lm_id'), u32('event_lm'), u32('flags')])

class LmmView extends KeptView<Lm> {
  readonly lms: Lms
  /** The machine that this agent runs in. */
  readonly own: Lm
  readonly platform: Platform
  /** Flags of LMM_NOTIFY. */
  readonly subscriptions = this.keep(new FlagSubscriptions<Lm>(this))

  constructor(platform: Platform, protocol: AgentProtocol) {
    const model = platform.model(lms)
    super(model.list, protocol)
    this.lms = model
    this.own = model.ofAgent(protocol.agent.name)
    this.platform = platform
    this.listen<LmEvents>(model, {
      changed: (lm, change, by) => {
        const flags = EVENT_FLAGS[change]
        const id = this.subscriptions.idFor(lm, flags)
        if (id === undefined) return
        // Machine 0 is the System Manager itself: what the platform does, it does.
        notify(protocol, LMM_EVENT, { lm_id: (by && this.idOf(by)) ?? 0, event_lm: id, flags }, lm)
      },
    })
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
}

/** Reasons with origins as the agent numbers them. Origins that it does not see or may not use are left out. */
export function reasonsAsSeen(agent: ProtocolAgent, { boot, shutdown }: Reasons): Reasons {
  if (!agent.platform.has(lms)) return { boot, shutdown }
  const machines = byId(agent.platform.model(lms).list)
  const view = agent.protocols[IMX_LMM]?.state as LmmView | undefined
  const seen = (reason: Reason | undefined): Reason | undefined => {
    const origin = reason?.origin === undefined ? undefined : machines[reason.origin]
    return reason && { ...reason, origin: origin && view?.idOf(origin) }
  }
  return { boot: seen(boot), shutdown: seen(shutdown) }
}

/** Why the agent may not manage `lm`, or SUCCESS. No agent manages the machine that it runs in itself. */
function refusalToManage(view: LmmView, lm: Lm): number {
  if (!lm.permissions.manage) return DENIED
  return lm === view.own ? INVALID_PARAMETERS : SUCCESS
}

/** The handler of a command that does `manage` to another machine. */
function managing(manage: (view: LmmView, lm: Lm) => void) {
  return (view: LmmView, request: RequestReader): number => {
    const lm = view.find(request.u32())
    if (!lm) return view.refusal
    const status = refusalToManage(view, lm)
    if (status === SUCCESS) manage(view, lm)
    return status
  }
}

/** The handler of LMM_RESET and LMM_SHUTDOWN. Graceful: the machine is asked to do it by itself. */
function ending(how: 'reset' | 'shutdown') {
  return (view: LmmView, request: RequestReader): number => {
    const lm = view.find(request.u32())
    const flags = request.u32()
    if (!lm) return view.refusal
    if (flags & ~GRACEFUL) return INVALID_PARAMETERS
    const status = refusalToManage(view, lm)
    if (status !== SUCCESS) return status
    if (flags & GRACEFUL) view.lms.request(lm, how, view.own)
    else view.lms[how](lm, view.own)
    return SUCCESS
  }
}

const lmmBoot = managing((view, lm) => view.lms.boot(lm, view.own))
const lmmReset = ending('reset')
const lmmShutdown = ending('shutdown')
const lmmWake = managing((view, lm) => view.lms.request(lm, 'wake', view.own))
const lmmSuspend = managing((view, lm) => view.lms.request(lm, 'suspend', view.own))
const lmmPowerOn = managing((view, lm) => view.lms.powerOn(lm))

function lmmAttributes(view: LmmView, request: RequestReader, reply: MessageWriter, protocol: AgentProtocol): number {
  const asked = request.u32()
  // Its own machine may be one that it does not see: then SELF is no id either.
  const own = view.list.indexOf(view.own)
  const id = asked === SELF && own >= 0 ? own : asked
  const lm = view.find(id)
  if (!lm) return view.refusal
  reply.u32(id)
  reply.u32(protocol.version >= V1_1 ? lm.agents.length : 0)
  reply.u32(LmState[lm.state])
  reply.s32(lm.error)
  reply.text(lm.wireName, SHORT_NAME_SIZE)
  return SUCCESS
}

function lmmNotify(view: LmmView, request: RequestReader): number {
  const lm = view.find(request.u32())
  const flags = request.u32()
  if (!lm) return view.refusal
  if (flags & ~NOTIFY_FLAGS) return INVALID_PARAMETERS
  if (!lm.permissions.notify) return DENIED
  view.subscriptions.set(lm, flags)
  return SUCCESS
}

/** The CPU is another machine's: its id is the platform's. The agent need not see it, but must not be denied it. */
function lmmResetVectorSet(view: LmmView, request: RequestReader): number {
  const lm = view.find(request.u32())
  const cpuId = request.u32()
  const flags = request.u32()
  const address = request.u64()
  if (!lm) return view.refusal
  const model = view.platform.has(cpus) ? view.platform.model(cpus) : undefined
  const cpu = model?.byId[cpuId]
  if (!model || !cpu) return NOT_FOUND
  if (flags & ~TABLE) return INVALID_PARAMETERS
  if (!lm.permissions.manage || view.isDenied(cpu)) return DENIED
  const use = { table: (flags & TABLE) !== 0, boot: true, start: true, resume: false }
  return model.setVector(cpu, address, use) ? SUCCESS : INVALID_PARAMETERS
}

function lmmResetReason(view: LmmView, request: RequestReader, reply: MessageWriter): number {
  const lm = view.find(request.u32())
  if (!lm) return view.refusal
  writeReasons(reply, view.reasonsOf(lm))
  return SUCCESS
}

const command = commandsOn<LmmView>()

export const lmm = defineProtocol({
  id: IMX_LMM,
  name: 'imx_lmm',
  versions: [V1, V1_1],
  negotiateSince: V1,
  takesPadding: true,
  resource: lms,
  attach: (platform, protocol) => new LmmView(platform, protocol),
  show: view => ({
    logical_machines: view.rows((lm, id) => ({ id, name: lm.name, state: lm.state, self: lm === view.own })),
  }),
  commands: [
    command(0x1, 'PROTOCOL_ATTRIBUTES', [], [u32('attributes')], answerCount),
    command(
      0x3,
      'LMM_ATTRIBUTES',
      LM_ID,
      [u32('lm_id'), u32('attributes'), u32('state'), s32('err_status'), text('name')],
      lmmAttributes,
    ),
    command(0x4, 'LMM_BOOT', LM_ID, [], lmmBoot),
    command(0x5, 'LMM_RESET', LM_FLAGS, [], lmmReset),
    command(0x6, 'LMM_SHUTDOWN', LM_FLAGS, [], lmmShutdown),
    command(0x7, 'LMM_WAKE', LM_ID, [], lmmWake),
    command(0x8, 'LMM_SUSPEND', LM_ID, [], lmmSuspend),
    command(0x9, 'LMM_NOTIFY', LM_FLAGS, [], lmmNotify, { needsEvents: true }),
    command(0xa, 'LMM_RESET_REASON', LM_ID, REASON_REPLY, lmmResetReason),
    command(0xb, 'LMM_POWER_ON', LM_ID, [], lmmPowerOn),
    command(
      0xc,
      'LMM_RESET_VECTOR_SET',
      [...LM_ID, u32('cpu_id'), u32('flags'), u64('reset_vector')],
      [],
      lmmResetVectorSet,
    ),
  ],
  events: [LMM_EVENT],
})
