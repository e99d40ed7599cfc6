/**
 * System power: the states that agents may request, and pending requests. The platform carries out nothing itself: it
 * notifies agents and whoever runs the machine on the host. Knows no bytes.
 */
import { EventEmitter } from 'node:events'
import { z } from 'zod'
import { ConfigError } from '../core/config-error.js'
import { type Kept, mustFit, readSaved, type Saved } from '../core/kept.js'
import type { Time, Timer } from '../core/time.js'
import type { SystemConfig } from './config.js'

/** System power states (SCMI v3.2 §4.4.2.4). */
export const SystemState = { SHUTDOWN: 0, COLD_RESET: 1, WARM_RESET: 2, POWER_UP: 3, SUSPEND: 4 } as const
export type SystemState = (typeof SystemState)[keyof typeof SystemState]

const { SHUTDOWN, COLD_RESET, WARM_RESET, POWER_UP, SUSPEND } = SystemState

/** The notification carries 32 bits of milliseconds, 49 days. */
const TIMEOUT_MS_MAX = 0xffff_ffff

/** A request to agents to bring the system into a state by themselves. */
export interface GracefulRequest {
  state: number
  /** The agent that asked; 0 is the platform. */
  agentId: number
  /** Milliseconds until a shutdown is forced; 0: never, and for all other states. */
  timeoutMs: number
}

interface SystemEvents {
  /** A graceful transition was requested. */
  requested: [request: GracefulRequest]
  /** A forceful transition begins now; whoever runs the machine carries it out. */
  forced: [state: number, agentId: number]
}

const savedSystem = z.tuple([
  z.int().describe('state'),
  z.int().nullable().describe('state that is forced later'),
  z.int().min(0).max(TIMEOUT_MS_MAX),
])

export class System extends EventEmitter<SystemEvents> implements Kept {
  onChange: (() => void) | undefined
  readonly permissions: { state: boolean }
  /** For graceful shutdowns, in milliseconds; 0: no limit. */
  readonly timeoutMs: number
  /** The state after the last forceful transition; a reset leads to POWER_UP again. */
  state: SystemState = POWER_UP
  /** The standard state that each state amounts to; standard states map to themselves. */
  readonly #acts: ReadonlyMap<number, SystemState>
  readonly #time: Time
  readonly #agents = new Set<number>()
  /** When a pending graceful shutdown is forced. */
  #deadline: { timer: Timer; state: number; timeoutMs: number } | undefined

  constructor(config: SystemConfig, time: Time) {
    super()
    this.setMaxListeners(0)
    this.permissions = config.permissions
    this.timeoutMs = config.timeout / 1000
    if (!Number.isInteger(this.timeoutMs)) throw new ConfigError(['timeout'], 'must be whole milliseconds')
    if (this.timeoutMs > TIMEOUT_MS_MAX)
      throw new ConfigError(['timeout'], `must be at most ${TIMEOUT_MS_MAX} ms, 49 days`)
    const supported: SystemState[] = [SHUTDOWN, COLD_RESET, POWER_UP]
    if (config.warm_reset) supported.push(WARM_RESET)
    if (config.suspend) supported.push(SUSPEND)
    this.#acts = new Map([...supported.map(state => [state, state] as const), ...vendorStates(config)])
    this.#time = time
  }

  /** Whether agents can request this state. */
  supports(state: number): boolean {
    return this.#acts.has(state)
  }

  /** The standard state that this one amounts to. Throws RangeError if the system has no such state. */
  actOf(state: number): SystemState {
    const act = this.#acts.get(state)
    if (act === undefined) throw new RangeError(`the system has no state ${state}`)
    return act
  }

  /**
   * Requests a transition: graceful, for the agents to prepare and carry out, or forceful. `timeoutMs` replaces the
   * configured time for a graceful shutdown; `agentId` 0 is the platform. A new request replaces the pending one. When
   * the time has elapsed the platform forces the shutdown. Throws RangeError if the system has no such state or the
   * timeout is not 0 to 2^32-1.
   */
  request(state: number, options: { graceful: boolean; timeoutMs?: number }, agentId = 0): void {
    const act = this.actOf(state)
    const timeoutMs = options.timeoutMs ?? this.timeoutMs
    if (!(Number.isInteger(timeoutMs) && timeoutMs >= 0 && timeoutMs <= TIMEOUT_MS_MAX)) {
      throw new RangeError(`${timeoutMs} is not a timeout; write 0 to ${TIMEOUT_MS_MAX} milliseconds`)
    }
    this.#cancel()
    if (options.graceful) this.#ask(state, act === SHUTDOWN ? timeoutMs : 0, agentId)
    else this.#force(state, agentId)
  }

  #ask(state: number, timeoutMs: number, agentId: number): void {
    if (timeoutMs > 0) this.#forceLater(state, timeoutMs)
    this.emit('requested', { state, agentId, timeoutMs })
  }

  #forceLater(state: number, timeoutMs: number): void {
    const timer = this.#time.after(timeoutMs * 1000, () => {
      this.#deadline = undefined
      this.#force(state, 0)
    })
    this.#deadline = { timer, state, timeoutMs }
    this.onChange?.()
  }

  #force(state: number, agentId: number): void {
    const act = this.actOf(state)
    this.state = act === COLD_RESET || act === WARM_RESET ? POWER_UP : act
    this.onChange?.()
    this.emit('forced', state, agentId)
  }

  #cancel(): void {
    this.#deadline?.timer.cancel()
    this.#deadline = undefined
    this.onChange?.()
  }

  save(): Saved {
    return [this.state, this.#deadline?.state ?? null, this.#deadline?.timeoutMs ?? 0]
  }

  /** The timeout of a pending shutdown starts again. */
  restore(saved: Saved): void {
    const [state, wanted, timeoutMs] = readSaved(savedSystem, saved)
    mustFit(this.supports(state), `the system has no state ${state}`)
    this.state = this.actOf(state)
    if (wanted === null) return
    mustFit(this.supports(wanted), `the system has no state ${wanted}`)
    this.#forceLater(wanted, timeoutMs)
  }

  /** A driver of `agentId` may start; if one does, the system is up. */
  attach(agentId: number): void {
    this.state = POWER_UP
    this.onChange?.()
    this.#agents.add(agentId)
  }

  /** The driver of `agentId` is gone. When the last one goes, the pending request is dropped. */
  release(agentId: number): void {
    this.#agents.delete(agentId)
    if (this.#agents.size === 0) this.#cancel()
  }
}

function vendorStates({ vendor_states }: SystemConfig): [number, SystemState][] {
  return Object.entries(vendor_states).map(([state, act]) => [
    Number(state),
    SystemState[act.toUpperCase() as keyof typeof SystemState],
  ])
}
