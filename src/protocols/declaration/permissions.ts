/** Which resources an agent may use (SCMI v3.2 §4.2.2.10 ff.). They belong to the agent, and outlive its driver. */
import { z } from 'zod'
import { type Kept, readSaved, type Saved } from '../../platform/core/kept.js'

/** `20/uart`: protocol id, name of the resource. */
const savedExceptions = z.array(z.string().regex(/^\d+\/./))

export class Permissions implements Kept {
  onChange: (() => void) | undefined
  /** Applies to all resources until a trusted agent changes one, and again after a reset. */
  readonly deniedByDefault: boolean
  /** Names of the resources for which the opposite holds, by protocol id. */
  readonly #exceptions = new Map<number, Set<string>>()

  constructor(deniedByDefault = false) {
    this.deniedByDefault = deniedByDefault
  }

  denies(protocolId: number, resourceName: string): boolean {
    return this.deniedBy(protocolId)(resourceName)
  }

  /** The same for many resources of a protocol, as guests can make us check all of them repeatedly. */
  deniedBy(protocolId: number): (resourceName: string) => boolean {
    const exceptions = this.#exceptions.get(protocolId)
    if (!exceptions?.size) return () => this.deniedByDefault
    return name => exceptions.has(name) !== this.deniedByDefault
  }

  /** Returns whether it changed anything. */
  set(protocolId: number, resourceName: string, allowed: boolean): boolean {
    if (this.denies(protocolId, resourceName) !== allowed) return false
    let names = this.#exceptions.get(protocolId)
    if (!names) this.#exceptions.set(protocolId, (names = new Set()))
    if (allowed === this.deniedByDefault) names.add(resourceName)
    else names.delete(resourceName)
    this.onChange?.()
    return true
  }

  /** Resets to the default. Returns the ids of the protocols whose permissions changed. */
  reset(): number[] {
    const changed = [...this.#exceptions].filter(([, names]) => names.size > 0).map(([id]) => id)
    this.#exceptions.clear()
    if (changed.length > 0) this.onChange?.()
    return changed
  }

  /** Without the default, which is in the platform file. */
  save(): Saved {
    return [...this.#exceptions].flatMap(([id, names]) => [...names].map(name => `${id}/${name}`))
  }

  restore(saved: Saved): void {
    this.#exceptions.clear()
    for (const key of readSaved(savedExceptions, saved)) {
      const slash = key.indexOf('/')
      this.set(Number(key.slice(0, slash)), key.slice(slash + 1), this.deniedByDefault)
    }
  }
}
