/** Pins, groups and functions as one agent sees them, by the ids that it knows them by. */
import { byId } from '../platform/core/ids.js'
import type { Pin, PinFunction, PinGroup, Pins, PinTarget } from '../platform/pins/model.js'
import { DENIED, NOT_FOUND } from '../wire/status.js'
import type { AgentProtocol, AgentState } from './declaration/protocol.js'
import { ResourceView } from './declaration/view.js'

/** What an id is the id of: the selector of all commands */
export const PIN = 0
export const GROUP = 1
export const FUNCTION = 2

/**
 * The resources are pins. An agent sees the groups of which it sees every pin, and the functions of these groups and of its
 * pins. A group is denied if one of its pins is, a function if no group or pin of it is left.
 */
export class PinctrlView extends ResourceView<Pin> implements AgentState {
  readonly pins: Pins
  /** By id, like `list`. */
  readonly groups: readonly (PinGroup | undefined)[]
  readonly functions: readonly (PinFunction | undefined)[]
  /** How many ids of groups and functions there are, as `count` of pins. */
  groupCount = 0
  functionCount = 0
  /** Ids of pins by group id, of groups or pins by function id; none of what is denied. */
  #groupMembers: readonly (readonly number[])[] = []
  #functionMembers: readonly (readonly number[])[] = []

  constructor(pins: Pins, protocol: AgentProtocol) {
    super(pins.list, protocol)
    this.pins = pins
    const seen = new Set<Pin | PinGroup>(this.resources)
    const groups = pins.groups.filter(group => group.pins.every(pin => seen.has(pin)))
    for (const group of groups) seen.add(group)
    const functions = pins.functions.filter(fn => [...fn.groups, ...fn.pins].some(member => seen.has(member)))
    this.groups = this.hasOwnIds ? groups : byId(groups)
    this.functions = this.hasOwnIds ? functions : byId(functions)
    this.#findMembers()
  }

  #findMembers(): void {
    const pinIds = (some: readonly Pin[]) => some.flatMap(pin => this.idOf(pin) ?? [])
    const isWhole = (group: PinGroup) => group.pins.every(pin => this.idOf(pin) !== undefined)
    this.#groupMembers = this.groups.map(group => (group && isWhole(group) ? pinIds(group.pins) : []))
    const groupIds = new Map(this.groups.flatMap((group, id) => (group && isWhole(group) ? [[group, id]] : [])))
    this.#functionMembers = this.functions.map(fn => [
      ...(fn?.groups ?? []).flatMap(group => groupIds.get(group) ?? []),
      ...pinIds(fn?.pins ?? []),
    ])
    this.groupCount = this.#groupMembers.findLastIndex(members => members.length > 0) + 1
    this.functionCount = this.#functionMembers.findLastIndex(members => members.length > 0) + 1
  }

  override permissionsChanged(): readonly Pin[] {
    const revoked = super.permissionsChanged()
    this.#findMembers()
    return revoked
  }

  /** The pin or group, or undefined: then answer `refusal`. */
  target(selector: number, id: number): PinTarget | undefined {
    return selector === PIN ? this.find(id) : this.#unlessDenied(this.groups[id], this.#groupMembers[id])
  }

  /** The pin, group or function, or undefined: then answer `refusal`. */
  findNamed(selector: number, id: number): { wireName: string } | undefined {
    return selector === FUNCTION ? this.functionWith(id) : this.target(selector, id)
  }

  /** The function, or undefined: then answer `refusal`. */
  functionWith(id: number): PinFunction | undefined {
    return this.#unlessDenied(this.functions[id], this.#functionMembers[id])
  }

  /** This agent's id of a function, or undefined if it does not see it or may not use it. */
  functionIdOf(fn: PinFunction): number | undefined {
    const id = this.functions.indexOf(fn)
    return this.#functionMembers[id]?.length ? id : undefined
  }

  #unlessDenied<Found extends PinGroup | PinFunction>(
    found: Found | undefined,
    members: readonly number[] | undefined,
  ): Found | undefined {
    if (found && members?.length) return this.unlessAnswered(found)
    this.refusal = found === undefined ? NOT_FOUND : DENIED
    return undefined
  }

  /** Ids of a group's pins, or of a function's groups or pins. */
  members(selector: number, id: number): readonly number[] {
    return (selector === GROUP ? this.#groupMembers[id] : selector === FUNCTION ? this.#functionMembers[id] : []) ?? []
  }

  reset(): void {
    this.pins.release(this.agentId, this.held)
    this.held.clear()
  }

  release(): void {
    this.reset()
  }
}
