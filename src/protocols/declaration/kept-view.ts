/**
 * A view with what the agent has asked for and may still get: subscriptions, commands under way. It ends with the agent's
 * driver, or when a resource is taken from the agent; state files keep it.
 */
import type { EventEmitter } from 'node:events'
import { z } from 'zod'
import { readSaved, type Saved } from '../../platform/core/kept.js'
import type { AgentState } from './protocol.js'
import { ResourceView } from './view.js'

/** One thing of that sort, such as the subscriptions to one event. */
export interface KeptPart<Resource> {
  /** The agent's permissions changed: it may no longer use these resources, if any. */
  revoke(resources: readonly Resource[]): void
  clear(): void
  save(): Saved
  restore(saved: Saved): void
}

/** By the names of a model's events. */
type Listeners<Events extends Record<keyof Events, unknown[]>> = {
  readonly [Name in keyof Events]?: (...values: Events[Name]) => void
}

export abstract class KeptView<Resource extends { name: string }> extends ResourceView<Resource> implements AgentState {
  onChange: (() => void) | undefined
  readonly #parts: KeptPart<Resource>[] = []
  readonly #endListening: (() => void)[] = []

  /** Adds a part. State files have the parts in the order in which they were added. */
  protected keep<Part extends KeptPart<Resource>>(part: Part): Part {
    this.#parts.push(part)
    return part
  }

  /** Hears of a model's events, until `release`. */
  protected listen<Events extends Record<keyof Events, unknown[]>>(
    model: EventEmitter<Events>,
    listeners: Listeners<Events>,
  ): void {
    const emitter = model as EventEmitter
    for (const [name, listener] of Object.entries(listeners) as [string, () => void][]) {
      emitter.on(name, listener)
      this.#endListening.push(() => emitter.off(name, listener))
    }
  }

  override permissionsChanged(): readonly Resource[] {
    const revoked = super.permissionsChanged()
    for (const part of this.#parts) part.revoke(revoked)
    return revoked
  }

  /** A single part stands by itself. */
  save(): Saved {
    const all = this.#parts.map(part => part.save())
    return all.length === 1 ? all[0]! : all
  }

  restore(saved: Saved): void {
    const { length } = this.#parts
    const all = length === 1 ? [saved] : readSaved(z.array(z.custom<Saved>()).length(length), saved)
    for (const [i, part] of this.#parts.entries()) part.restore(all[i]!)
  }

  reset(): void {
    for (const part of this.#parts) part.clear()
  }

  release(): void {
    for (const end of this.#endListening) end()
    this.reset()
  }
}
