/**
 * Pin control protocol, 0x19 (SCMI v3.2 §4.11), version 1.0. PINCTRL_SET_PERMISSIONS (0xa) is not declared: no platform or
 * agent that we know of has it. The platform file and the Base protocol say which agent may use which pin.
 */

import { rowsOf } from '../platform/core/ids.js'
import { pins } from '../platform/pins/index.js'
import type { PinTarget } from '../platform/pins/model.js'
import { list, sizeOf, text, u16, u32 } from '../wire/fields.js'
import type { MessageWriter, RequestReader } from '../wire/message.js'
import {
  DENIED,
  IN_USE,
  INVALID_PARAMETERS,
  NOT_SUPPORTED,
  OUT_OF_RANGE,
  PROTOCOL_ERROR,
  SUCCESS,
} from '../wire/status.js'
import { commandsOn, defineProtocol } from './declaration/define-protocol.js'
import { extendedNameFlag, NAME_SIZE, SHORT_NAME_SIZE } from './declaration/names.js'
import { Parts } from './declaration/parts.js'
import { FUNCTION, GROUP, PinctrlView } from './pinctrl-view.js'

const V1 = 0x10000

/** PINCTRL_ATTRIBUTES */
export const EXTENDED_NAME = 2 ** 31
export const GPIO_FUNCTION = 1 << 17
export const PIN_ONLY_FUNCTION = 1 << 16

/** PINCTRL_SETTINGS_GET: what is asked for */
const ONE_VALUE = 0
export const ALL_VALUES = 1
const FUNCTION_ONLY = 2
export const NO_FUNCTION = 0xffff_ffff

/** PINCTRL_SETTINGS_CONFIGURE attributes: two bits of selector, eight of count, and this one */
const FUNCTION_VALID = 1 << 10
const CONFIGURE_ATTRIBUTES = 0x7ff
const PAIRS_MAX = 0xff

const SELECTED = [u32('identifier'), u32('flags')]
const ASSOCIATIONS = new Parts('flags', 'associations', [u16('identifier')])
const PAIR = [u32('type'), u32('value')]
const PAIR_SIZE = sizeOf(PAIR).min

/** The pairs of the SETTINGS_CONFIGURE that runs now, as the guest can change its own copy between check and use. */
const types = new Uint32Array(PAIRS_MAX)
const values = new Uint32Array(PAIRS_MAX)

function pinctrlAttributes(view: PinctrlView, request: RequestReader, reply: MessageWriter): number {
  const id = request.u32()
  const selector = request.u32()
  if (selector > FUNCTION) return INVALID_PARAMETERS
  const found = view.findNamed(selector, id)
  if (!found) return view.refusal
  const fn = selector === FUNCTION ? view.functions[id] : undefined
  const flags = (fn?.gpio ? GPIO_FUNCTION : 0) + (fn?.pinOnly ? PIN_ONLY_FUNCTION : 0)
  reply.u32(extendedNameFlag(found.wireName, EXTENDED_NAME) + flags + view.members(selector, id).length)
  reply.text(found.wireName, SHORT_NAME_SIZE)
  return SUCCESS
}

function pinctrlListAssociations(view: PinctrlView, request: RequestReader, reply: MessageWriter): number {
  const id = request.u32()
  const selector = request.u32()
  const index = request.u32()
  if (selector !== GROUP && selector !== FUNCTION) return INVALID_PARAMETERS
  if (!view.findNamed(selector, id)) return view.refusal
  const members = view.members(selector, id)
  const left = members.length - index
  if (left <= 0) return OUT_OF_RANGE
  const returned = ASSOCIATIONS.begin(reply, left)
  for (let i = index; i < index + returned; i++) reply.u16(members[i]!)
  return SUCCESS
}

function pinctrlSettingsGet(view: PinctrlView, request: RequestReader, reply: MessageWriter): number {
  const id = request.u32()
  const attributes = request.u32()
  const asked = attributes >>> 18
  const selector = (attributes >>> 16) & 0x3
  if (asked > FUNCTION_ONLY || selector > GROUP) return INVALID_PARAMETERS
  const target = view.target(selector, id)
  if (!target) return view.refusal
  reply.u32((target.function && view.functionIdOf(target.function)) ?? NO_FUNCTION)
  if (asked === ONE_VALUE) return writeValues(target, [attributes & 0xff], 0, reply)
  if (asked === ALL_VALUES) return writeValues(target, target.types, (attributes >>> 8) & 0xff, reply)
  reply.u32(0)
  return SUCCESS
}

/** Writes the word that counts, and pairs from type number `skip` on. The value of a group is that of its first pin. */
function writeValues(target: PinTarget, types: readonly number[], skip: number, reply: MessageWriter): number {
  const left = types.length - skip
  if (left < 0 || (left === 0 && skip > 0)) return OUT_OF_RANGE
  // Where not even one pair fits, one is begun all the same: the reply overflows, which gives the status.
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
function pinctrlSettingsConfigure(view: PinctrlView, request: RequestReader): number {
  const id = request.u32()
  const functionId = request.u32()
  const attributes = request.u32()
  const count = (attributes >>> 2) & PAIRS_MAX
  const selector = attributes & 0x3
  if (request.left !== count * PAIR_SIZE) return PROTOCOL_ERROR
  if (attributes & ~CONFIGURE_ATTRIBUTES || selector > GROUP) return INVALID_PARAMETERS
  const target = view.target(selector, id)
  if (!target) return view.refusal
  const selects = (attributes & FUNCTION_VALID) !== 0
  const fn = selects ? view.functionWith(functionId) : undefined
  if (selects && !fn) return view.refusal
  if (fn && !target.canHave(fn)) return INVALID_PARAMETERS
  for (let i = 0; i < count; i++) {
    const type = (types[i] = request.u32())
    const value = (values[i] = request.u32())
    const status = mayConfigure(target, type, value)
    if (status !== SUCCESS) return status
  }
  if (view.pins.isHeldFrom(target, view.agentId)) return IN_USE
  if (fn) view.pins.select(target, fn, view.agentId)
  for (let i = 0; i < count; i++) view.pins.configure(target, types[i]!, values[i]!, view.agentId)
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

/** The handler of PINCTRL_REQUEST and PINCTRL_RELEASE. Holding what is held already, or releasing what is free, is no error. */
function holding(holds: boolean) {
  return (view: PinctrlView, request: RequestReader): number => {
    const id = request.u32()
    const selector = request.u32()
    if (selector > GROUP) return INVALID_PARAMETERS
    const target = view.target(selector, id)
    if (!target) return view.refusal
    if (view.pins.isHeldFrom(target, view.agentId)) return IN_USE
    for (const pin of target.pins) view.held.add(pin)
    view.pins.hold(target, view.agentId, holds)
    return SUCCESS
  }
}

const pinctrlRequest = holding(true)
const pinctrlRelease = holding(false)

function pinctrlNameGet(view: PinctrlView, request: RequestReader, reply: MessageWriter): number {
  const id = request.u32()
  const selector = request.u32()
  if (selector > FUNCTION) return INVALID_PARAMETERS
  const found = view.findNamed(selector, id)
  if (!found) return view.refusal
  reply.u32(0)
  reply.text(found.wireName, NAME_SIZE)
  return SUCCESS
}

function protocolAttributes(view: PinctrlView, _request: RequestReader, reply: MessageWriter): number {
  reply.u32((view.groupCount << 16) | view.count)
  reply.u32(view.functionCount)
  return SUCCESS
}

const command = commandsOn<PinctrlView>()

export const pinctrl = defineProtocol({
  id: 0x19,
  name: 'pinctrl',
  versions: [V1],
  resource: pins,
  attach: (platform, protocol) => new PinctrlView(platform.model(pins), protocol),
  show: view => ({
    pins: view.rows((pin, id) => ({ id, name: pin.name, function: pin.function?.name })),
    pin_groups: rowsOf(view.groups, ({ name, pins }, id) => ({ id, name, pins: pins.map(pin => pin.name) })),
    pin_functions: rowsOf(view.functions, ({ name, groups, pins }, id) => {
      return { id, name, groups: groups.map(group => group.name), pins: pins.map(pin => pin.name) }
    }),
  }),
  commands: [
    command(0x1, 'PROTOCOL_ATTRIBUTES', [], [u32('attributes_low'), u32('attributes_high')], protocolAttributes),
    command(0x3, 'PINCTRL_ATTRIBUTES', SELECTED, [u32('attributes'), text('name')], pinctrlAttributes),
    command(
      0x4,
      'PINCTRL_LIST_ASSOCIATIONS',
      [...SELECTED, u32('index')],
      ASSOCIATIONS.fields,
      pinctrlListAssociations,
    ),
    command(
      0x5,
      'PINCTRL_SETTINGS_GET',
      [u32('identifier'), u32('attributes')],
      [u32('function_selected'), u32('num_configs'), list('configs', PAIR, v => Number(v.num_configs) & 0xff)],
      pinctrlSettingsGet,
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
      pinctrlSettingsConfigure,
    ),
    command(0x7, 'PINCTRL_REQUEST', SELECTED, [], pinctrlRequest),
    command(0x8, 'PINCTRL_RELEASE', SELECTED, [], pinctrlRelease),
    command(0x9, 'PINCTRL_NAME_GET', SELECTED, [u32('flags'), text('name', NAME_SIZE)], pinctrlNameGet),
  ],
})
