/** Decodes our traces; the inverse of encoder.ts. Recognizes traces of other programs. */
import type { Payload } from '../observe/messages.js'
import { OperatorError } from '../support/errors.js'
import type { Value, Values } from '../wire/fields.js'
import { HEADER_SIZE } from '../wire/header.js'
import { type About, aboutFrom } from './about.js'
import { annotatedValues } from './annotations.js'
import { type Category, KERNEL_CLOCK } from './events.js'
import { PacketReader } from './packets.js'
import {
  BUILTIN_CLOCK_MONOTONIC,
  type InternedData,
  SEQ_INCREMENTAL_STATE_CLEARED,
  type TracePacket,
  type TrackDescriptor,
  type TrackEvent,
  TYPE_COUNTER,
  TYPE_SLICE_BEGIN,
  TYPE_SLICE_END,
  type Whole,
} from './perfetto.js'

/** A command with its reply, a delayed response, a notification, or a write to a fast channel. */
export interface TracedMessage {
  what: 'message'
  kind: 'command' | 'delayed response' | 'notification' | 'fast channel'
  agent: string
  protocol: string
  message: string
  /**
   * Nanoseconds. For a command: its arrival; for a delayed response: the reply to its command; for a notification: its
   * sending; for a write to a fast channel: when it was noticed.
   */
  timeNs: number
  /** When it was answered or sent; undefined: the trace ends before. */
  answeredNs: number | undefined
  token: number | undefined
  request: Payload
  /** Name of the status. */
  status: string | undefined
  /** Fields after the status; for a notification, its payload. */
  reply: Payload
  /** Whole messages, including headers. An event is in `replyBytes`. */
  requestBytes: Uint8Array
  replyBytes: Uint8Array
  /** Size of the driver's buffer for the reply. */
  room: number
  /** The delayed response of a command. */
  delayed?: TracedMessage | undefined
  /** For a delayed response: its command is in the trace. */
  joined?: boolean
}

/** An instant. */
export interface TracedMoment {
  what: 'moment'
  category: Category
  name: string
  timeNs: number
  /** End of an event that lasts. */
  endNs?: number
  agent: string | undefined
  protocol: string | undefined
  values: Values
  /** For a kernel event: the command that it sent. */
  command?: TracedMessage | undefined
}

/** A new value of a property. */
export interface TracedValue {
  what: 'value'
  /** `clock.uart.rate` */
  property: string
  timeNs: number
  value: number | string
  unit: string | undefined
}

export type TracedEvent = TracedMessage | TracedMoment | TracedValue

export interface Recording {
  about: About
  /** By time; delayed responses are also linked from their commands. */
  events: TracedEvent[]
  /** Whether the recording was stopped and the file is whole. */
  complete: boolean
}

/** The time of an event in nanoseconds; for a delayed response, its sending. */
export function momentOf(event: TracedEvent): number {
  return event.what === 'message' && event.kind !== 'command' ? (event.answeredNs ?? event.timeNs) : event.timeNs
}

/** Reads a trace. Throws OperatorError if the file is not one of ours. An incomplete packet at the end is dropped. */
export function readTrace(path: string): Recording {
  const reader = new PacketReader(path)
  const builder = new RecordingBuilder()
  let packets = 0
  for (const packet of reader.packets()) {
    builder.add(packet)
    packets++
  }
  builder.end()
  const { about, events } = builder
  if (!about) {
    const isCut = reader.cutOff > 0 || packets < PACKETS_BEFORE_ABOUT
    throw new OperatorError(
      isCut
        ? `${path}: ends before the trace has begun`
        : `${path}: a trace of another program, not of vhost-user-scmi`,
    )
  }
  events.sort((a, b) => momentOf(a) - momentOf(b))
  return { about, events, complete: builder.ended && reader.cutOff === 0 }
}

/** Packets of the clock, the platform's track, and the track of at least one agent. */
const PACKETS_BEFORE_ABOUT = 4

type Names = Map<keyof InternedData, Map<number, string>>

class RecordingBuilder {
  about: About | undefined
  ended = false
  readonly events: TracedEvent[] = []
  readonly #tracks = new Map<number, TrackDescriptor>()
  #names: Names = new Map()
  /** Slices that have not ended, by track. */
  readonly #open = new Map<number, TracedMessage | TracedMoment>()
  /** Offset to add to the guest's times. */
  #kernelOffsetNs = 0
  /** Commands by flow id. */
  readonly #flows = new Map<number, TracedMessage>()
  /** Kernel events of commands, which may stand in the file before their command. */
  readonly #ofCommands: { moment: TracedMoment; flow: number }[] = []

  add(packet: TracePacket): void {
    if ((packet.sequence_flags ?? 0) & SEQ_INCREMENTAL_STATE_CLEARED!) this.#names = new Map()
    if (packet.interned_data) this.#learn(packet.interned_data)
    const { track_descriptor, track_event } = packet
    if (track_descriptor) this.#tracks.set(Number(track_descriptor.uuid), track_descriptor)
    if (packet.clock_snapshot) this.#clock(packet.clock_snapshot)
    const isKernels = packet.timestamp_clock_id === KERNEL_CLOCK
    if (track_event) this.#event(track_event, Number(packet.timestamp) + (isKernels ? this.#kernelOffsetNs : 0))
  }

  /** To call after the last packet. */
  end(): void {
    for (const { moment, flow } of this.#ofCommands) moment.command = this.#flows.get(flow)
  }

  #clock({ clocks }: NonNullable<TracePacket['clock_snapshot']>): void {
    const timeOf = (id: number): number => Number((clocks ?? []).find(({ clock_id }) => clock_id === id)?.timestamp)
    const offset = timeOf(BUILTIN_CLOCK_MONOTONIC!) - timeOf(KERNEL_CLOCK)
    if (!Number.isNaN(offset)) this.#kernelOffsetNs = offset
  }

  #learn(interned: InternedData): void {
    for (const [kind, entries] of Object.entries(interned) as [
      keyof InternedData,
      InternedData[keyof InternedData],
    ][]) {
      let names = this.#names.get(kind)
      if (!names) this.#names.set(kind, (names = new Map()))
      for (const { iid, name } of entries ?? []) names.set(Number(iid), name)
    }
  }

  #name(kind: keyof InternedData, iid: Whole | undefined): string {
    return this.#names.get(kind)?.get(Number(iid)) ?? '?'
  }

  #event(event: TrackEvent, timeNs: number): void {
    const uuid = Number(event.track_uuid)
    if (event.type === TYPE_COUNTER) {
      if (event.double_counter_value !== undefined) this.#value(uuid, event.double_counter_value, timeNs)
      return
    }
    if (event.type === TYPE_SLICE_END) {
      const open = this.#open.get(uuid)
      if (open?.what === 'message') open.answeredNs = timeNs
      else if (open) open.endNs = timeNs
      this.#open.delete(uuid)
      return
    }
    const name = this.#name('event_names', event.name_iid)
    const category = this.#name('event_categories', event.category_iids?.[0]) as Category
    const values = annotatedValues(event.debug_annotations ?? [], iid => this.#name('debug_annotation_names', iid))
    if (category === 'value') this.#value(uuid, name, timeNs)
    else if (isMessage(category)) this.#message(event, category, name, values, timeNs)
    else this.#moment(event, category, name, values, timeNs)
  }

  #message(event: TrackEvent, kind: TracedMessage['kind'], name: string, values: Values, timeNs: number): void {
    const uuid = Number(event.track_uuid)
    const { agent, protocol } = this.#placeOf(uuid)
    const requestBytes = bytesOf(values.request_bytes)
    const replyBytes = bytesOf(values.reply_bytes ?? values.event_bytes)
    const status = typeof values.status === 'string' && values.status !== 'no answer' ? values.status : undefined
    const message: TracedMessage = {
      what: 'message',
      kind,
      agent: agent ?? '?',
      protocol: protocol ?? '?',
      message: name,
      timeNs,
      answeredNs: event.type === TYPE_SLICE_BEGIN ? undefined : timeNs,
      token: typeof values.token === 'number' ? values.token : undefined,
      request: payloadOf(values.request, requestBytes, HEADER_SIZE),
      status,
      reply:
        kind === 'fast channel'
          ? {}
          : payloadOf(values.reply ?? values.notification, replyBytes, kind === 'notification' ? 4 : 8),
      requestBytes,
      replyBytes,
      room: Number(values.room ?? 0),
    }
    this.events.push(message)
    if (event.type === TYPE_SLICE_BEGIN) this.#open.set(uuid, message)
    for (const flow of event.flow_ids ?? []) this.#flows.set(Number(flow), message)
    for (const flow of event.terminating_flow_ids ?? []) {
      const command = this.#flows.get(Number(flow))
      if (!command) continue
      command.delayed = message
      message.joined = true
    }
  }

  #moment(event: TrackEvent, category: Category, name: string, values: Values, timeNs: number): void {
    const uuid = Number(event.track_uuid)
    if (category === 'trace') {
      this.about ??= aboutFrom(values)
      this.ended ||= name === 'end of trace'
    }
    const { agent, protocol } = this.#placeOf(uuid)
    const moment: TracedMoment = { what: 'moment', category, name, timeNs, agent, protocol, values }
    this.events.push(moment)
    if (event.type === TYPE_SLICE_BEGIN) this.#open.set(uuid, moment)
    const [flow] = event.flow_ids ?? []
    if (flow !== undefined) this.#ofCommands.push({ moment, flow: Number(flow) })
  }

  #value(uuid: number, value: number | string, timeNs: number): void {
    const track = this.#tracks.get(uuid)
    const group = this.#tracks.get(Number(track?.parent_uuid))
    const property = `${group?.name}.${track?.name}`
    this.events.push({ what: 'value', property, timeNs, value, unit: track?.counter?.unit_name })
  }

  /** Agent and protocol of a track. */
  #placeOf(uuid: number): { agent: string | undefined; protocol: string | undefined } {
    const track = this.#tracks.get(uuid)
    const parent = this.#tracks.get(Number(track?.parent_uuid))
    const [, agent] = /^agent (.*)$/s.exec((parent ?? track)?.name ?? '') ?? []
    return { agent, protocol: parent ? track?.name : undefined }
  }
}

const isMessage = (category: Category): category is TracedMessage['kind'] =>
  category === 'command' ||
  category === 'delayed response' ||
  category === 'notification' ||
  category === 'fast channel'

function bytesOf(text: Value | undefined): Uint8Array {
  return Uint8Array.from(Buffer.from(typeof text === 'string' ? text : '', 'hex'))
}

/** Fields, or the bytes if they fit no layout. */
function payloadOf(annotated: Value | undefined, bytes: Uint8Array, start: number): Payload {
  if (Array.isArray(annotated)) return annotated[0] ?? {}
  return bytes.length > start ? bytes.subarray(start) : {}
}
