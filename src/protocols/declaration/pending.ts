/** Commands of one agent that are answered at once and carried out later: how many may be, and what ends them. */
import { z } from 'zod'
import { readSaved, type Saved } from '../../platform/core/kept.js'
import type { Timer } from '../../platform/core/time.js'
import { DENIED } from '../../wire/status.js'
import type { AgentProtocol } from './protocol.js'

export interface PendingOptions<Op> {
  /** Most that may be under way at once; default: any number. */
  max?: number
  /** What one is made of. */
  shape: z.ZodType<Op>
  /** Notes that one is under way, or no more: others may have to wait for it. */
  mark?(op: Op, underWay: boolean): void
  /** Carries one out, when its time has come. */
  finish(op: Op): void
}

/** What every command under way says of itself. */
interface PendingOp {
  /** The agent's id of the resource. */
  id: number
  /** Of the command, if it has a delayed response. */
  header?: number
  /** Whether the agent wants that; default: it does. */
  respond?: boolean
}

/** `Op` says what is to be done, in numbers and ids as the agent sees them. */
export class PendingCommands<Op extends PendingOp & Record<keyof Op, Saved>> {
  readonly max: number
  readonly #protocol: AgentProtocol
  readonly #options: PendingOptions<Op>
  readonly #underWay = new Map<Op, Timer>()

  constructor(protocol: AgentProtocol, options: PendingOptions<Op>) {
    this.max = options.max ?? Number.POSITIVE_INFINITY
    this.#protocol = protocol
    this.#options = options
  }

  /** Whether one with a delayed response must be refused as BUSY: so many are under way, or lie where the agent leaves them. */
  get busy(): boolean {
    return this.#underWay.size >= this.max || this.#protocol.agent.events.congested
  }

  start(op: Op, delayUs: number): void {
    const { mark, finish } = this.#options
    this.#protocol.agent.changed = true
    mark?.(op, true)
    const timer = this.#protocol.agent.platform.time.after(delayUs, () => {
      this.#underWay.delete(op)
      this.#protocol.onChange?.()
      mark?.(op, false)
      finish(op)
    })
    this.#underWay.set(op, timer)
    this.#protocol.onChange?.()
  }

  save(): Saved {
    return [...this.#underWay.keys()] as Saved[]
  }

  /** They have taken long enough. `check` throws an error if one can't be carried out. */
  restore(saved: Saved, check: (op: Op) => void): void {
    for (const op of readSaved(z.array(this.#options.shape), saved)) {
      check(op)
      this.start(op, 0)
    }
  }

  /** Gives up all that are under way. */
  cancel(): void {
    for (const op of this.#underWay.keys()) this.#giveUp(op)
  }

  /** Gives up those for resources that were taken from the agent. Who waits for a delayed response is told: DENIED. */
  refuse(isRevoked: (id: number) => boolean): void {
    for (const op of this.#underWay.keys()) {
      if (!isRevoked(op.id)) continue
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
