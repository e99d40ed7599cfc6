/**
 * The rules by which a server's devices misbehave, and what else can be done to them on purpose. One for all devices of a
 * server; each device asks it for every message while there is a rule that could hit.
 */
import { EventEmitter } from 'node:events'
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { notKnown } from '../platform/file/config-issues.js'
import type { Protocol } from '../protocols/declaration/protocol.js'
import { OperatorError } from '../support/errors.js'
import { messageIdOf, protocolIdOf, tokenOf } from '../wire/header.js'
import { type Compiled, type CompiledEvent, compileEvent, compileRule, messageKey } from './compile.js'
import { type CheckedRule, type EventMessage, type FaultRule, type MessageKind, messageKind } from './rule.js'
import type { Held } from './waiting.js'

/** One message that a rule took. */
export interface FaultHit {
  id: number
  rule: FaultRule
  /** Name of the agent. */
  agent: string
  /** Header of the command, or of the delayed response or notification. */
  header: number
}

/** A rule and what it did so far: plain data. */
export interface FaultState {
  id: number
  rule: FaultRule
  hits: number
  /** Messages that it holds at the moment. */
  held: number
  /** Whether it can hit again. */
  active: boolean
}

/** A rule in force. */
export class Fault {
  readonly id: number
  readonly rule: CheckedRule
  readonly given: FaultRule
  /** Messages that were hit. */
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

  /** Whether it takes this message; counts it if so. `hasValues` decides on `where`, and is only asked if need be. */
  takes(agent: string, header: number, hasValues: (wanted: Record<string, string | number>) => boolean): boolean {
    const { rule } = this
    if (!this.active || !this.#isFor(agent, header)) return false
    if (rule.where && !hasValues(rule.where)) return false
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

  /** Keeps a message until it is released, if it can be: the rule may have been removed while it took it. */
  hold(held: Held): void {
    this.held.push(held)
    if (this.#ended || this.held.length === this.rule.reorder) this.release()
  }

  /** Lets go of what it holds, in the order it came or the reverse of it; soon, as no ring may change under a batch. */
  release(): void {
    const held = this.rule.reorder ? this.held.reverse() : this.held
    this.held = []
    for (const one of held) process.nextTick(one.deliver)
  }

  /** Nothing is hit or held any more. */
  end(): void {
    this.#ended = true
    this.release()
  }
}

/** What can be done to one device on purpose. */
export interface FaultyDevice {
  /** Name of its agent. */
  readonly name: string
  /** Whether the driver can be sent events. */
  readonly hasEvents: boolean
  /** Rules came, went, or will hit nothing any more. */
  rulesChanged(): void
  send(event: CompiledEvent): void
  holdEvents(held: boolean): void
  breakRing(): void
  close(): void
}

export class Faults extends EventEmitter<{ hit: [hit: FaultHit] }> {
  /** Whether a rule could take such a message. */
  readonly awaited: Record<MessageKind, boolean> = { response: false, delayed: false, notification: false }
  readonly #protocols: readonly Protocol[]
  readonly #agents: readonly string[]
  readonly #devices: FaultyDevice[] = []
  #rules: Fault[] = []
  #lastId = 0

  /** `agents` are the names that rules can give. */
  constructor(protocols: readonly Protocol[], agents: readonly string[]) {
    super()
    this.#protocols = protocols
    this.#agents = agents
  }

  /** Each device that has these faults says so once. */
  attach(device: FaultyDevice): void {
    this.#devices.push(device)
  }

  /**
   * Adds a rule; the first that takes a message decides about it. Throws OperatorError with one line that names the field
   * and what it can be.
   */
  add(given: FaultRule): Fault {
    const match = compileRule(given, { protocols: this.#protocols, agents: this.#agents })
    const fault = new Fault(++this.#lastId, { ...given }, match)
    this.#changed([...this.#rules, fault])
    return fault
  }

  /** Ends a rule; what it holds arrives. Throws OperatorError if there is no such rule. */
  remove(id: number): void {
    const fault = this.#find(id)
    this.#changed(this.#rules.filter(other => other !== fault))
    fault.end()
  }

  /** Ends all rules, and lets held events go. */
  clear(): void {
    for (const { id } of this.#rules) this.remove(id)
    this.releaseEvents()
  }

  /** Lets what a rule holds arrive; the rule stays. */
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
   * Sends a notification, delayed response or response that nobody asked for. Throws OperatorError as `add` does, and if
   * there is no driver that could receive it.
   */
  send(given: EventMessage): void {
    const message = compileEvent(given, { protocols: this.#protocols, agents: this.#agents })
    const devices = this.#of(message.agent).filter(device => device.hasEvents)
    if (devices.length === 0) throw new OperatorError('no driver with an event queue is running')
    for (const device of devices) device.send(message)
  }

  /** Keeps notifications and delayed responses from the driver, as if it had no event buffers. */
  holdEvents(agent?: string): void {
    for (const device of this.#of(agent)) device.holdEvents(true)
  }

  releaseEvents(agent?: string): void {
    for (const device of this.#of(agent)) device.holdEvents(false)
  }

  /** Stops the command queue as if the device had broken down; the driver has to reset it. */
  breakRing(agent?: string): void {
    for (const device of this.#of(agent)) device.breakRing()
  }

  /** The rule that takes a message, counted and told to those who listen. */
  take(
    kind: MessageKind,
    agent: string,
    header: number,
    hasValues: (wanted: Record<string, string | number>) => boolean,
  ): Fault | undefined {
    const fault = this.#rules.find(other => other.rule.on === kind && other.takes(agent, header, hasValues))
    if (!fault) return undefined
    if (!fault.active) this.#changed(this.#rules)
    this.emit('hit', { id: fault.id, rule: fault.given, agent, header })
    return fault
  }

  /** These were for a driver that is gone. */
  forget(gone: ReadonlySet<Held>): void {
    if (gone.size === 0) return
    for (const fault of this.#rules) fault.held = fault.held.filter(held => !gone.has(held))
  }

  /** What waits is for nobody any more. */
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
    const ids = this.#rules.map(candidate => candidate.id).join(', ')
    throw new OperatorError(`there is no fault rule ${id}; ${ids ? `there are ${ids}` : 'there are none'}`)
  }

  #of(agent: string | undefined): FaultyDevice[] {
    if (agent === undefined) return this.#devices
    if (!this.#agents.includes(agent)) throw new OperatorError(`agent: ${notKnown(agent, this.#agents)}`)
    return this.#devices.filter(device => device.name === agent)
  }
}
