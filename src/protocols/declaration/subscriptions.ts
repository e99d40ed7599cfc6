/** Which resources an agent wants to be notified of, and the handler of the commands that say so. */
import { z } from 'zod'
import { readSaved, type Saved, savedWord } from '../../platform/core/kept.js'
import { INVALID_PARAMETERS, NOT_SUPPORTED, SUCCESS } from '../../wire/status.js'
import type { KeptPart } from './kept-view.js'
import type { Command } from './protocol.js'
import type { ResourceView } from './view.js'

/** The view that the resources belong to. */
export interface Ids<Resource> {
  idOf(resource: Resource): number | undefined
  /** The resource with an id that was saved. Throws an error if there is none. */
  saved(id: number): Resource
  readonly onChange: (() => void) | undefined
}

type OnChange<Resource> = (resource: Resource, before: number, after: number) => void

const savedIds = z.array(savedWord)
const savedFlags = z.array(z.tuple([savedWord.describe('id'), savedWord.describe('flags')]))

const ALL = 0xffff_ffff

/** A word of flags for each resource, one for each event or sort of event; 0 is no subscription. */
export class FlagSubscriptions<Resource> implements KeptPart<Resource> {
  protected readonly ids: Ids<Resource>
  readonly #flags = new Map<Resource, number>()
  readonly #onChange: OnChange<Resource> | undefined

  /** `onChange` is called after each change of a resource's flags. */
  constructor(ids: Ids<Resource>, onChange?: OnChange<Resource>) {
    this.ids = ids
    this.#onChange = onChange
  }

  /** The agent's id of a resource that it wants to be notified of, for one of `flags`; otherwise undefined. */
  idFor(resource: Resource, flags = ALL): number | undefined {
    const subscribed = this.#flags.get(resource)
    return subscribed !== undefined && (subscribed & flags) !== 0 ? this.ids.idOf(resource) : undefined
  }

  set(resource: Resource, flags: number): void {
    const before = this.#flags.get(resource) ?? 0
    if (flags === before) return
    if (flags === 0) this.#flags.delete(resource)
    else this.#flags.set(resource, flags)
    this.#onChange?.(resource, before, flags)
    this.ids.onChange?.()
  }

  revoke(resources: Iterable<Resource>): void {
    for (const resource of resources) this.set(resource, 0)
  }

  clear(): void {
    this.revoke([...this.#flags.keys()])
  }

  save(): Saved {
    return this.entries()
  }

  restore(saved: Saved): void {
    for (const [id, flags] of readSaved(savedFlags, saved)) this.set(this.ids.saved(id), flags)
  }

  /** Ids and flags. */
  protected entries(): [id: number, flags: number][] {
    return [...this.#flags].flatMap(([resource, flags]) => {
      const id = this.ids.idOf(resource)
      return id === undefined ? [] : [[id, flags] as [number, number]]
    })
  }
}

/** The same for one event: flag 1, or none. */
export class Subscriptions<Resource> extends FlagSubscriptions<Resource> {
  override save(): Saved {
    return this.entries().map(([id]) => id)
  }

  override restore(saved: Saved): void {
    for (const id of readSaved(savedIds, saved)) this.set(this.ids.saved(id), 1)
  }
}

/** The handler of a command that subscribes to an event of one resource, or ends that: an id, and 1 or 0. */
export function subscribing<Resource extends { name: string }, View extends ResourceView<Resource>>(
  subscriptionsOf: (view: View) => Subscriptions<Resource>,
  offers: (resource: Resource) => boolean,
): Command<View>['handler'] {
  return (view, request) => {
    const resource = view.find(request.u32())
    const enable = request.u32()
    if (!resource) return view.refusal
    if (enable & ~1) return INVALID_PARAMETERS
    if (!offers(resource)) return NOT_SUPPORTED
    subscriptionsOf(view).set(resource, enable)
    return SUCCESS
  }
}
