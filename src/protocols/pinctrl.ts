/**
 * Pin control protocol, 0x19 (SCMI v3.2 §4.11), version 1.0. PINCTRL_SET_PERMISSIONS (0xa) is not declared: no platform or
 * agent that we know of has it, and who may use what is settled in the platform file and by the Base protocol, pin by pin.
 */
import { pins } from '../platform/pins/index.js'
import type { Pin, PinFunction, PinGroup, Pins, PinTarget } from '../platform/pins/model.js'
import { list, text, u16, u32 } from '../wire/fields.js'
import type { MessageWriter, RequestReader } from '../wire/message.js'
import {
  DENIED,
  IN_USE,
  INVALID_PARAMETERS,
  NOT_FOUND,
  NOT_SUPPORTED,
  OUT_OF_RANGE,
  PROTOCOL_ERROR,
  SUCCESS,
} from '../wire/status.js'
import { extendedNameFlag, NAME_SIZE, SHORT_NAME_SIZE } from './declaration/names.js'
import { type AgentProtocol, type AgentState, commandsOn, defineProtocol } from './declaration/protocol.js'
import { ResourceView } from './declaration/view.js'

const V1 = 0x10000

/** What an id is the id of: the selector of all commands */
const PIN = 0
const GROUP = 1
const FUNCTION = 2

/** PINCTRL_ATTRIBUTES */
const EXTENDED_NAME = 2 ** 31
const GPIO_FUNCTION = 1 << 17
const PIN_ONLY_FUNCTION = 1 << 16

/** PINCTRL_SETTINGS_GET: what is asked for */
const ONE_VALUE = 0
const ALL_VALUES = 1
const FUNCTION_ONLY = 2
const NO_FUNCTION = 0xffff_ffff

/** PINCTRL_SETTINGS_CONFIGURE attributes: two bits of selector, eight of count, and this one */
const FUNCTION_VALID = 1 << 10
const CONFIGURE_ATTRIBUTES = 0x7ff
const PAIRS_MAX = 0xff
const PAIR_SIZE = 8

/** The pairs of the SETTINGS_CONFIGURE that runs now: the guest can change its own copy between check and use. */
const types = new Uint32Array(PAIRS_MAX)
const values = new Uint32Array(PAIRS_MAX)

/**
 * Pins are this agent's resources; it sees the groups whose pins it sees all of, and the functions of those. A group is as
 * forbidden as any of its pins, a function if it has nothing left.
 */
class PinctrlState extends ResourceView<Pin> implements AgentState {
  readonly pins: Pins
  readonly groups: readonly PinGroup[]
  readonly functions: readonly PinFunction[]
  /** How many ids of groups and functions there are, as `count` says of pins. */
  groupCount = 0
  functionCount = 0
  /** Ids of pins by group id, and ids of groups or pins by function id, as far as the agent may use them: none if denied. */
  #groupMembers: readonly (readonly number[])[] = []
  #functionMembers: readonly (readonly number[])[] = []

  constructor(pins: Pins, protocol: AgentProtocol) {
    super(pins.list, protocol)
    this.pins = pins
    const seen = new Set<Pin | PinGroup>(this.list)
    this.groups = pins.groups.filter(group => group.pins.every(pin => seen.has(pin)))
    for (const group of this.groups) seen.add(group)
    this.functions = pins.functions.filter(fn => [...fn.groups, ...fn.pins].some(member => seen.has(member)))
    this.#findMembers()
  }

  #findMembers(): void {
    const pinIds = (some: readonly Pin[]) => some.flatMap(pin => this.idOf(pin) ?? [])
    const isWhole = (group: PinGroup) => group.pins.every(pin => this.idOf(pin) !== undefined)
    this.#groupMembers = this.groups.map(group => (isWhole(group) ? pinIds(group.pins) : []))
    const groupIds = new Map(this.groups.flatMap((group, id) => (isWhole(group) ? [[group, id]] : [])))
    this.#functionMembers = this.functions.map(({ groups, pins }) => [
      ...groups.flatMap(group => groupIds.get(group) ?? []),
      ...pinIds(pins),
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
  named(selector: number, id: number): { name: string } | undefined {
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

  #unlessDenied<Found>(found: Found | undefined, members: readonly number[] | undefined): Found | undefined {
    if (members?.length) return found
    this.refusal = found === undefined ? NOT_FOUND : DENIED
    return undefined
  }

  /** Ids of what a group or function is made up of. */
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

function attributes(state: PinctrlState, request: RequestReader, reply: MessageWriter): number {
  const id = request.u32()
  const selector = request.u32()
  if (selector > FUNCTION) return INVALID_PARAMETERS
  const found = state.named(selector, id)
  if (!found) return state.refusal
  const fn = selector === FUNCTION ? state.functions[id] : undefined
  const flags = (fn?.gpio ? GPIO_FUNCTION : 0) + (fn?.pinOnly ? PIN_ONLY_FUNCTION : 0)
  reply.u32(extendedNameFlag(found.name, EXTENDED_NAME) + flags + state.members(selector, id).length)
  reply.text(found.name, SHORT_NAME_SIZE)
  return SUCCESS
}

function listAssociations(state: PinctrlState, request: RequestReader, reply: MessageWriter): number {
  const id = request.u32()
  const selector = request.u32()
  const index = request.u32()
  if (selector !== GROUP && selector !== FUNCTION) return INVALID_PARAMETERS
  if (!state.named(selector, id)) return state.refusal
  const members = state.members(selector, id)
  const left = members.length - index
  if (left <= 0) return OUT_OF_RANGE
  const returned = Math.min(left, reply.room(2, 4), 0xfff)
  reply.u32(((left - returned) << 16) | returned)
  for (let i = 0; i < returned; i++) reply.u16(members[index + i]!)
  return SUCCESS
}

function settingsGet(state: PinctrlState, request: RequestReader, reply: MessageWriter): number {
  const id = request.u32()
  const attributes = request.u32()
  const asked = attributes >>> 18
  const selector = (attributes >>> 16) & 0x3
  if (asked > FUNCTION_ONLY || selector > GROUP) return INVALID_PARAMETERS
  const target = state.target(selector, id)
  if (!target) return state.refusal
  reply.u32((target.function && state.functionIdOf(target.function)) ?? NO_FUNCTION)
  if (asked === ONE_VALUE) return writeValues(target, [attributes & 0xff], 0, reply)
  if (asked === ALL_VALUES) return writeValues(target, target.types, (attributes >>> 8) & 0xff, reply)
  reply.u32(0)
  return SUCCESS
}

/** Count word and pairs from type number `skip` on. A group answers with the value of its first pin. */
function writeValues(target: PinTarget, types: readonly number[], skip: number, reply: MessageWriter): number {
  const left = types.length - skip
  if (left < 0 || (left === 0 && skip > 0)) return OUT_OF_RANGE
  // Where not even one pair fits, one is begun all the same: the reply overflows, and that is its status.
  const returned = Math.min(left, Math.max(1, reply.room(PAIR_SIZE, 4)))
  reply.u32(((left - returned) << 24) | returned)
  for (let i = skip; i < skip + returned; i++) {
    const type = types[i]!
    const setting = target.settings(type)?.[0]
    if (!setting) return NOT_SUPPORTED
    reply.u32(type)
    reply.u32(setting.value)
  }
  return SUCCESS
}

/** Does all that the message asks for, or nothing. */
function settingsConfigure(state: PinctrlState, request: RequestReader): number {
  const id = request.u32()
  const functionId = request.u32()
  const attributes = request.u32()
  const count = (attributes >>> 2) & PAIRS_MAX
  const selector = attributes & 0x3
  if (request.left !== count * PAIR_SIZE) return PROTOCOL_ERROR
  if (attributes & ~CONFIGURE_ATTRIBUTES || selector > GROUP) return INVALID_PARAMETERS
  const target = state.target(selector, id)
  if (!target) return state.refusal
  const selects = (attributes & FUNCTION_VALID) !== 0
  const fn = selects ? state.functionWith(functionId) : undefined
  if (selects && !fn) return state.refusal
  if (fn && !target.canHave(fn)) return INVALID_PARAMETERS
  for (let i = 0; i < count; i++) {
    const type = (types[i] = request.u32())
    const value = (values[i] = request.u32())
    const status = mayConfigure(target, type, value)
    if (status !== SUCCESS) return status
  }
  if (state.pins.isHeldFrom(target, state.agentId)) return IN_USE
  if (fn) state.pins.select(target, fn, state.agentId)
  for (let i = 0; i < count; i++) state.pins.configure(target, types[i]!, values[i]!, state.agentId)
  return SUCCESS
}

function mayConfigure(target: PinTarget, type: number, value: number): number {
  const settings = target.settings(type)
  if (!settings) return NOT_SUPPORTED
  for (const setting of settings) {
    if (setting.readOnly) return DENIED
    if (!setting.allows(value)) return OUT_OF_RANGE
  }
  return SUCCESS
}

/** To hold what is held already, or to give back what is free, is no error. */
function hold(holds: boolean) {
  return (state: PinctrlState, request: RequestReader): number => {
    const id = request.u32()
    const selector = request.u32()
    if (selector > GROUP) return INVALID_PARAMETERS
    const target = state.target(selector, id)
    if (!target) return state.refusal
    if (state.pins.isHeldFrom(target, state.agentId)) return IN_USE
    for (const pin of target.pins) state.held.add(pin)
    state.pins.hold(target, state.agentId, holds)
    return SUCCESS
  }
}

const SELECTED = [u32('identifier'), u32('flags')]
const PAIR = [u32('type'), u32('value')]

const command = commandsOn<PinctrlState>()

export const pinctrl = defineProtocol({
  id: 0x19,
  name: 'pinctrl',
  versions: [V1],
  resource: pins,
  attach: (platform, protocol) => new PinctrlState(platform.model(pins), protocol),
  show: ({ list, groups, functions }) => ({
    pins: list.map((pin, id) => ({ id, name: pin.name, function: pin.function?.name })),
    pin_groups: groups.map(({ name, pins }, id) => ({ id, name, pins: pins.map(pin => pin.name) })),
    pin_functions: functions.map(({ name, groups, pins }, id) => {
      return { id, name, groups: groups.map(group => group.name), pins: pins.map(pin => pin.name) }
    }),
  }),
  commands: [
    command(
      0x1,
      'PROTOCOL_ATTRIBUTES',
      [],
      [u32('attributes_low'), u32('attributes_high')],
      (state, _request, reply) => {
        reply.u32((state.groupCount << 16) | state.count)
        reply.u32(state.functionCount)
        return SUCCESS
      },
    ),
    command(0x3, 'PINCTRL_ATTRIBUTES', SELECTED, [u32('attributes'), text('name')], attributes),
    command(
      0x4,
      'PINCTRL_LIST_ASSOCIATIONS',
      [u32('identifier'), u32('flags'), u32('index')],
      [u32('flags'), list('associations', [u16('identifier')], v => Number(v.flags) & 0xfff)],
      listAssociations,
      // At least one id must fit, or the agent could never go on.
      { replyMin: 6 },
    ),
    command(
      0x5,
      'PINCTRL_SETTINGS_GET',
      [u32('identifier'), u32('attributes')],
      [u32('function_selected'), u32('num_configs'), list('configs', PAIR, v => Number(v.num_configs) & 0xff)],
      settingsGet,
    ),
    command(
      0x6,
      'PINCTRL_SETTINGS_CONFIGURE',
      [
        u32('identifier'),
        u32('function_id'),
        u32('attributes'),
        list('configs', PAIR, v => (Number(v.attributes) >>> 2) & PAIRS_MAX),
      ],
      [],
      settingsConfigure,
    ),
    command(0x7, 'PINCTRL_REQUEST', SELECTED, [], hold(true)),
    command(0x8, 'PINCTRL_RELEASE', SELECTED, [], hold(false)),
    command(0x9, 'PINCTRL_NAME_GET', SELECTED, [u32('flags'), text('name', NAME_SIZE)], (state, request, reply) => {
      const id = request.u32()
      const selector = request.u32()
      if (selector > FUNCTION) return INVALID_PARAMETERS
      const found = state.named(selector, id)
      if (!found) return state.refusal
      reply.u32(0)
      reply.text(found.name, NAME_SIZE)
      return SUCCESS
    }),
  ],
})
