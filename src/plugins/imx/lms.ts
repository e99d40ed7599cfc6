/**
 * Logical machines of an i.MX: their configuration, their state, and the rules for requests of agents. Machines that run
 * no agent of this platform are simulated: they do what they are asked for after their latency. Knows no bytes.
 */
import { EventEmitter } from 'node:events'
import { z } from 'zod'
import { ConfigError } from '../../platform/core/config-error.js'
import { Entry, entryKeys } from '../../platform/core/entry.js'
import { byId, numbered } from '../../platform/core/ids.js'
import { type Kept, mustHave, readSaved, type Saved } from '../../platform/core/kept.js'
import { byUniqueName, named } from '../../platform/core/named.js'
import type { Time, Timer } from '../../platform/core/time.js'
import { duration } from '../../platform/core/units.js'
import { type Reasons, reasonSchema, requestedBy, SHORT_NAME_MAX } from './reasons.js'

const permissionsSchema = z
  .strictObject({
    manage: z.boolean().default(true),
    notify: z.boolean().default(true),
  })
  .describe('What other machines may do: start and stop it, be notified; the matching request is DENIED otherwise')

/** By name, as LMM_ATTRIBUTES numbers them. */
export const LmState = { off: 0, on: 1, suspended: 2, powered: 3 } as const
export type LmState = keyof typeof LmState

/** Ids have four bits in reasons, and Linux takes no more. */
const LMS_MAX = 16

const lmSchema = z.strictObject({
  ...entryKeys(LMS_MAX, SHORT_NAME_MAX),
  state: z.enum(['off', 'on', 'suspended', 'powered']).default('on').describe('State at start'),
  agents: z.array(z.string()).default([]).describe('Names of the agents that run in it'),
  default: z.boolean().default(false).describe('Agents that no machine lists run in this one; default: in the first'),
  latency: duration.default(100_000).describe('Time that a simulated machine takes for a request'),
  error: z.int().min(-0x8000_0000).max(0x7fff_ffff).default(0).describe('Last error status'),
  boot_reason: reasonSchema.optional().describe("Default: the system's"),
  shutdown_reason: reasonSchema.optional().describe("Default: the system's"),
  permissions: permissionsSchema.prefault({}),
})

export const lmsSchema = numbered(z.array(lmSchema).min(1).max(LMS_MAX), LMS_MAX)
export type LmConfig = z.infer<typeof lmsSchema>[number]

const savedLm = z.tuple([
  z.enum(['off', 'on', 'suspended', 'powered']),
  reasonSchema.nullable().describe('boot'),
  reasonSchema.nullable().describe('shutdown'),
])

export class Lm extends Entry implements Kept {
  onChange: (() => void) | undefined
  /** Names of the agents that run in it. */
  readonly agents: readonly string[]
  /** Whether it runs agents of this platform. Otherwise it is simulated. */
  readonly hasAgents: boolean
  readonly latencyUs: number
  readonly error: number
  readonly permissions: { manage: boolean; notify: boolean }
  state: LmState
  /** Why it booted and shut down; undefined: for the system's reasons. */
  readonly reasons: Reasons

  constructor(config: LmConfig) {
    super(config)
    this.agents = config.agents
    this.hasAgents = config.default || config.agents.length > 0
    this.latencyUs = config.latency
    this.error = config.error
    this.permissions = config.permissions
    this.state = config.state
    this.reasons = { boot: config.boot_reason, shutdown: config.shutdown_reason }
  }

  save(): Saved {
    return [this.state, this.reasons.boot ?? null, this.reasons.shutdown ?? null]
  }

  restore(saved: Saved): void {
    const [state, boot, shutdown] = readSaved(savedLm, saved)
    this.state = state
    this.reasons.boot = boot ?? undefined
    this.reasons.shutdown = shutdown ?? undefined
  }
}

/** What happens to a machine. */
export type LmChange = 'boot' | 'shutdown' | 'suspend' | 'wake'
/** What a machine can be asked to do by itself. */
export type LmRequest = 'shutdown' | 'reset' | 'suspend' | 'wake'

export interface LmEvents {
  /** `by` is the machine that caused it; undefined: the platform. */
  changed: [lm: Lm, change: LmChange, by: Lm | undefined]
  /** A machine that runs agents is asked to do something. Its host calls the method of that name when it is done. */
  requested: [lm: Lm, request: LmRequest, by: Lm | undefined]
}

const savedLms = z.array(
  z.tuple([
    z.int().describe('id'),
    z.enum(['shutdown', 'reset', 'suspend', 'wake']),
    z.int().nullable().describe('by'),
  ]),
)

export class Lms extends EventEmitter<LmEvents> implements Kept {
  onChange: (() => void) | undefined
  readonly list: readonly Lm[]
  readonly #default: Lm
  readonly #time: Time
  /** Requests to simulated machines that are under way. */
  readonly #pending = new Map<Lm, { timer: Timer; request: LmRequest; by: Lm | undefined }>()

  constructor(configs: LmConfig[], time: Time) {
    super()
    this.setMaxListeners(0)
    this.#time = time
    this.list = configs.map(config => new Lm(config))
    const taken = new Set<string>()
    byUniqueName(this.list, 'logical machines')
    configs.forEach(({ agents, default: isDefault }, position) => {
      agents.forEach((agent, i) => {
        if (taken.has(agent)) throw new ConfigError([position, 'agents', i], `${agent} runs in another machine already`)
        taken.add(agent)
      })
      if (isDefault && configs.findIndex(config => config.default) !== position) {
        throw new ConfigError([position, 'default'], 'another machine is the default already')
      }
    })
    this.#default =
      this.list[
        Math.max(
          configs.findIndex(config => config.default),
          0,
        )
      ]!
  }

  /** By name. Throws if there is none: for callers on the host, who know the platform. */
  named(name: string): Lm {
    return named(this.list, 'logical machine', name)
  }

  /** The machine that an agent runs in. */
  ofAgent(name: string): Lm {
    return this.list.find(lm => lm.agents.includes(name)) ?? this.#default
  }

  /** Gives it power, so that it can be loaded. Does nothing if the machine has power. */
  powerOn(lm: Lm): void {
    if (lm.state !== 'off') return
    lm.state = 'powered'
    lm.onChange?.()
  }

  /** Starts it. Does nothing if the machine is on or suspended. */
  boot(lm: Lm, by?: Lm): void {
    if (lm.state === 'on' || lm.state === 'suspended') return
    lm.reasons.boot = requestedBy(by?.id)
    this.#become(lm, 'on', 'boot', by)
  }

  shutdown(lm: Lm, by?: Lm): void {
    if (lm.state === 'off') return
    lm.reasons.shutdown = requestedBy(by?.id)
    this.#become(lm, 'off', 'shutdown', by)
  }

  /** Shuts it down and boots it, for the same reason. */
  reset(lm: Lm, by?: Lm): void {
    this.shutdown(lm, by)
    this.boot(lm, by)
  }

  suspend(lm: Lm, by?: Lm): void {
    if (lm.state === 'on') this.#become(lm, 'suspended', 'suspend', by)
  }

  wake(lm: Lm, by?: Lm): void {
    if (lm.state === 'suspended') this.#become(lm, 'on', 'wake', by)
  }

  /** Asks a machine to do something by itself. Only the latest request counts. */
  request(lm: Lm, request: LmRequest, by?: Lm): void {
    this.#pending.get(lm)?.timer.cancel()
    if (lm.hasAgents) this.emit('requested', lm, request, by)
    else this.#doLater(lm, request, by)
  }

  #doLater(lm: Lm, request: LmRequest, by: Lm | undefined): void {
    const timer = this.#time.after(lm.latencyUs, () => {
      this.#pending.delete(lm)
      this.onChange?.()
      this[request](lm, by)
    })
    this.#pending.set(lm, { timer, request, by })
    this.onChange?.()
  }

  /** Requests to simulated machines that are under way. */
  save(): Saved {
    return [...this.#pending].map(([lm, { request, by }]) => [lm.id, request, by?.id ?? null])
  }

  restore(saved: Saved): void {
    const machines = byId(this.list)
    const machine = (id: number): Lm => mustHave(machines[id], `there is no machine ${id}`)
    for (const [id, request, by] of readSaved(savedLms, saved)) {
      this.#doLater(machine(id), request, by === null ? undefined : machine(by))
    }
  }

  /** Cancels all requests that are under way. */
  close(): void {
    for (const { timer } of this.#pending.values()) timer.cancel()
    this.#pending.clear()
  }

  #become(lm: Lm, state: LmState, change: LmChange, by: Lm | undefined): void {
    this.#pending.get(lm)?.timer.cancel()
    this.#pending.delete(lm)
    lm.state = state
    this.onChange?.()
    lm.onChange?.()
    this.emit('changed', lm, change, by)
  }
}

/** The reasons of a machine; the system's where it has none of its own. */
export function reasonsOf(lm: Lm, system: Reasons): Reasons {
  return { boot: lm.reasons.boot ?? system.boot, shutdown: lm.reasons.shutdown ?? system.shutdown }
}
