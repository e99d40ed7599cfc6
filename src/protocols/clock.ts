/** Clock management protocol, 0x14 (SCMI v3.2 §4.6), versions 1.0, 2.0 and 3.0. */
import { type Clock, DUTY_CYCLE } from '../platform/clocks/clock.js'
import { clocks } from '../platform/clocks/index.js'
import type { Rounding } from '../platform/clocks/rates.js'
import { text, u32, u64 } from '../wire/fields.js'
import type { MessageWriter, RequestReader } from '../wire/message.js'
import { BUSY, DENIED, INVALID_PARAMETERS, NOT_SUPPORTED, OUT_OF_RANGE, SUCCESS } from '../wire/status.js'
import { ClockView, RATE_CHANGE_REQUESTED, RATE_CHANGED, RATE_SET_DELAYED, V1, V2, V3 } from './clock-view.js'
import { commandsOn, defineProtocol } from './declaration/define-protocol.js'
import { extendedNameFlag, NAME_SIZE, SHORT_NAME_SIZE } from './declaration/names.js'
import { Parts } from './declaration/parts.js'
import type { AgentProtocol } from './declaration/protocol.js'
import { subscribing } from './declaration/subscriptions.js'
import { answerName } from './declaration/view.js'

/** CLOCK_ATTRIBUTES */
export const RATE_CHANGED_NOTIFICATIONS = 2 ** 31
export const RATE_REQUESTED_NOTIFICATIONS = 1 << 30
export const EXTENDED_NAME = 1 << 29
export const HAS_PARENTS = 1 << 28
export const EXTENDED_CONFIG = 1 << 27
export const RESTRICTED = 1 << 1
export const ENABLED = 1 << 0

/** CLOCK_RATE_SET flags */
export const ASYNC = 1 << 0
const NO_DELAYED_RESPONSE = 1 << 1
const ROUND_UP = 1 << 2
const ROUND_AUTO = 1 << 3
const RATE_SET_FLAGS = 0xf

/** CLOCK_CONFIG_SET, v3: what becomes of the state */
export const STATE_DISABLE = 0
export const STATE_ENABLE = 1
const STATE_UNCHANGED = 3

/** CLOCK_GET_PERMISSIONS */
export const MAY_SET_STATE = 2 ** 31
export const MAY_SET_PARENT = 1 << 30
export const MAY_SET_RATE = 1 << 29

const CLOCK_ID = [u32('clock_id')]
const NOTIFY = [u32('clock_id'), u32('notify_enable')]
const RATES = new Parts('num_rates_flags', 'rates', [u64('rate')])
const PARENTS = new Parts('num_parents_flags', 'parents', [u32('clock_id')], { bits: 8, remainingAt: 24 })

function protocolAttributes(view: ClockView, _request: RequestReader, reply: MessageWriter): number {
  reply.u32((view.pending.max << 16) | view.count)
  return SUCCESS
}

function clockAttributes(
  view: ClockView,
  request: RequestReader,
  reply: MessageWriter,
  { version }: AgentProtocol,
): number {
  const clock = view.find(request.u32())
  if (!clock) return view.refusal
  const { permissions } = clock
  let attributes = clock.enabled ? ENABLED : 0
  if (version >= V2) {
    if (clock.notifies) attributes += RATE_CHANGED_NOTIFICATIONS + RATE_REQUESTED_NOTIFICATIONS
    attributes += extendedNameFlag(clock.wireName, EXTENDED_NAME)
  }
  if (version >= V3) {
    if (view.parentIds(clock).length > 0) attributes += HAS_PARENTS
    if (clock.extended.size > 0) attributes += EXTENDED_CONFIG
    if (!(permissions.state && permissions.parent && permissions.rate)) attributes += RESTRICTED
  }
  reply.u32(attributes)
  reply.text(clock.wireName, SHORT_NAME_SIZE)
  if (version >= V2) reply.u32(clock.enableDelayUs)
  return SUCCESS
}

function clockDescribeRates(view: ClockView, request: RequestReader, reply: MessageWriter): number {
  const clock = view.find(request.u32())
  const index = request.u32()
  if (!clock) return view.refusal
  const { toldRates, range, triplet } = clock
  if (!toldRates) {
    if (index !== 0) return OUT_OF_RANGE
    RATES.beginTriplet(reply, triplet)
    if (triplet.values > 0) reply.u64(range.min)
    if (triplet.values > 1) reply.u64(range.max)
    if (triplet.values > 2) reply.u64(range.step)
    return SUCCESS
  }
  const left = toldRates.length - index
  if (left <= 0) return OUT_OF_RANGE
  const returned = RATES.begin(reply, left)
  for (let i = index; i < index + returned; i++) reply.u64(toldRates[i]!)
  return SUCCESS
}

function clockRateSet(view: ClockView, request: RequestReader, _reply: MessageWriter, protocol: AgentProtocol): number {
  const flags = request.u32()
  const id = request.u32()
  const clock = view.find(id)
  const wantedHz = request.u64()
  if (!clock) return view.refusal
  if (flags & ~RATE_SET_FLAGS) return INVALID_PARAMETERS
  if (!clock.permissions.rate) return DENIED
  const asynchronous = (flags & ASYNC) !== 0
  const respond = (flags & NO_DELAYED_RESPONSE) === 0
  if (asynchronous && (view.pending.max === 0 || (respond && !protocol.agent.events.available))) return NOT_SUPPORTED
  const rounding: Rounding = flags & ROUND_AUTO ? 'nearest' : flags & ROUND_UP ? 'up' : 'down'
  const supportedHz = clock.supportedRate(wantedHz, rounding)
  if (supportedHz === undefined) return INVALID_PARAMETERS
  if (asynchronous && view.pending.busy) return BUSY
  const rateHz = clock.granted(supportedHz)
  view.clocks.emit('rateRequested', clock, view.agentId, wantedHz)
  if (asynchronous) view.pending.start({ id, rateHz, header: request.header, respond }, clock.latencyUs)
  else view.clocks.setRate(clock, rateHz, view.agentId)
  return SUCCESS
}

function clockRateGet(view: ClockView, request: RequestReader, reply: MessageWriter): number {
  const clock = view.find(request.u32())
  if (clock === undefined) return view.refusal
  reply.u64(clock.rateHz)
  return SUCCESS
}

/** v1 and v2: one enable bit. */
function clockConfigSetV1(view: ClockView, request: RequestReader): number {
  const clock = view.find(request.u32())
  const attributes = request.u32()
  if (!clock) return view.refusal
  if (attributes & ~1) return INVALID_PARAMETERS
  if (!clock.permissions.state) return DENIED
  view.held.add(clock)
  clock.vote(view.agentId, attributes === 1)
  return SUCCESS
}

/** v3: the state may stay as it is while an extended configuration value is set. */
function clockConfigSet(view: ClockView, request: RequestReader): number {
  const clock = view.find(request.u32())
  const attributes = request.u32()
  const value = request.u32()
  if (!clock) return view.refusal
  const wanted = attributes & 0x3
  const type = (attributes >>> 16) & 0xff
  if (attributes & 0xff00_fffc || wanted === 2 || (wanted === STATE_UNCHANGED && type === 0)) return INVALID_PARAMETERS
  if (wanted !== STATE_UNCHANGED && !clock.permissions.state) return DENIED
  if (type !== 0) {
    if (!clock.extended.has(type)) return INVALID_PARAMETERS
    if (type === DUTY_CYCLE && (value === 0 || value >= 100)) return INVALID_PARAMETERS
    clock.setExtended(type, value)
  }
  view.held.add(clock)
  if (wanted === STATE_ENABLE) clock.vote(view.agentId, true)
  if (wanted === STATE_DISABLE) clock.vote(view.agentId, false)
  return SUCCESS
}

const notifies = (clock: Clock) => clock.notifies
const clockRateNotify = subscribing((view: ClockView) => view.changed, notifies)
const clockRateChangeRequestedNotify = subscribing((view: ClockView) => view.requested, notifies)

function clockConfigGet(view: ClockView, request: RequestReader, reply: MessageWriter): number {
  const clock = view.find(request.u32())
  const flags = request.u32()
  if (!clock) return view.refusal
  if (flags & ~0xff) return INVALID_PARAMETERS
  const value = flags === 0 ? 0 : clock.extended.get(flags)
  if (value === undefined) return INVALID_PARAMETERS
  reply.u32(0)
  reply.u32(clock.enabled ? 1 : 0)
  reply.u32(value)
  return SUCCESS
}

function clockPossibleParentsGet(view: ClockView, request: RequestReader, reply: MessageWriter): number {
  const clock = view.find(request.u32())
  const skip = request.u32()
  if (!clock) return view.refusal
  const parents = view.parentIds(clock)
  if (parents.length === 0) return NOT_SUPPORTED
  const left = parents.length - skip
  if (left <= 0) return OUT_OF_RANGE
  const returned = PARENTS.begin(reply, left)
  for (let i = skip; i < skip + returned; i++) reply.u32(parents[i]!)
  return SUCCESS
}

function clockParentSet(view: ClockView, request: RequestReader): number {
  const clock = view.find(request.u32())
  const parent = view.find(request.u32())
  if (!clock || !parent) return view.refusal
  if (!clock.permissions.parent) return DENIED
  if (clock.parents.length === 0) return NOT_SUPPORTED
  if (!clock.parents.includes(parent)) return INVALID_PARAMETERS
  view.clocks.setParent(clock, parent, view.agentId)
  return SUCCESS
}

function clockParentGet(view: ClockView, request: RequestReader, reply: MessageWriter): number {
  const clock = view.find(request.u32())
  if (!clock) return view.refusal
  const parent = clock.parent && view.idOf(clock.parent)
  if (parent === undefined) return NOT_SUPPORTED
  reply.u32(parent)
  return SUCCESS
}

function clockGetPermissions(view: ClockView, request: RequestReader, reply: MessageWriter): number {
  const clock = view.find(request.u32())
  if (!clock) return view.refusal
  const { state, parent, rate } = clock.permissions
  reply.u32((state ? MAY_SET_STATE : 0) + (parent ? MAY_SET_PARENT : 0) + (rate ? MAY_SET_RATE : 0))
  return SUCCESS
}

const command = commandsOn<ClockView>()

export const clock = defineProtocol({
  id: 0x14,
  name: 'clock',
  versions: [V1, V2, V3],
  resource: clocks,
  attach: (platform, protocol) => new ClockView(platform.model(clocks), protocol),
  show: view => ({
    clocks: view.rows(({ name, enabled, rateHz, rates, range, parent }, id) => {
      const [min_hz, max_hz, step_hz] = rates ? [] : [range.min, range.max, range.step]
      const rate = { rate_hz: rateHz, rates_hz: rates, min_hz, max_hz, step_hz }
      return { id, name, enabled, ...rate, parent: view.nameOf(parent) }
    }),
  }),
  commands: [
    command(0x1, 'PROTOCOL_ATTRIBUTES', [], [u32('attributes')], protocolAttributes),
    command(0x3, 'CLOCK_ATTRIBUTES', CLOCK_ID, [u32('attributes'), text('name')], clockAttributes),
    command(
      0x3,
      'CLOCK_ATTRIBUTES',
      CLOCK_ID,
      [u32('attributes'), text('name'), u32('enable_delay')],
      clockAttributes,
      {
        since: V2,
      },
    ),
    command(0x4, 'CLOCK_DESCRIBE_RATES', [...CLOCK_ID, u32('rate_index')], RATES.fields, clockDescribeRates),
    command(0x5, 'CLOCK_RATE_SET', [u32('flags'), u32('clock_id'), u64('rate')], [], clockRateSet, {
      delayed: RATE_SET_DELAYED,
    }),
    command(0x6, 'CLOCK_RATE_GET', CLOCK_ID, [u64('rate')], clockRateGet),
    command(0x7, 'CLOCK_CONFIG_SET', [...CLOCK_ID, u32('attributes')], [], clockConfigSetV1),
    command(0x7, 'CLOCK_CONFIG_SET', [...CLOCK_ID, u32('attributes'), u32('extended_config_val')], [], clockConfigSet, {
      since: V3,
    }),
    command(0x8, 'CLOCK_NAME_GET', CLOCK_ID, [u32('flags'), text('name', NAME_SIZE)], answerName, { since: V2 }),
    command(0x9, 'CLOCK_RATE_NOTIFY', NOTIFY, [], clockRateNotify, { since: V2, needsEvents: true }),
    command(0xa, 'CLOCK_RATE_CHANGE_REQUESTED_NOTIFY', NOTIFY, [], clockRateChangeRequestedNotify, {
      since: V2,
      needsEvents: true,
    }),
    command(
      0xb,
      'CLOCK_CONFIG_GET',
      [...CLOCK_ID, u32('flags')],
      [u32('attributes'), u32('config'), u32('extended_config_val')],
      clockConfigGet,
      { since: V3 },
    ),
    command(
      0xc,
      'CLOCK_POSSIBLE_PARENTS_GET',
      [...CLOCK_ID, u32('skip_parents')],
      PARENTS.fields,
      clockPossibleParentsGet,
      { since: V3 },
    ),
    command(0xd, 'CLOCK_PARENT_SET', [...CLOCK_ID, u32('parent_id')], [], clockParentSet, { since: V3 }),
    command(0xe, 'CLOCK_PARENT_GET', CLOCK_ID, [u32('parent_id')], clockParentGet, { since: V3 }),
    command(0xf, 'CLOCK_GET_PERMISSIONS', CLOCK_ID, [u32('permissions')], clockGetPermissions, { since: V3 }),
  ],
  events: [RATE_CHANGED, RATE_CHANGE_REQUESTED],
})
