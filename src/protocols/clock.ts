/** Clock management protocol, 0x14 (SCMI v3.2 §4.6), versions 1.0, 2.0 and 3.0. */
import { z } from 'zod'
import { clocks } from '../platform/clocks/index.js'
import { type Clock, type Clocks, DUTY_CYCLE, type Rounding } from '../platform/clocks/model.js'
import { mustFit, readSaved, type Saved, savedWord } from '../platform/core/kept.js'
import { list, text, u32, u64 } from '../wire/fields.js'
import type { MessageWriter, RequestReader } from '../wire/message.js'
import { BUSY, DENIED, INVALID_PARAMETERS, NOT_SUPPORTED, OUT_OF_RANGE, SUCCESS } from '../wire/status.js'
import { extendedNameFlag, NAME_SIZE, SHORT_NAME_SIZE } from './declaration/names.js'
import { PendingCommands } from './declaration/pending.js'
import { type AgentProtocol, type AgentState, commandsOn, defineProtocol, event } from './declaration/protocol.js'
import { answerName, ResourceView } from './declaration/view.js'

const V1 = 0x10000
const V2 = 0x20000
const V3 = 0x30000

/** CLOCK_ATTRIBUTES */
const RATE_CHANGED_NOTIFICATIONS = 2 ** 31
const RATE_REQUESTED_NOTIFICATIONS = 1 << 30
const EXTENDED_NAME = 1 << 29
const HAS_PARENTS = 1 << 28
const EXTENDED_CONFIG = 1 << 27
const RESTRICTED = 1 << 1
const ENABLED = 1 << 0

/** CLOCK_DESCRIBE_RATES */
const TRIPLET = 1 << 12

/** CLOCK_RATE_SET flags */
const ASYNC = 1 << 0
const NO_DELAYED_RESPONSE = 1 << 1
const ROUND_UP = 1 << 2
const ROUND_AUTO = 1 << 3
const RATE_SET_FLAGS = 0xf

/** CLOCK_CONFIG_SET, v3: what becomes of the state */
const STATE_DISABLE = 0
const STATE_ENABLE = 1
const STATE_UNCHANGED = 3

/** CLOCK_GET_PERMISSIONS */
const MAY_SET_STATE = 2 ** 31
const MAY_SET_PARENT = 1 << 30
const MAY_SET_RATE = 1 << 29

const RATE_CHANGED = 0x0
const RATE_CHANGE_REQUESTED = 0x1

const TWO_32 = 0x1_0000_0000

/** A rate that is set later. */
interface RateSet {
  id: number
  rateHz: number
  header: number
  /** Whether a delayed response is wanted. */
  respond: boolean
}

const savedRateSet = z.strictObject({
  id: savedWord,
  rateHz: z.int().min(0),
  header: savedWord,
  respond: z.boolean(),
})
const savedState = z.tuple([z.array(savedWord), z.array(savedWord), z.array(savedRateSet)])

class ClockState extends ResourceView<Clock> implements AgentState {
  onChange: (() => void) | undefined
  readonly clocks: Clocks
  /** RATE_SETs under way; with a maximum of 0 or 1 Linux never asks for any. */
  readonly pending: PendingCommands<RateSet>
  readonly #changed = new Set<Clock>()
  readonly #requested = new Set<Clock>()

  constructor(clocks: Clocks, maxPending: number, protocol: AgentProtocol) {
    super(clocks.list, protocol)
    this.clocks = clocks
    this.pending = new PendingCommands(protocol, {
      max: maxPending,
      shape: savedRateSet,
      finish: this.#setRate,
    })
    clocks.on('rateChanged', this.#onChanged)
    clocks.on('rateRequested', this.#onRequested)
  }

  subscribe(clock: Clock, eventId: number, on: boolean): void {
    const subscribed = eventId === RATE_CHANGED ? this.#changed : this.#requested
    if (on) subscribed.add(clock)
    else subscribed.delete(clock)
    this.onChange?.()
  }

  readonly #onChanged = (clock: Clock, agentId: number): void => {
    if (this.#changed.has(clock)) this.#notify(RATE_CHANGED, clock, agentId, clock.rateHz)
  }

  readonly #onRequested = (clock: Clock, agentId: number, rateHz: number): void => {
    if (this.#requested.has(clock)) this.#notify(RATE_CHANGE_REQUESTED, clock, agentId, rateHz)
  }

  #notify(eventId: number, clock: Clock, agentId: number, rateHz: number): void {
    const id = this.idOf(clock)
    if (id === undefined) return
    this.protocol.notify(eventId, [agentId, id, rateHz >>> 0, Math.floor(rateHz / TWO_32)], clock)
  }

  override permissionsChanged(): readonly Clock[] {
    const revoked = super.permissionsChanged()
    for (const clock of revoked) {
      this.#changed.delete(clock)
      this.#requested.delete(clock)
    }
    this.pending.refuse(id => this.find(id) === undefined)
    return revoked
  }

  readonly #setRate = ({ id, rateHz, header, respond }: RateSet): void => {
    const clock = this.list[id]!
    this.clocks.setRate(clock, rateHz, this.agentId)
    // A parent may have changed in the meantime, and with it the rates that a divider gives.
    if (!respond) return
    this.protocol.respondLater(header, [SUCCESS, id, clock.rateHz >>> 0, Math.floor(clock.rateHz / TWO_32)])
  }

  /** Ids of the clocks that this one can be fed from, as far as this agent may use them. */
  parentIds(clock: Clock): number[] {
    return clock.parents.flatMap(parent => this.idOf(parent) ?? [])
  }

  save(): Saved {
    return [this.idsOf(this.#changed), this.idsOf(this.#requested), this.pending.save()]
  }

  restore(saved: Saved): void {
    const [changed, requested, pending] = readSaved(savedState, saved)
    for (const id of changed) this.subscribe(this.saved(id), RATE_CHANGED, true)
    for (const id of requested) this.subscribe(this.saved(id), RATE_CHANGE_REQUESTED, true)
    this.pending.restore(pending, ({ id, rateHz }) => {
      const clock = this.saved(id)
      // A parent may have changed since, and with it the rates that a divider gives.
      mustFit(clock.dividers !== undefined || clock.supportedRate(rateHz, 'nearest') === rateHz, `no rate: ${rateHz}`)
    })
  }

  reset(): void {
    this.#changed.clear()
    this.#requested.clear()
    this.pending.cancel()
    for (const clock of this.held) clock.release(this.agentId)
    this.held.clear()
  }

  release(): void {
    this.clocks.off('rateChanged', this.#onChanged)
    this.clocks.off('rateRequested', this.#onRequested)
    this.reset()
  }
}

function attributesOf(state: ClockState, clock: Clock, version: number): number {
  let attributes = clock.enabled ? ENABLED : 0
  if (version >= V2) {
    if (clock.notifies) attributes += RATE_CHANGED_NOTIFICATIONS + RATE_REQUESTED_NOTIFICATIONS
    attributes += extendedNameFlag(clock.name, EXTENDED_NAME)
  }
  if (version >= V3) {
    const { permissions } = clock
    if (state.parentIds(clock).length > 0) attributes += HAS_PARENTS
    if (clock.extended.size > 0) attributes += EXTENDED_CONFIG
    if (!(permissions.state && permissions.parent && permissions.rate)) attributes += RESTRICTED
  }
  return attributes
}

function describeRates(state: ClockState, request: RequestReader, reply: MessageWriter): number {
  const clock = state.find(request.u32())
  if (!clock) return state.refusal
  const index = request.u32()
  if (!clock.rates) {
    if (index !== 0) return OUT_OF_RANGE
    reply.u32(TRIPLET | 3)
    reply.u64(clock.range.min)
    reply.u64(clock.range.max)
    reply.u64(clock.range.step)
    return SUCCESS
  }
  const left = clock.rates.length - index
  if (left <= 0) return OUT_OF_RANGE
  const returned = Math.min(left, reply.room(8, 4), 0xfff)
  reply.u32(((left - returned) << 16) | returned)
  for (let i = 0; i < returned; i++) reply.u64(clock.rates[index + i]!)
  return SUCCESS
}

function setRate(state: ClockState, request: RequestReader, _reply: MessageWriter, protocol: AgentProtocol): number {
  const flags = request.u32()
  const id = request.u32()
  const clock = state.find(id)
  const wantedHz = request.u64()
  if (!clock) return state.refusal
  if (flags & ~RATE_SET_FLAGS) return INVALID_PARAMETERS
  if (!clock.permissions.rate) return DENIED
  const asynchronous = (flags & ASYNC) !== 0
  const respond = (flags & NO_DELAYED_RESPONSE) === 0
  if (asynchronous && (state.pending.max === 0 || (respond && !protocol.agent.events.available))) return NOT_SUPPORTED
  const rounding: Rounding = flags & ROUND_AUTO ? 'nearest' : flags & ROUND_UP ? 'up' : 'down'
  const rateHz = clock.supportedRate(wantedHz, rounding)
  if (rateHz === undefined) return INVALID_PARAMETERS
  if (asynchronous && state.pending.busy) return BUSY
  state.clocks.emit('rateRequested', clock, state.agentId, wantedHz)
  if (asynchronous) state.pending.start({ id, rateHz, header: request.header, respond }, clock.latencyUs)
  else state.clocks.setRate(clock, rateHz, state.agentId)
  return SUCCESS
}

/** v1 and v2: one enable bit. */
function configSetV1(state: ClockState, request: RequestReader): number {
  const clock = state.find(request.u32())
  const attributes = request.u32()
  if (!clock) return state.refusal
  if (attributes & ~1) return INVALID_PARAMETERS
  if (!clock.permissions.state) return DENIED
  state.held.add(clock)
  clock.vote(state.agentId, attributes === 1)
  return SUCCESS
}

/** v3: the state may stay as it is while an extended configuration value is set. */
function configSet(state: ClockState, request: RequestReader): number {
  const clock = state.find(request.u32())
  const attributes = request.u32()
  const value = request.u32()
  if (!clock) return state.refusal
  const wanted = attributes & 0x3
  const type = (attributes >>> 16) & 0xff
  if (attributes & 0xff00_fffc || wanted === 2 || (wanted === STATE_UNCHANGED && type === 0)) return INVALID_PARAMETERS
  if (wanted !== STATE_UNCHANGED && !clock.permissions.state) return DENIED
  if (type !== 0) {
    if (!clock.extended.has(type)) return INVALID_PARAMETERS
    if (type === DUTY_CYCLE && (value === 0 || value >= 100)) return INVALID_PARAMETERS
    clock.setExtended(type, value)
  }
  state.held.add(clock)
  if (wanted === STATE_ENABLE) clock.vote(state.agentId, true)
  if (wanted === STATE_DISABLE) clock.vote(state.agentId, false)
  return SUCCESS
}

function configGet(state: ClockState, request: RequestReader, reply: MessageWriter): number {
  const clock = state.find(request.u32())
  const flags = request.u32()
  if (!clock) return state.refusal
  if (flags & ~0xff) return INVALID_PARAMETERS
  const value = flags === 0 ? 0 : clock.extended.get(flags)
  if (value === undefined) return INVALID_PARAMETERS
  reply.u32(0)
  reply.u32(clock.enabled ? 1 : 0)
  reply.u32(value)
  return SUCCESS
}

function subscribe(eventId: number) {
  return (state: ClockState, request: RequestReader): number => {
    const clock = state.find(request.u32())
    const enable = request.u32()
    if (!clock) return state.refusal
    if (enable & ~1) return INVALID_PARAMETERS
    if (!clock.notifies) return NOT_SUPPORTED
    state.subscribe(clock, eventId, enable === 1)
    return SUCCESS
  }
}

function possibleParents(state: ClockState, request: RequestReader, reply: MessageWriter): number {
  const clock = state.find(request.u32())
  const skip = request.u32()
  if (!clock) return state.refusal
  const parents = state.parentIds(clock)
  if (parents.length === 0) return NOT_SUPPORTED
  const left = parents.length - skip
  if (left <= 0) return OUT_OF_RANGE
  const returned = Math.min(left, reply.room(4, 4), 0xff)
  reply.u32(((left - returned) << 24) | returned)
  for (let i = 0; i < returned; i++) reply.u32(parents[skip + i]!)
  return SUCCESS
}

function parentSet(state: ClockState, request: RequestReader): number {
  const clock = state.find(request.u32())
  const parent = state.find(request.u32())
  if (!clock || !parent) return state.refusal
  if (!clock.permissions.parent) return DENIED
  if (clock.parents.length === 0) return NOT_SUPPORTED
  if (!clock.parents.includes(parent)) return INVALID_PARAMETERS
  state.clocks.setParent(clock, parent, state.agentId)
  return SUCCESS
}

const CLOCK_ID = [u32('clock_id')]
const NOTIFY = [u32('clock_id'), u32('notify_enable')]
const RATE_EVENT = [u32('agent_id'), u32('clock_id'), u64('rate')]

const command = commandsOn<ClockState>()

export const clock = defineProtocol({
  id: 0x14,
  name: 'clock',
  versions: [V1, V2, V3],
  resource: clocks,
  attach: (platform, protocol) =>
    new ClockState(platform.model(clocks), platform.config.protocols.clock?.max_pending_async ?? 0, protocol),
  show: state => ({
    clocks: state.list.map(({ name, enabled, rateHz, rates, range, parent }, id) => {
      const [min_hz, max_hz, step_hz] = rates ? [] : [range.min, range.max, range.step]
      return {
        id,
        name,
        enabled,
        rate_hz: rateHz,
        rates_hz: rates,
        min_hz,
        max_hz,
        step_hz,
        parent: state.nameOf(parent),
      }
    }),
  }),
  commands: [
    command(0x1, 'PROTOCOL_ATTRIBUTES', [], [u32('attributes')], (state, _request, reply) => {
      reply.u32((state.pending.max << 16) | state.count)
      return SUCCESS
    }),
    command(0x3, 'CLOCK_ATTRIBUTES', CLOCK_ID, [u32('attributes'), text('name')], (state, request, reply) => {
      const clock = state.find(request.u32())
      if (!clock) return state.refusal
      reply.u32(attributesOf(state, clock, V1))
      reply.text(clock.name, SHORT_NAME_SIZE)
      return SUCCESS
    }),
    command(
      0x3,
      'CLOCK_ATTRIBUTES',
      CLOCK_ID,
      [u32('attributes'), text('name'), u32('enable_delay')],
      (state, request, reply, protocol) => {
        const clock = state.find(request.u32())
        if (!clock) return state.refusal
        reply.u32(attributesOf(state, clock, protocol.version))
        reply.text(clock.name, SHORT_NAME_SIZE)
        reply.u32(clock.enableDelayUs)
        return SUCCESS
      },
      { since: V2 },
    ),
    command(
      0x4,
      'CLOCK_DESCRIBE_RATES',
      [u32('clock_id'), u32('rate_index')],
      // At least one rate must fit, or the agent could never go on.
      [u32('num_rates_flags'), list('rates', [u64('rate')], v => Number(v.num_rates_flags) & 0xfff)],
      describeRates,
      { replyMin: 12 },
    ),
    command(0x5, 'CLOCK_RATE_SET', [u32('flags'), u32('clock_id'), u64('rate')], [], setRate, {
      delayed: [u32('clock_id'), u64('rate')],
    }),
    command(0x6, 'CLOCK_RATE_GET', CLOCK_ID, [u64('rate')], (state, request, reply) => {
      const clock = state.find(request.u32())
      if (clock === undefined) return state.refusal
      reply.u64(clock.rateHz)
      return SUCCESS
    }),
    command(0x7, 'CLOCK_CONFIG_SET', [u32('clock_id'), u32('attributes')], [], configSetV1),
    command(0x7, 'CLOCK_CONFIG_SET', [u32('clock_id'), u32('attributes'), u32('extended_config_val')], [], configSet, {
      since: V3,
    }),
    command(0x8, 'CLOCK_NAME_GET', CLOCK_ID, [u32('flags'), text('name', NAME_SIZE)], answerName, { since: V2 }),
    command(0x9, 'CLOCK_RATE_NOTIFY', NOTIFY, [], subscribe(RATE_CHANGED), { since: V2, needsEvents: true }),
    command(0xa, 'CLOCK_RATE_CHANGE_REQUESTED_NOTIFY', NOTIFY, [], subscribe(RATE_CHANGE_REQUESTED), {
      since: V2,
      needsEvents: true,
    }),
    command(
      0xb,
      'CLOCK_CONFIG_GET',
      [u32('clock_id'), u32('flags')],
      [u32('attributes'), u32('config'), u32('extended_config_val')],
      configGet,
      { since: V3 },
    ),
    command(
      0xc,
      'CLOCK_POSSIBLE_PARENTS_GET',
      [u32('clock_id'), u32('skip_parents')],
      [u32('num_parents_flags'), list('parents', [u32('clock_id')], v => Number(v.num_parents_flags) & 0xff)],
      possibleParents,
      { since: V3, replyMin: 8 },
    ),
    command(0xd, 'CLOCK_PARENT_SET', [u32('clock_id'), u32('parent_id')], [], parentSet, { since: V3 }),
    command(
      0xe,
      'CLOCK_PARENT_GET',
      CLOCK_ID,
      [u32('parent_id')],
      (state, request, reply) => {
        const clock = state.find(request.u32())
        if (!clock) return state.refusal
        const parent = clock.parent && state.idOf(clock.parent)
        if (parent === undefined) return NOT_SUPPORTED
        reply.u32(parent)
        return SUCCESS
      },
      { since: V3 },
    ),
    command(
      0xf,
      'CLOCK_GET_PERMISSIONS',
      CLOCK_ID,
      [u32('permissions')],
      (state, request, reply) => {
        const clock = state.find(request.u32())
        if (!clock) return state.refusal
        const { state: mayState, parent, rate } = clock.permissions
        reply.u32((mayState ? MAY_SET_STATE : 0) + (parent ? MAY_SET_PARENT : 0) + (rate ? MAY_SET_RATE : 0))
        return SUCCESS
      },
      { since: V3 },
    ),
  ],
  events: [
    event(RATE_CHANGED, 'CLOCK_RATE_CHANGED', RATE_EVENT, V2),
    event(RATE_CHANGE_REQUESTED, 'CLOCK_RATE_CHANGE_REQUESTED', RATE_EVENT, V2),
  ],
})
