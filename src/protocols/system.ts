/** System power management protocol, 0x12 (SCMI v3.2 §4.4), versions 1.0, 2.0 and 2.1. */
import { z } from 'zod'
import { readSaved, type Saved } from '../platform/core/kept.js'
import { system as systemKind } from '../platform/system/index.js'
import { type GracefulRequest, type System, SystemState } from '../platform/system/model.js'
import { u32 } from '../wire/fields.js'
import type { RequestReader } from '../wire/message.js'
import { DENIED, INVALID_PARAMETERS, NOT_SUPPORTED, SUCCESS } from '../wire/status.js'
import { type AgentProtocol, type AgentState, commandsOn, defineProtocol, event } from './declaration/protocol.js'

const V1 = 0x10000
const V2 = 0x20000
const V2_1 = 0x20001

/** PROTOCOL_MESSAGE_ATTRIBUTES of SYSTEM_POWER_STATE_SET */
const WARM_RESET = 2 ** 31
const SUSPEND = 1 << 30

/** SYSTEM_POWER_STATE_SET and SYSTEM_POWER_STATE_NOTIFIER flags */
const FORCEFUL = 0
const GRACEFUL = 1 << 0

/** States above the ones that the spec names are reserved, up to those of vendors. */
const RESERVED_FIRST = 5
const VENDOR_FIRST = 0x8000_0000

const STATE_NOTIFIER = 0x0

class SystemPowerState implements AgentState {
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
    const words = [agentId, flags, state]
    if (this.#protocol.version >= V2) words.push(timeoutMs)
    this.#protocol.notify(STATE_NOTIFIER, words)
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

function setState({ system, agentId }: SystemPowerState, request: RequestReader): number {
  const flags = request.u32()
  const wanted = request.u32()
  if (flags & ~GRACEFUL || (wanted >= RESERVED_FIRST && wanted < VENDOR_FIRST)) return INVALID_PARAMETERS
  if (!system.permissions.state) return DENIED
  if (!system.supports(wanted)) return NOT_SUPPORTED
  if (system.actOf(wanted) !== SystemState.POWER_UP) system.request(wanted, { graceful: flags === GRACEFUL }, agentId)
  // Powering up what is up is no transition, and the flag means nothing for it.
  else if (system.state !== SystemState.POWER_UP) system.request(wanted, { graceful: false }, agentId)
  return SUCCESS
}

const STATE_EVENT = [u32('agent_id'), u32('flags'), u32('system_state')]

const command = commandsOn<SystemPowerState>()

export const system = defineProtocol({
  id: 0x12,
  name: 'system',
  versions: [V1, V2, V2_1],
  resource: systemKind,
  attach: (platform, protocol) => new SystemPowerState(platform.model(systemKind), protocol),
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
    command(0x1, 'PROTOCOL_ATTRIBUTES', [], [u32('attributes')], (_state, _request, reply) => {
      reply.u32(0)
      return SUCCESS
    }),
    command(0x3, 'SYSTEM_POWER_STATE_SET', [u32('flags'), u32('system_state')], [], setState, {
      attributes: ({ system }) =>
        (system.supports(SystemState.WARM_RESET) ? WARM_RESET : 0) +
        (system.supports(SystemState.SUSPEND) ? SUSPEND : 0),
    }),
    command(0x4, 'SYSTEM_POWER_STATE_GET', [], [u32('system_state')], (state, _request, reply) => {
      reply.u32(state.system.state)
      return SUCCESS
    }),
    command(
      0x5,
      'SYSTEM_POWER_STATE_NOTIFY',
      [u32('notify_enable')],
      [],
      (state, request) => {
        const enable = request.u32()
        if (enable & ~1) return INVALID_PARAMETERS
        state.subscribed = enable === 1
        state.onChange?.()
        return SUCCESS
      },
      { needsEvents: true },
    ),
  ],
  events: [
    event(STATE_NOTIFIER, 'SYSTEM_POWER_STATE_NOTIFIER', STATE_EVENT),
    event(STATE_NOTIFIER, 'SYSTEM_POWER_STATE_NOTIFIER', [...STATE_EVENT, u32('timeout')], V2),
  ],
})
