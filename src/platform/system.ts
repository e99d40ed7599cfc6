/**
 * The system as a whole: which power states agents may ask for, and the requests under way. The platform carries out
 * nothing itself: it tells the agents, and whoever runs the machine on the host. Knows no bytes.
 */
import { EventEmitter } from 'node:events'
import { z } from 'zod'
import { ConfigError } from './config.js'
import { type Kept, mustFit, readSaved, type Saved } from './kept.js'
import type { Platform } from './platform.js'
import type { ResourceKind } from './resource.js'
import { systemProperties } from './system-properties.js'
import type { Time, Timer } from './time.js'
import { duration } from './units.js'

const permissionsSchema = z
  .strictObject({ state: z.boolean().default(true) })
  .describe('What agents may change; the matching request is DENIED otherwise')

const systemSchema = z.strictObject({
  warm_reset: z.boolean().default(false).describe('Warm reset is supported; shutdown and cold reset always are'),
  suspend: z.boolean().default(false).describe('Suspend is supported'),
  timeout: duration
    .default(0)
    .describe('Time that agents have for a graceful shutdown, in whole milliseconds, before it is forced; 0: no limit'),
  permissions: permissionsSchema.prefault({}),
})

type SystemConfig = z.infer<typeof systemSchema>

/** System power states (SCMI v3.2 §4.4.2.4). */
export const SystemState = { SHUTDOWN: 0, COLD_RESET: 1, WARM_RESET: 2, POWER_UP: 3, SUSPEND: 4 } as const
export type SystemState = (typeof SystemState)[keyof typeof SystemState]

const { SHUTDOWN, COLD_RESET, WARM_RESET, POWER_UP, SUSPEND } = SystemState

/** Timers of Node take no more than 31 bits of milliseconds, 24 days. */
const TIMEOUT_MS_MAX = 0x7fff_ffff

/** Agents are asked to bring the system into a state by themselves. */
export interface GracefulRequest {
  state: SystemState
  /** Who asked; 0 is the platform. */
  agentId: number
  /** Milliseconds until a shutdown is forced; 0: never, and for every other state. */
  timeoutMs: number
}

interface SystemEvents {
  /** A graceful transition was asked for. */
  requested: [request: GracefulRequest]
  /** A forceful transition begins now: whoever runs the machine carries it out. */
  forced: [state: SystemState, agentId: number]
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
  /** Where the last forceful transition led to; a reset leads to POWER_UP again. */
  state: SystemState = POWER_UP
  readonly #supported: ReadonlySet<number>
  readonly #time: Time
  readonly #agents = new Set<number>()
  /** Of a graceful shutdown: when it is forced. */
  #deadline: { timer: Timer; state: SystemState; timeoutMs: number } | undefined

  constructor(config: SystemConfig, time: Time) {
    super()
    this.setMaxListeners(0)
    this.permissions = config.permissions
    this.timeoutMs = config.timeout / 1000
    if (!Number.isInteger(this.timeoutMs)) throw new ConfigError(['timeout'], 'agents are told whole milliseconds')
    if (this.timeoutMs > TIMEOUT_MS_MAX) throw new ConfigError(['timeout'], 'at most 24 days')
    const supported: SystemState[] = [SHUTDOWN, COLD_RESET, POWER_UP]
    if (config.warm_reset) supported.push(WARM_RESET)
    if (config.suspend) supported.push(SUSPEND)
    this.#supported = new Set(supported)
    this.#time = time
  }

  /** Whether the system can be brought into this state. */
  supports(state: number): state is SystemState {
    return this.#supported.has(state)
  }

  /**
   * Asks for a transition: graceful, so that the agents prepare and carry it out, or forceful. `timeoutMs` replaces the
   * time that agents have for a graceful shutdown, in milliseconds; `agentId` 0 is the platform itself. Only the latest
   * request counts. When the time is over it is the platform that forces the shutdown. Throws RangeError if the system has no such state or the timeout is not 0 to 2^31-1.
   */
  request(state: SystemState, options: { graceful: boolean; timeoutMs?: number }, agentId = 0): void {
    if (!this.supports(state)) throw new RangeError(`the system has no state ${state}`)
    const timeoutMs = options.timeoutMs ?? this.timeoutMs
    if (!(Number.isInteger(timeoutMs) && timeoutMs >= 0 && timeoutMs <= TIMEOUT_MS_MAX)) {
      throw new RangeError(`${timeoutMs} is not a timeout in milliseconds`)
    }
    this.#cancel()
    if (options.graceful) this.#ask(state, state === SHUTDOWN ? timeoutMs : 0, agentId)
    else this.#force(state, agentId)
  }

  #ask(state: SystemState, timeoutMs: number, agentId: number): void {
    if (timeoutMs > 0) this.#forceLater(state, timeoutMs)
    this.emit('requested', { state, agentId, timeoutMs })
  }

  #forceLater(state: SystemState, timeoutMs: number): void {
    const timer = this.#time.after(timeoutMs * 1000, () => {
      this.#deadline = undefined
      this.#force(state, 0)
    })
    this.#deadline = { timer, state, timeoutMs }
    this.onChange?.()
  }

  #force(state: SystemState, agentId: number): void {
    this.state = state === COLD_RESET || state === WARM_RESET ? POWER_UP : state
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

  /** Agents have all of their time again. */
  restore(saved: Saved): void {
    const [state, wanted, timeoutMs] = readSaved(savedSystem, saved)
    mustFit(this.supports(state), `the system has no state ${state}`)
    this.state = state
    if (wanted === null) return
    mustFit(this.supports(wanted), `the system has no state ${wanted}`)
    this.#forceLater(wanted, timeoutMs)
  }

  /** A driver of `agentId` may start. If one does, the system is up. */
  attach(agentId: number): void {
    this.state = POWER_UP
    this.onChange?.()
    this.#agents.add(agentId)
  }

  /** The driver of `agentId` is gone. With the last one goes what the agents were asked for. */
  release(agentId: number): void {
    this.#agents.delete(agentId)
    if (this.#agents.size === 0) this.#cancel()
  }
}

export const system: ResourceKind<SystemConfig, System> = {
  section: 'system',
  schema: systemSchema,
  create: (config, platform: Platform) => new System(config, platform.time),
  properties: systemProperties,
}
