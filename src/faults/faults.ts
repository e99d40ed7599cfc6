/**
 * The fault rules of a server: how its devices misbehave, and other faults that can be injected. Shared by all devices
 * of a server; each asks for every message while a rule could match.
 */
import { EventEmitter } from 'node:events'
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { notKnown } from '../platform/file/config-issues.js'
import type { Protocol } from '../protocols/declaration/protocol.js'
import { OperatorError } from '../support/errors.js'
import { thereIsNo } from '../support/known-names.js'
import { messageIdOf, protocolIdOf, tokenOf } from '../wire/header.js'
import {
  type Compiled,
  type CompiledEvent,
  compileEvent,
  compileRule,
  messageKey,
  type ReadyRule,
} from './rules/compile.js'
import type { Wanted } from './rules/field-values.js'
import { type CheckedRule, type EventMessage, type FaultRule, type MessageKind, messageKind } from './rules/rule.js'
import type { Held } from './waiting.js'

/** A message that a rule has hit. */
export interface FaultHit {
  id: number
  rule: FaultRule
  /** Name of the agent. */
  agent: string
  /** Header of the command, or of the delayed response or notification. */
  header: number
}

/** A rule and its counters, as plain data. */
export interface FaultState {
  id: number
  rule: FaultRule
  hits: number
  /** Messages that it holds now. */
  held: number
  /** It can still hit. */
  active: boolean
}

/** An active rule. */
export class Fault {
  readonly id: number
  readonly rule: CheckedRule
  readonly given: FaultRule
  /** Messages hit. */
  hits = 0
  held: Held[] = []
  readonly #match: Compiled
  #skipped = 0
  #ended = false
  readonly #random: ReturnType<typeof xoroshiro128plus>

  constructor(id: number, given: FaultRule, match: Compiled) {
    this.id = id
    this.given = given
    this.rule = match.rule
    this.#match = match
    this.#random = xoroshiro128plus(match.rule.seed ?? 0)
  }

  get active(): boolean {
    return this.hits < (this.rule.times ?? Number.POSITIVE_INFINITY)
  }

  /** Whether it matches this message; counts the hit. Calls `hasValues` for `where` only if everything else matches. */
  takes(agent: string, header: number, hasValues: (wanted: readonly Wanted[]) => boolean): boolean {
    const { rule } = this
    const { wanted } = this.#match
    if (!this.active || !this.#isFor(agent, header)) return false
    if (wanted && !hasValues(wanted)) return false
    if (this.#skipped < (rule.skip ?? 0)) {
      this.#skipped++
      return false
    }
    if (rule.probability !== undefined && uniformFloat64(this.#random) >= rule.probability) return false
    this.hits++
    return true
  }

  #isFor(agent: string, header: number): boolean {
    const { rule, protocolId, messageIds } = this.#match
    if (rule.agent !== undefined && rule.agent !== agent) return false
    if (rule.token !== undefined && rule.token !== tokenOf(header)) return false
    if (messageIds) return messageIds.has(messageKey(protocolIdOf(header), messageIdOf(header)))
    return protocolId === undefined || protocolId === protocolIdOf(header)
  }

  /** Keeps a message until it is released, unless the rule was removed in the meantime. */
  hold(held: Held): void {
    this.held.push(held)
    if (this.#ended || this.held.length === this.rule.reorder) this.release()
  }

  /** Releases what it holds, in order or reversed; after the batch, because rings must not change during one. */
  release(): void {
    const held = this.rule.reorder ? this.held.reverse() : this.held
    this.held = []
    for (const one of held) process.nextTick(one.deliver)
  }

  /** Ends the rule: it hits and holds nothing from now on. */
  end(): void {
    this.#ended = true
    this.release()
  }
}

/** A device's interface for faults. */
export interface FaultyDevice {
  /** Name of its agent. */
  readonly name: string
  /** Whether the driver can receive events. */
  readonly hasEvents: boolean
  /** Rules were added or removed, or can no longer hit. */
  rulesChanged(): void
  send(event: CompiledEvent): void
  holdEvents(held: boolean): void
  breakRing(): void
  close(): void
}

export class Faults extends EventEmitter<{ hit: [hit: FaultHit] }> {
  /** Whether any rule could match a message of each kind. */
  readonly awaited: Record<MessageKind, boolean> = { response: false, delayed: false, notification: false }
  readonly #protocols: readonly Protocol[]
  readonly #agents: readonly string[]
  readonly #devices: FaultyDevice[] = []
  #rules: Fault[] = []
  #lastId = 0

  /** `agents` are the names that rules may use. */
  constructor(protocols: readonly Protocol[], agents: readonly string[]) {
    super()
    this.#protocols = protocols
    this.#agents = agents
  }

  /** Each device attaches itself once. */
  attach(device: FaultyDevice): void {
    this.#devices.push(device)
  }

  /**
   * Adds a rule. For each message, the first matching rule applies. Throws OperatorError of one line that names the
   * field and its allowed values.
   */
  add(given: FaultRule): Fault {
    return this.addReady(compileRule(given, { protocols: this.#protocols, agents: this.#agents }))
  }

  /** The same for a rule that was checked when it was loaded. */
  addReady({ given, match }: ReadyRule): Fault {
    const fault = new Fault(++this.#lastId, given, match)
    this.#changed([...this.#rules, fault])
    return fault
  }

  /** Removes a rule and delivers what it holds. Throws OperatorError for an unknown id. */
  remove(id: number): void {
    const fault = this.#find(id)
    this.#changed(this.#rules.filter(other => other !== fault))
    fault.end()
  }

  /** Removes all rules and releases held events. */
  clear(): void {
    for (const { id } of this.#rules) this.remove(id)
    this.releaseEvents()
  }

  /** Delivers what a rule holds; the rule stays. */
  release(id: number): void {
    this.#find(id).release()
  }

  list(): FaultState[] {
    return this.#rules.map(({ id, given, hits, held, active }) => ({
      id,
      rule: given,
      hits,
      held: held.length,
      active,
    }))
  }

  /**
   * Sends an unsolicited notification, delayed response or response. Throws OperatorError as `add` does, and if no
   * driver could receive it.
   */
  send(given: EventMessage): void {
    const message = compileEvent(given, { protocols: this.#protocols, agents: this.#agents })
    const devices = this.#of(message.agent).filter(device => device.hasEvents)
    if (devices.length === 0) throw new OperatorError('no driver with an event queue is running')
    for (const device of devices) device.send(message)
  }

  /** Withholds notifications and delayed responses from the driver, as if it had no event buffers. */
  holdEvents(agent?: string): void {
    for (const device of this.#of(agent)) device.holdEvents(true)
  }

  releaseEvents(agent?: string): void {
    for (const device of this.#of(agent)) device.holdEvents(false)
  }

  /** Stops the command queue as if the device were broken; the driver must reset it. */
  breakRing(agent?: string): void {
    for (const device of this.#of(agent)) device.breakRing()
  }

  /** The rule that matches a message; counts the hit and emits it. */
  take(
    kind: MessageKind,
    agent: string,
    header: number,
    hasValues: (wanted: readonly Wanted[]) => boolean,
  ): Fault | undefined {
    const fault = this.#rules.find(other => other.rule.on === kind && other.takes(agent, header, hasValues))
    if (!fault) return undefined
    if (!fault.active) this.#changed(this.#rules)
    this.emit('hit', { id: fault.id, rule: fault.given, agent, header })
    return fault
  }

  /** Drops messages for a driver that is gone. */
  forget(gone: ReadonlySet<Held>): void {
    if (gone.size === 0) return
    for (const fault of this.#rules) fault.held = fault.held.filter(held => !gone.has(held))
  }

  /** Drops everything pending. */
  close(): void {
    for (const device of this.#devices) device.close()
  }

  #changed(rules: Fault[]): void {
    this.#rules = rules
    for (const kind of messageKind.options) {
      this.awaited[kind] = rules.some(({ rule, active }) => active && rule.on === kind)
    }
    for (const device of this.#devices) device.rulesChanged()
  }

  #find(id: number): Fault {
    const fault = this.#rules.find(candidate => candidate.id === id)
    if (fault) return fault
    const ids = this.#rules.map(candidate => `${candidate.id}`)
    throw new OperatorError(thereIsNo(`fault rule ${id}`, ids))
  }

  #of(agent: string | undefined): FaultyDevice[] {
    if (agent === undefined) return this.#devices
    if (!this.#agents.includes(agent)) throw new OperatorError(`agent: ${notKnown(agent, this.#agents)}`)
    return this.#devices.filter(device => device.name === agent)
  }
}
