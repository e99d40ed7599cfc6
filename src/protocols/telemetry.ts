/**
 * Telemetry protocol, 0x1B, version 1.0 (SCMI 4.0). We had no copy of its text: layouts are those that the Linux series
 * reads, statuses those of public descriptions of the beta.
 */
import { microsecondsOf } from '../platform/sensors/decimal.js'
import { unscaled } from '../platform/sensors/scaled.js'
import { sensorTypeName } from '../platform/sensors/types.js'
import type { UpdateIntervals } from '../platform/sensors/update-intervals.js'
import { type DataEvent, OFF, ON, ON_WITH_TIMESTAMP } from '../platform/telemetry/data-event.js'
import { telemetry as kind } from '../platform/telemetry/index.js'
import { componentName, eventTypeName } from '../platform/telemetry/words.js'
import { u32 } from '../wire/fields.js'
import type { MessageWriter, RequestReader } from '../wire/message.js'
import { BUSY, INVALID_PARAMETERS, OUT_OF_RANGE, SUCCESS } from '../wire/status.js'
import { commandsOn, defineProtocol } from './declaration/define-protocol.js'
import type { Row } from './declaration/protocol.js'
import { NOTIFIED, ON_DEMAND, type UpdateSet } from './telemetry-collection.js'
import {
  ATTRIBUTES,
  ENABLED,
  EVENTS,
  EVERYTHING,
  INTERVALS,
  ONE_GROUP,
  protocolAttributes,
  rateOf,
  SHMTIS,
  telemetryDeDescription,
  telemetryDeEnabledList,
  telemetryListShmti,
  telemetryListUpdateIntervals,
} from './telemetry-description.js'
import type { Place } from './telemetry-memory.js'
import { ALL_EVENTS, READING_COMPLETE, TELEMETRY_UPDATE, TelemetryView } from './telemetry-view.js'

const V1 = 0x10000

/** TELEMETRY_DE_CONFIGURE flags */
const MODE = 0x3
const RESERVED_MODE = 3
const DISABLE_ALL = 1 << 2
const IS_GROUP = 1 << 3
const DE_CONFIGURE_FLAGS = MODE | DISABLE_ALL | IS_GROUP

/** control of TELEMETRY_CONFIG_SET and GET */
const ENABLE = 1 << 0
const MODE_AT = 1
const SINGLE_READ = 2
const SELECTOR_AT = 5
const CONTROL_MASK = 0x1ff

/** TELEMETRY_DE_CONFIGURE: there is no line to read in memory. */
const NO_SHMTI = 0xffff_ffff

function telemetryDeConfigure(view: TelemetryView, request: RequestReader, reply: MessageWriter): number {
  const id = request.u32()
  const flags = request.u32()
  const mode = flags & MODE
  if (flags & DISABLE_ALL) {
    if (flags & ~DE_CONFIGURE_FLAGS || mode !== OFF) return INVALID_PARAMETERS
    view.modes.disableAll()
    return answerPlace(reply, undefined)
  }
  const status = flags & IS_GROUP ? configureGroup(view, id, flags) : configureEvent(view, id, flags)
  if (status !== SUCCESS) return status
  return answerPlace(reply, mode === OFF ? undefined : placeOf(view, id, (flags & IS_GROUP) !== 0))
}

/** Those without a timestamp are enabled without: Linux asks for the timestamps of all events, whether or not they have any. */
function modeFor({ timestamp }: DataEvent, mode: number): number {
  return mode === ON_WITH_TIMESTAMP && timestamp === 'none' ? ON : mode
}

function configureEvent(view: TelemetryView, id: number, flags: number): number {
  const event = view.findEvent(id)
  if (!event) return view.refusal
  const mode = flags & MODE
  if (flags & ~DE_CONFIGURE_FLAGS || mode === RESERVED_MODE) return INVALID_PARAMETERS
  if (mode !== OFF && !isRoomFor(view, [event])) return OUT_OF_RANGE
  view.modes.set(event, modeFor(event, mode))
  return SUCCESS
}

function configureGroup(view: TelemetryView, group: number, flags: number): number {
  const events = view.findGroup(group)
  if (!events) return view.refusal
  const mode = flags & MODE
  if (flags & ~DE_CONFIGURE_FLAGS || mode === RESERVED_MODE) return INVALID_PARAMETERS
  if (mode !== OFF && !isRoomFor(view, events)) return OUT_OF_RANGE
  for (const event of events) view.modes.set(event, modeFor(event, mode))
  view.modes.setGroup(group, mode)
  return SUCCESS
}

/** Whether these events can be enabled together with those that are. */
function isRoomFor({ modes }: TelemetryView, events: readonly DataEvent[]): boolean {
  const more = events.filter(event => modes.of(event) === OFF).length
  return more === 0 || modes.count + more <= modes.max
}

/** Where an event can be read in memory; of a group, its first line. */
function placeOf(view: TelemetryView, id: number, isGroup: boolean): Place | undefined {
  const { memory } = view
  if (!memory?.available) return undefined
  const events = isGroup ? view.findGroup(id) : [view.findEvent(id)]
  const places = events?.flatMap(event => (event && memory.placeOf(event)) ?? []) ?? []
  const [first, ...others] = places
  if (!first) return undefined
  return {
    shmti: first.shmti,
    offset: Math.min(first.offset, ...others.map(({ offset }) => offset)),
    blockOffset: places.find(({ blockOffset }) => blockOffset > 0)?.blockOffset ?? 0,
  }
}

function answerPlace(reply: MessageWriter, place: Place | undefined): number {
  reply.u32(place?.shmti ?? NO_SHMTI)
  reply.u32(place?.offset ?? 0)
  reply.u32(place?.blockOffset ?? 0)
  return SUCCESS
}

function telemetryConfigSet(view: TelemetryView, request: RequestReader): number {
  const group = request.u32()
  const control = request.u32()
  const rate = request.u32()
  const selector = control >>> SELECTOR_AT
  if (selector > EVERYTHING) return INVALID_PARAMETERS
  if (selector !== EVERYTHING && !view.telemetry.hasGroupIntervals) return INVALID_PARAMETERS
  if (selector === ONE_GROUP && !view.findGroup(group)) return view.refusal
  if (control & ~CONTROL_MASK) return INVALID_PARAMETERS
  const enable = (control & ENABLE) !== 0
  const mode = (control >>> MODE_AT) & 0xf
  if (enable && !offers(view, mode)) return INVALID_PARAMETERS
  const sets = setsOf(view, selector, group)
  const wantedUs = microsecondsOf({ mantissa: (rate >>> 5) & 0xffff, exponent: (rate << 27) >> 27 })
  const isSingle = enable && mode === SINGLE_READ
  if (enable && !isSingle && !isOffered(sets[0]!.intervals, rate, wantedUs)) return OUT_OF_RANGE
  if (enable && !hasEnabled(view, selector, group) && !view.telemetry.config.enable_without_events) {
    return INVALID_PARAMETERS
  }
  if (isSingle) return startReading(view, selector === ONE_GROUP ? group : ALL_EVENTS, request.header)
  for (const set of sets) {
    // Off, the rate may be any: Linux sets intervals then too, and nobody would see why one is refused.
    const interval = set.intervals.choose(wantedUs, 'nearest')
    const taken = enable || isOffered(set.intervals, rate, wantedUs) ? interval : undefined
    view.collection.configure(set, enable, enable ? mode : set.mode, taken ?? set.interval)
  }
  return SUCCESS
}

function offers(view: TelemetryView, mode: number): boolean {
  if (mode === NOTIFIED) return view.notifies
  return mode === SINGLE_READ ? view.readsSingly : mode === ON_DEMAND
}

/** The sets of events; the first one decides which intervals there are. */
function setsOf({ collection }: TelemetryView, selector: number, group: number): readonly UpdateSet[] {
  if (selector === EVERYTHING) return collection.sets
  return [collection.setOf(selector === ONE_GROUP ? group : undefined)]
}

/** Bits 31:21 of a rate are reserved. */
function isOffered(intervals: UpdateIntervals, rate: number, us: number): boolean {
  return rate >>> 21 === 0 && us > 0 && intervals.choose(us, 'nearest')?.us === us
}

function hasEnabled(view: TelemetryView, selector: number, group: number): boolean {
  for (const event of view.modes.enabled) {
    if (selector === EVERYTHING || event.group === (selector === ONE_GROUP ? group : undefined)) return true
  }
  return false
}

function startReading(view: TelemetryView, group: number, header: number): number {
  if (view.pending.busy) return BUSY
  view.pending.start({ group, header }, view.telemetry.singleReadUs)
  return SUCCESS
}

function telemetryConfigGet(view: TelemetryView, request: RequestReader, reply: MessageWriter): number {
  const group = request.u32()
  const selector = request.u32()
  if (selector > EVERYTHING) return INVALID_PARAMETERS
  if (selector === ONE_GROUP && !view.findGroup(group)) return view.refusal
  const { enabled, mode, interval } = view.collection.setOf(selector === ONE_GROUP ? group : undefined)
  reply.u32((enabled ? ENABLE : 0) | (mode << MODE_AT) | (selector << SELECTOR_AT))
  reply.u32(rateOf(interval))
  return SUCCESS
}

function telemetryReset(view: TelemetryView, request: RequestReader): number {
  if (request.u32() !== 0) return INVALID_PARAMETERS
  view.resetAll()
  return SUCCESS
}

/** For people: how often the event is updated; nothing while it is not. */
function updatesOf({ collection, modes }: TelemetryView, event: DataEvent): Row {
  const { enabled, mode, interval } = collection.setOf(event.group)
  if (!enabled || modes.of(event) === OFF) return {}
  return { interval_us: interval.us, mode: mode === NOTIFIED ? 'notified' : 'on demand' }
}

const command = commandsOn<TelemetryView>()

export const telemetry = defineProtocol({
  id: 0x1b,
  name: 'telemetry',
  versions: [V1],
  resource: kind,
  attach: (platform, protocol) => new TelemetryView(platform.model(kind), protocol),
  show: view => ({
    telemetry: view.rows(event => ({
      id: event.eventId,
      name: event.name,
      value: Number(unscaled(view.readingOf(event), event.scale).toPrecision(12)),
      unit: sensorTypeName(event.unit),
      type: eventTypeName(event.type),
      component: componentName(event.component),
      via: view.viaOf(event),
      group: event.group === undefined ? undefined : view.telemetry.groups[event.group]!.name,
      enabled: view.modes.of(event) !== OFF,
      ...updatesOf(view, event),
    })),
  }),
  commands: [
    command(0x1, 'PROTOCOL_ATTRIBUTES', [], ATTRIBUTES, protocolAttributes),
    command(0x3, 'TELEMETRY_LIST_SHMTI', [u32('index')], SHMTIS.fields, telemetryListShmti, { needsShared: true }),
    command(0x4, 'TELEMETRY_DE_DESCRIPTION', [u32('index')], EVENTS.fields, telemetryDeDescription),
    command(
      0x5,
      'TELEMETRY_LIST_UPDATE_INTERVALS',
      [u32('index'), u32('group_identifier'), u32('flags')],
      INTERVALS.fields,
      telemetryListUpdateIntervals,
    ),
    command(
      0x6,
      'TELEMETRY_DE_CONFIGURE',
      [u32('de_id'), u32('flags')],
      [u32('shmti_index'), u32('de_offset'), u32('blk_ts_offset')],
      telemetryDeConfigure,
      { changes: true },
    ),
    command(0x7, 'TELEMETRY_DE_ENABLED_LIST', [u32('index'), u32('flags')], ENABLED.fields, telemetryDeEnabledList, {
      replyMin: 4,
    }),
    command(
      0x8,
      'TELEMETRY_CONFIG_SET',
      [u32('group_identifier'), u32('control'), u32('rate')],
      [],
      telemetryConfigSet,
      { delayed: READING_COMPLETE },
    ),
    command(
      0x9,
      'TELEMETRY_CONFIG_GET',
      [u32('group_identifier'), u32('flags')],
      [u32('control'), u32('rate')],
      telemetryConfigGet,
    ),
    command(0xa, 'TELEMETRY_RESET', [u32('flags')], [], telemetryReset),
  ],
  events: [TELEMETRY_UPDATE],
})
