/** Commands of one agent that are answered at once and carried out later: how many at a time, and what ends them. */
import { z } from 'zod'
import { mustFit, readSaved, type Saved } from '../../platform/core/kept.js'
import type { Timer } from '../../platform/core/time.js'
import { COMMAND, messageIdOf, protocolIdOf, typeOf } from '../../wire/header.js'
import { DENIED } from '../../wire/status.js'
import type { KeptPart } from './kept-view.js'
import type { AgentProtocol } from './protocol.js'
import type { ResourceView } from './view.js'

export interface PendingOptions<Op> {
  /** Most that may be under way at once; default: any number. */
  max?: number | undefined
  /** The fields of a command under way, to read it from a state file. */
  shape: z.ZodType<Op>
  /** Throws an error if a command from a state file can't be carried out. */
  check(op: Op): void
  /** Notes at the resource that a command is under way, or no longer: others may have to wait for it. */
  mark?(op: Op, underWay: boolean): void
  /** Carries the command out. */
  finish(op: Op): void
}

/** What every command under way has. */
interface PendingOp {
  /** The agent's id of the resource; undefined: it is about no single one. */
  id?: number
  /** Of the command, if it has a delayed response. */
  header?: number
  /** Whether the agent wants the delayed response; default: it does. */
  respond?: boolean
}

/** max_pending_async of the platform file for this protocol. */
export function maxPending({ agent, protocol }: AgentProtocol): number | undefined {
  return agent.platform.config.protocols[protocol.name]?.max_pending_async
}

/** `Op` says what is to be done, in numbers and in ids as the agent knows them. */
export class PendingCommands<Op extends PendingOp & Record<keyof Op, Saved>> implements KeptPart<unknown> {
  readonly max: number
  readonly #view: ResourceView<{ name: string }>
  readonly #options: PendingOptions<Op>
  readonly #underWay = new Map<Op, Timer>()

  constructor(view: ResourceView<{ name: string }>, options: PendingOptions<Op>) {
    this.max = options.max ?? Number.POSITIVE_INFINITY
    this.#view = view
    this.#options = options
  }

  get #protocol(): AgentProtocol {
    return this.#view.protocol
  }

  /** Whether another command with a delayed response is BUSY: too many are under way, or the agent does not fetch responses. */
  get busy(): boolean {
    return this.#underWay.size >= this.max || this.#protocol.agent.events.congested
  }

  /**
   * Whether the agent is offered commands with a delayed response for a resource with this latency. Not without an event
   * queue: Linux uses the asynchronous form wherever it is offered, and would wait for the response in vain.
   */
  offersAsync({ latencyUs }: { readonly latencyUs?: number | undefined }): boolean {
    return latencyUs !== undefined && this.max > 0 && this.#protocol.agent.events.available
  }

  start(op: Op, delayUs = 0): void {
    const { mark, finish } = this.#options
    const protocol = this.#protocol
    protocol.agent.changed = true
    mark?.(op, true)
    const timer = protocol.agent.platform.time.after(delayUs, () => {
      this.#underWay.delete(op)
      protocol.onChange?.()
      mark?.(op, false)
      finish(op)
    })
    this.#underWay.set(op, timer)
    protocol.onChange?.()
  }

  save(): Saved {
    return [...this.#underWay.keys()] as Saved[]
  }

  /** The commands are carried out at once: they have taken long enough. */
  restore(saved: Saved): void {
    for (const op of readSaved(z.array(this.#options.shape), saved)) {
      mustFit(this.#isOf(op), `no command with header ${op.header} can be under way`)
      this.#options.check(op)
      this.start(op)
    }
  }

  /** Whether the header is that of a command of this protocol with a delayed response. */
  #isOf({ header }: Op): boolean {
    if (header === undefined) return true
    const { id, commands } = this.#protocol.protocol
    const isDelayed = commands.some(command => command.id === messageIdOf(header) && command.delayed !== undefined)
    return typeOf(header) === COMMAND && protocolIdOf(header) === id && isDelayed
  }

  /** Gives up all commands. */
  clear(): void {
    for (const op of this.#underWay.keys()) this.#giveUp(op)
  }

  /** Gives up the commands for resources that were taken from the agent. The delayed response that it waits for is DENIED. */
  revoke(): void {
    for (const op of this.#underWay.keys()) {
      if (op.id === undefined || this.#view.find(op.id) !== undefined) continue
      this.#giveUp(op)
      if (op.header !== undefined && op.respond !== false) this.#protocol.respondLater(op.header, [DENIED])
    }
  }

  #giveUp(op: Op): void {
    this.#underWay.get(op)?.cancel()
    this.#underWay.delete(op)
    this.#options.mark?.(op, false)
    this.#protocol.onChange?.()
  }
}
