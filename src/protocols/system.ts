/** System power management protocol, 0x12 (SCMI v3.2 §4.4), versions 1.0, 2.0 and 2.1. */
import { z } from 'zod'
import { readSaved, type Saved } from '../platform/core/kept.js'
import { system as systemKind } from '../platform/system/index.js'
import { type GracefulRequest, type System, SystemState } from '../platform/system/model.js'
import { u32 } from '../wire/fields.js'
import type { MessageWriter, RequestReader } from '../wire/message.js'
import { DENIED, INVALID_PARAMETERS, NOT_SUPPORTED, SUCCESS } from '../wire/status.js'
import { commandsOn, defineProtocol, event } from './declaration/define-protocol.js'
import { notify } from './declaration/outgoing.js'
import type { AgentProtocol, AgentState } from './declaration/protocol.js'

const V1 = 0x10000
const V2 = 0x20000
const V2_1 = 0x20001

/** PROTOCOL_MESSAGE_ATTRIBUTES of SYSTEM_POWER_STATE_SET */
export const WARM_RESET = 2 ** 31
export const SUSPEND = 1 << 30

/** SYSTEM_POWER_STATE_SET and SYSTEM_POWER_STATE_NOTIFIER flags */
const FORCEFUL = 0
const GRACEFUL = 1 << 0

/** States between those that the spec names and those of vendors are reserved. */
const RESERVED_FIRST = 5
const VENDOR_FIRST = 0x8000_0000

const STATE_EVENT = [u32('agent_id'), u32('flags'), u32('system_state')]
const NOTIFIER_V1 = event(0x0, 'SYSTEM_POWER_STATE_NOTIFIER', STATE_EVENT)
const NOTIFIER = event(0x0, 'SYSTEM_POWER_STATE_NOTIFIER', [...STATE_EVENT, u32('timeout')], V2)

class SystemView implements AgentState {
  readonly system: System
  subscribed = false
  onChange: (() => void) | undefined
  readonly #protocol: AgentProtocol

  constructor(system: System, protocol: AgentProtocol) {
    this.system = system
    this.#protocol = protocol
    system.attach(this.agentId)
    system.on('requested', this.#onRequested)
    system.on('forced', this.#onForced)
  }

  get agentId(): number {
    return this.#protocol.agent.id
  }

  readonly #onRequested = ({ state, agentId, timeoutMs }: GracefulRequest): void => {
    this.#notify(agentId, GRACEFUL, state, timeoutMs)
  }

  readonly #onForced = (state: number, agentId: number): void => {
    this.#notify(agentId, FORCEFUL, state, 0)
  }

  /** Tells the agent of a transition that another one asked for. */
  #notify(agentId: number, flags: number, state: number, timeoutMs: number): void {
    if (!this.subscribed || agentId === this.agentId) return
    const values = { agent_id: agentId, flags, system_state: state, timeout: timeoutMs }
    if (this.#protocol.version >= V2) notify(this.#protocol, NOTIFIER, values)
    else notify(this.#protocol, NOTIFIER_V1, values)
  }

  subscribe(on: boolean): void {
    this.subscribed = on
    this.onChange?.()
  }

  permissionsChanged(): void {
    if (this.#protocol.denied) this.subscribed = false
  }

  save(): Saved {
    return this.subscribed
  }

  restore(saved: Saved): void {
    this.subscribed = readSaved(z.boolean(), saved)
  }

  release(): void {
    this.subscribed = false
    this.system.off('requested', this.#onRequested)
    this.system.off('forced', this.#onForced)
    this.system.release(this.agentId)
  }
}

function systemPowerStateSet({ system, agentId }: SystemView, request: RequestReader): number {
  const flags = request.u32()
  const wanted = request.u32()
  if (flags & ~GRACEFUL || (wanted >= RESERVED_FIRST && wanted < VENDOR_FIRST)) return INVALID_PARAMETERS
  if (!system.permissions.state) return DENIED
  if (!system.supports(wanted)) return NOT_SUPPORTED
  if (system.actOf(wanted) !== SystemState.POWER_UP) system.request(wanted, { graceful: flags === GRACEFUL }, agentId)
  // Powering up a system that is up is no transition. The flag means nothing here.
  else if (system.state !== SystemState.POWER_UP) system.request(wanted, { graceful: false }, agentId)
  return SUCCESS
}

function protocolAttributes(_view: SystemView, _request: RequestReader, reply: MessageWriter): number {
  reply.u32(0)
  return SUCCESS
}

/** PROTOCOL_MESSAGE_ATTRIBUTES of SYSTEM_POWER_STATE_SET */
function statesOffered({ system }: SystemView): number {
  return (
    (system.supports(SystemState.WARM_RESET) ? WARM_RESET : 0) + (system.supports(SystemState.SUSPEND) ? SUSPEND : 0)
  )
}

function systemPowerStateGet(view: SystemView, _request: RequestReader, reply: MessageWriter): number {
  reply.u32(view.system.state)
  return SUCCESS
}

function systemPowerStateNotify(view: SystemView, request: RequestReader): number {
  const enable = request.u32()
  if (enable & ~1) return INVALID_PARAMETERS
  view.subscribe(enable === 1)
  return SUCCESS
}

const command = commandsOn<SystemView>()

export const system = defineProtocol({
  id: 0x12,
  name: 'system',
  versions: [V1, V2, V2_1],
  resource: systemKind,
  attach: (platform, protocol) => new SystemView(platform.model(systemKind), protocol),
  show: ({ system }) => ({
    system: [
      {
        state: Object.entries(SystemState)
          .find(([, state]) => state === system.state)?.[0]
          .toLowerCase(),
        warm_reset: system.supports(SystemState.WARM_RESET),
        suspend: system.supports(SystemState.SUSPEND),
        timeout_us: system.timeoutMs * 1000,
      },
    ],
  }),
  commands: [
    command(0x1, 'PROTOCOL_ATTRIBUTES', [], [u32('attributes')], protocolAttributes),
    command(0x3, 'SYSTEM_POWER_STATE_SET', [u32('flags'), u32('system_state')], [], systemPowerStateSet, {
      attributes: statesOffered,
    }),
    command(0x4, 'SYSTEM_POWER_STATE_GET', [], [u32('system_state')], systemPowerStateGet),
    command(0x5, 'SYSTEM_POWER_STATE_NOTIFY', [u32('notify_enable')], [], systemPowerStateNotify, {
      needsEvents: true,
    }),
  ],
  events: [NOTIFIER_V1, NOTIFIER],
})
