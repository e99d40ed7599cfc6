/** How the platform describes its data events (SCMI 4.0, Telemetry): fields, attribute words, lists in parts. */
import type { DataEvent } from '../platform/telemetry/data-event.js'
import { optional, text, u32, type Values } from '../wire/fields.js'
import type { MessageWriter, RequestReader } from '../wire/message.js'
import { COMMS_ERROR, INVALID_PARAMETERS, NOT_SUPPORTED, OUT_OF_RANGE, SUCCESS } from '../wire/status.js'
import { SHORT_NAME_SIZE } from './declaration/names.js'
import { Parts } from './declaration/parts.js'
import { exponentBits } from './sensor-description.js'
import { CHANNEL_SIZE } from './telemetry-memory.js'
import type { TelemetryView } from './telemetry-view.js'

/** PROTOCOL_ATTRIBUTES */
const SINGLE_READ = 2 ** 31
const NOTIFICATIONS = 2 ** 30
const GROUP_INTERVALS = 1 << 18
const RESET = 1 << 17
const FAST_CHANNELS = 1 << 16

/** Attributes 1 of a data event */
const NAMED = 2 ** 31
const HAS_FAST_CHANNEL = 2 ** 30
const TYPE_AT = 22
const PERSISTENT = 1 << 21
const EXPONENT_AT = 13
const UNIT_AT = 5
const TIMESTAMPS = { none: 0, line: 1, block: 2 }
const TIMESTAMP_KIND = 0x3

const has = (values: Values, flag: number): boolean => Math.floor(Number(values.attributes_1) / flag) % 2 === 1

const DESCRIPTOR = [
  u32('de_id'),
  u32('group_identifier'),
  u32('data_size'),
  u32('attributes_1'),
  u32('attributes_2'),
  u32('attributes_3'),
  optional([u32('line_timestamp_rate')], values => (Number(values.attributes_1) & TIMESTAMP_KIND) === TIMESTAMPS.line),
  optional([u32('fast_channel_address_low'), u32('fast_channel_address_high'), u32('fast_channel_size')], values =>
    has(values, HAS_FAST_CHANNEL),
  ),
  optional([text('name')], values => has(values, NAMED)),
]
const COUNT = { bits: 16, remainingAt: 16 }
const FIXED_SIZE = 24
const RATE_SIZE = 4
const CHANNEL_FIELDS_SIZE = 12
const DATA_SIZE = 8
const NO_GROUP = 0xffff_ffff

export const ATTRIBUTES = [
  u32('num_des'),
  u32('num_groups'),
  ...([0, 1, 2, 3] as const).map(i => u32(`de_implementation_revision_${i}`)),
  u32('attributes'),
  u32('default_blk_ts_rate'),
]
export const SHMTIS = new Parts(
  'num_shmtis',
  'shmtis',
  [u32('shmti_identifier'), u32('address_low'), u32('address_high'), u32('length'), u32('flags')],
  COUNT,
)
export const EVENTS = new Parts('num_descriptors', 'descriptors', DESCRIPTOR, COUNT)
export const INTERVALS = new Parts('flags', 'intervals', [u32('interval')])
export const ENABLED = new Parts('num_entries', 'entries', [u32('de_or_group_id'), u32('mode')], COUNT)
const ENABLED_SIZE = 8

/** TELEMETRY_LIST_UPDATE_INTERVALS, flags: the intervals are lowest, highest, step */
const LINEAR = 1 << 12
const LINEAR_WORDS = 3

export function protocolAttributes(view: TelemetryView, _request: RequestReader, reply: MessageWriter): number {
  const { telemetry, memory } = view
  let attributes = RESET
  if (view.readsSingly) attributes += SINGLE_READ
  if (view.notifies) attributes += NOTIFICATIONS
  if (telemetry.hasGroupIntervals) attributes += GROUP_INTERVALS
  if (memory?.available) attributes += memory.shmtis.length + (memory.hasChannels ? FAST_CHANNELS : 0)
  reply.u32(view.events.length)
  reply.u32(telemetry.groups.length)
  for (const word of telemetry.revision) reply.u32(word)
  reply.u32(attributes)
  reply.u32(telemetry.timestampKhz)
  return SUCCESS
}

/** TELEMETRY_LIST_SHMTI: areas are initialised by the time that the driver knows of them. */
export function telemetryListShmti(view: TelemetryView, request: RequestReader, reply: MessageWriter): number {
  const index = request.u32()
  const { memory } = view
  const { shmtis = [] } = memory ?? {}
  if (!memory?.available || shmtis.length === 0) return NOT_SUPPORTED
  if (index >= shmtis.length) return OUT_OF_RANGE
  view.useMemory()
  const returned = SHMTIS.begin(reply, shmtis.length - index)
  for (let id = index; id < index + returned; id++) {
    const shmti = shmtis[id]!
    reply.u32(id)
    reply.u64(memory.addressOf(shmti))
    reply.u32(shmti.bytes)
    reply.u32(0)
  }
  return SUCCESS
}

/** In messages there are no block timestamps: lines have their own. */
function timestampOf(view: TelemetryView, event: DataEvent): keyof typeof TIMESTAMPS {
  const { timestamp } = event
  return timestamp === 'block' && view.viaOf(event) === 'message' ? 'line' : timestamp
}

const hasChannel = (view: TelemetryView, event: DataEvent): boolean => view.viaOf(event) === 'fast_channel'

function sizeOf(view: TelemetryView, event: DataEvent): number {
  const rate = timestampOf(view, event) === 'line' ? RATE_SIZE : 0
  const channel = hasChannel(view, event) ? CHANNEL_FIELDS_SIZE : 0
  return FIXED_SIZE + rate + channel + (event.wireName === '' ? 0 : SHORT_NAME_SIZE)
}

function attributes1(view: TelemetryView, event: DataEvent): number {
  let attributes =
    TIMESTAMPS[timestampOf(view, event)] + (event.unit << UNIT_AT) + ((event.scale & 0xff) << EXPONENT_AT)
  if (event.persistent) attributes += PERSISTENT
  if (event.wireName !== '') attributes += NAMED
  if (hasChannel(view, event)) attributes += HAS_FAST_CHANNEL
  return attributes + event.type * 2 ** TYPE_AT
}

function attributes2({ instance, componentInstance, component }: DataEvent): number {
  return instance * 2 ** 24 + componentInstance * 2 ** 8 + component
}

function describe(view: TelemetryView, event: DataEvent, reply: MessageWriter): void {
  reply.u32(event.eventId)
  reply.u32(event.group ?? NO_GROUP)
  reply.u32(DATA_SIZE)
  reply.u32(attributes1(view, event))
  reply.u32(attributes2(event))
  reply.u32(0)
  if (timestampOf(view, event) === 'line') reply.u32(view.telemetry.timestampKhz)
  if (hasChannel(view, event)) {
    view.useMemory()
    reply.u64(view.memory!.channelOf(event)!)
    reply.u32(CHANNEL_SIZE)
  }
  if (event.wireName !== '') reply.text(event.wireName, SHORT_NAME_SIZE)
}

/** TELEMETRY_DE_DESCRIPTION: an entry may lack fields, so those that fit are counted by their sizes. */
export function telemetryDeDescription(view: TelemetryView, request: RequestReader, reply: MessageWriter): number {
  const index = request.u32()
  const { events } = view
  if (index >= events.length) return OUT_OF_RANGE
  const returned = EVENTS.fitting(reply, events, index, event => sizeOf(view, event))
  if (returned === 0) return COMMS_ERROR
  EVENTS.beginWith(reply, returned, events.length - index)
  for (let i = index; i < index + returned; i++) describe(view, events[i]!, reply)
  return SUCCESS
}

/** Of which events: those of one group; all. 0 are those outside groups. */
export const ONE_GROUP = 1
export const EVERYTHING = 2

export function telemetryListUpdateIntervals(
  view: TelemetryView,
  request: RequestReader,
  reply: MessageWriter,
): number {
  const index = request.u32()
  const group = request.u32()
  const selector = request.u32()
  if (selector > EVERYTHING) return INVALID_PARAMETERS
  if (selector === ONE_GROUP && !view.findGroup(group)) return view.refusal
  const { entries, segmented } = view.collection.setOf(selector === ONE_GROUP ? group : undefined).intervals
  const left = entries.length - index
  if (left <= 0 || (segmented && index > 0)) return OUT_OF_RANGE
  // The three words of a range belong together: if they do not fit, the writer overflows.
  const returned = segmented ? LINEAR_WORDS : INTERVALS.begin(reply, left)
  if (segmented) INTERVALS.beginWith(reply, returned, left, LINEAR)
  for (let i = index; i < index + returned; i++) reply.u32(rateOf(entries[i]!))
  return SUCCESS
}

/** An interval as messages have it. */
export function rateOf({ mantissa, exponent }: { mantissa: number; exponent: number }): number {
  return (mantissa << 5) | exponentBits(exponent)
}

/** Asks for groups instead of events. */
const GROUPS = 1 << 0

export function telemetryDeEnabledList(view: TelemetryView, request: RequestReader, reply: MessageWriter): number {
  const index = request.u32()
  const flags = request.u32()
  if (flags & ~GROUPS) return INVALID_PARAMETERS
  const entries = flags & GROUPS ? enabledGroups(view) : enabledEvents(view)
  // Linux asks from 0 on, and gives up the protocol if that is refused: with nothing enabled there are no entries.
  if (index >= Math.max(entries.length, 1)) return OUT_OF_RANGE
  const left = entries.length - index
  if (left > 0 && reply.room(ENABLED_SIZE, 4) === 0) return COMMS_ERROR
  const returned = ENABLED.begin(reply, left)
  for (const [id, mode] of entries.slice(index, index + returned)) {
    reply.u32(id)
    reply.u32(mode)
  }
  return SUCCESS
}

function enabledEvents(view: TelemetryView): [id: number, mode: number][] {
  return view.events.flatMap(event => {
    const mode = view.modes.of(event)
    return mode === 0 ? [] : [[event.eventId, mode] as [number, number]]
  })
}

function enabledGroups({ telemetry, modes }: TelemetryView): [id: number, mode: number][] {
  return telemetry.groups.flatMap((_, group) => {
    const mode = modes.ofGroup(group)
    return mode === 0 ? [] : [[group, mode] as [number, number]]
  })
}
