/** The platform's clocks: who feeds whom, and what a change of one means for the others. Knows no bytes. */
import { EventEmitter } from 'node:events'
import { thereAre } from '../../support/known-names.js'
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import type { Kept, Saved } from '../core/kept.js'
import { byUniqueName, named } from '../core/named.js'
import { checkTree } from '../core/tree.js'
import { Clock } from './clock.js'
import type { ClockConfig } from './config.js'
import { divided } from './rates.js'

export interface ClockEvents {
  /** A rate changed. `agentId` caused it; 0 is the platform. */
  rateChanged: [clock: Clock, agentId: number]
  /** `agentId` requested a rate, which may be the current one. */
  rateRequested: [clock: Clock, agentId: number, rateHz: number]
}

export class Clocks extends EventEmitter<ClockEvents> implements Kept {
  onChange: (() => void) | undefined
  readonly list: readonly Clock[]

  constructor(configs: ClockConfig[]) {
    super()
    this.setMaxListeners(0)
    this.list = configs.map((config, position) => new Clock(config, [position]))
    const byName = byUniqueName(this.list, 'clocks')
    configs.forEach((config, position) => {
      this.#connect(this.list[position]!, config, byName, [position])
    })
    checkTree(this.list, ({ parents }) => parents, 'parents')
    const rates = new Map(this.list.map((clock, position) => [clock, configs[position]!.rate]))
    for (const clock of this.list) if (!clock.dividers) this.#divide(clock, rates)
  }

  #connect(clock: Clock, config: ClockConfig, byName: Map<string, Clock>, at: ConfigPath): void {
    clock.parents = (config.parents ?? []).map((name, i) => {
      const parent = byName.get(name)
      if (!parent || parent === clock) {
        const others = [...byName.keys()].filter(other => other !== clock.name)
        throw new ConfigError([...at, 'parents', i], `${name} is not another clock; ${thereAre(others)}`)
      }
      parent.children.push(clock)
      return parent
    })
    const name = config.parent ?? config.parents?.[0]
    clock.parent = clock.parents.find(parent => parent.name === name)
    if (name !== undefined && !clock.parent) {
      throw new ConfigError([...at, 'parent'], `${name} is not among the clock's parents`)
    }
  }

  /** Sets the rates of the clocks that divide this one's, down the tree. `rates` are the configured ones. */
  #divide(parent: Clock, rates: ReadonlyMap<Clock, number | undefined>): void {
    for (const clock of parent.children) {
      if (!clock.dividers || clock.parent !== parent) continue
      const rateHz = rates.get(clock)
      clock.divider = clock.dividers[clock.dividers.length - 1]!
      clock.follow()
      if (rateHz !== undefined) {
        const divider = clock.dividers.find(divider => divided(parent.rateHz, divider) === rateHz)
        const message = `${rateHz} Hz is not one of the rates ${clock.rates?.join(', ')} that the divider gives`
        if (divider === undefined) throw new ConfigError([this.list.indexOf(clock), 'rate'], message)
        clock.divider = divider
        clock.follow()
      }
      this.#divide(clock, rates)
    }
  }

  /** The clock of this name. Throws if there is none, as only callers on the host ask, who know the platform. */
  named(name: string): Clock {
    return named(this.list, 'clock', name)
  }

  /** Sets a rate that `supportedRate` returned, and the clocks that divide it. `agentId` 0 is the platform. */
  setRate(clock: Clock, rateHz: number, agentId: number): void {
    const before = clock.rateHz
    clock.setRate(rateHz)
    if (clock.rateHz !== before) this.#changed(clock, agentId)
  }

  /** Sets the parent of `clock`. `agentId` 0 is the platform. */
  setParent(clock: Clock, parent: Clock, agentId: number): void {
    clock.setParent(parent)
    this.#follow(clock, agentId)
  }

  /** Empty: everything follows from the state of the single clocks. */
  save(): Saved {
    return null
  }

  restore(): void {
    for (const clock of this.list) clock.follow()
  }

  #changed(clock: Clock, agentId: number): void {
    this.emit('rateChanged', clock, agentId)
    for (const child of clock.children) if (child.parent === clock) this.#follow(child, agentId)
  }

  #follow(clock: Clock, agentId: number): void {
    const before = clock.rateHz
    clock.follow()
    if (clock.rateHz !== before) this.#changed(clock, agentId)
  }
}
