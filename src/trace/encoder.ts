/**
 * Encodes a server's activity as Perfetto packets. Each protocol of each agent has a track, with a slice for each
 * command from arrival to reply, a second slice until its delayed response, and instants for notifications; values of
 * resources are counters. `reader.ts` decodes this and depends on the categories and annotations written here.
 */
import { MessageDecoder, type Payload } from '../observe/messages.js'
import type { TapRecords } from '../observe/tap-records.js'
import type { Protocol } from '../protocols/declaration/protocol.js'
import { delayedResponseTo, protocolIdOf } from '../wire/header.js'
import { statusName } from '../wire/status.js'
import { type Annotated, Annotator } from './annotations.js'
import {
  type Category,
  type ClockPair,
  KERNEL_CLOCK,
  type KernelEvent,
  type Moment,
  type Sample,
  type TracedProperty,
  type TraceStart,
} from './events.js'
import {
  BUILTIN_CLOCK_MONOTONIC,
  BUILTIN_CLOCK_REALTIME,
  PacketWriter,
  SEQ_INCREMENTAL_STATE_CLEARED,
  SEQ_NEEDS_INCREMENTAL_STATE,
  type TracePacket,
  type TrackEvent,
  TYPE_COUNTER,
  TYPE_INSTANT,
  TYPE_SLICE_BEGIN,
  TYPE_SLICE_END,
} from './perfetto.js'
import { Interner, RANKED, SEQUENCE, Tracks } from './tracks.js'

/** A command that may get a delayed response. */
interface Pending {
  answeredNs: number
  flow: number
}

const nsOf = (us: number): number => Math.round(us * 1000)

/**
 * Id of the arrows from and to a command: unique, since no two commands arrive at the same time with the same token.
 */
const flowOf = (arrivedNs: number, token: number): number => (arrivedNs % 2 ** 42) * 2 ** 10 + token

export class TraceEncoder {
  readonly #writer = new PacketWriter()
  readonly #interner = new Interner()
  readonly #annotator = new Annotator(this.#interner)
  readonly #tracks = new Tracks(this.#writer)
  readonly #decoder: MessageDecoder
  readonly #protocols: ReadonlyMap<number, Protocol>
  readonly #platform: number
  readonly #agents: readonly number[]
  readonly #pending = new Map<string, Pending>()
  readonly #quantities: number[] = []
  readonly #withKernel: boolean
  #kernel: number | undefined

  constructor(protocols: readonly Protocol[], start: TraceStart) {
    this.#decoder = new MessageDecoder(protocols)
    this.#withKernel = start.withKernel
    this.#protocols = new Map(protocols.map(protocol => [protocol.id, protocol]))
    this.#writer.add({
      trusted_packet_sequence_id: SEQUENCE,
      first_packet_on_sequence: true,
      sequence_flags: SEQ_INCREMENTAL_STATE_CLEARED!,
      trace_packet_defaults: { timestamp_clock_id: BUILTIN_CLOCK_MONOTONIC! },
      clock_snapshot: {
        clocks: [
          { clock_id: BUILTIN_CLOCK_MONOTONIC!, timestamp: start.monotonicNs },
          { clock_id: BUILTIN_CLOCK_REALTIME!, timestamp: start.realtimeNs },
        ],
        primary_trace_clock: BUILTIN_CLOCK_MONOTONIC!,
      },
    })
    this.#platform = this.#tracks.add({ name: 'platform', sibling_order_rank: 0, ...RANKED })
    this.#agents = start.agents.map((agent, i) =>
      this.#tracks.add({ name: `agent ${agent}`, sibling_order_rank: 1 + i, ...RANKED }),
    )
    this.moment({ category: 'trace', name: 'trace', timeNs: start.monotonicNs, annotations: start.about })
  }

  /** The packets since the last call. */
  take(): Uint8Array {
    return this.#writer.take()
  }

  /** Encodes up to `limit` messages, starting at the position of `records`. Returns their number; 0 at the end. */
  records(records: TapRecords, limit: number): number {
    let count = 0
    for (; count < limit && records.next(); count++) {
      if (records.isEvent) this.#unasked(records)
      else this.#command(records)
    }
    return count
  }

  #command(records: TapRecords): void {
    const { request, reply, device } = records
    const message = this.#decoder.command(request, reply)
    const fromNs = nsOf(records.arrivedUs)
    const toNs = nsOf(records.answeredUs)
    const lengths = { request_length: records.requestLength, reply_length: records.replyLength }
    const annotations = {
      token: message?.token,
      request: given(message?.request),
      status: message?.status === undefined ? 'no answer' : statusName(message.status),
      reply: given(message?.reply),
      room: records.room,
      request_bytes: bytesOf(request),
      reply_bytes: bytesOf(reply),
      ...(lengths.request_length > request.byteLength || lengths.reply_length > reply.byteLength ? lengths : {}),
    }
    const agent = this.#agents[device]!
    const protocol = message?.protocol ?? 'malformed'
    const track = this.#tracks.free(agent, protocol, message?.protocolId ?? 0, fromNs, toNs)
    const event = this.#event(
      TYPE_SLICE_BEGIN!,
      track,
      ['command', protocol],
      message?.message ?? 'malformed',
      annotations,
    )
    const mayBeDelayed = message !== undefined && this.#mayBeDelayed(message.protocolId, message.messageId)
    const flow = flowOf(fromNs, message?.token ?? 0)
    if (mayBeDelayed || this.#withKernel) event.flow_ids = [flow]
    if (mayBeDelayed) {
      this.#pending.set(pendingKey(device, delayedResponseTo(request.getUint32(0, true))), { answeredNs: toNs, flow })
    }
    this.#slice(event, fromNs, toNs)
  }

  #mayBeDelayed(protocolId: number, messageId: number): boolean {
    const commands = this.#protocols.get(protocolId)?.commands
    return commands?.some(({ id, delayed }) => id === messageId && delayed) ?? false
  }

  /** Encodes a notification, delayed response, or write to a fast channel. */
  #unasked(records: TapRecords): void {
    const { reply: bytes, device } = records
    const message = this.#decoder.event(bytes)
    const timeNs = nsOf(records.answeredUs)
    const agent = this.#agents[device]!
    const [kind, protocol] = [message?.kind ?? 'notification', message?.protocol ?? 'malformed']
    const rank = message?.protocolId ?? 0
    const isDelayed = kind === 'delayed response'
    const annotations = {
      token: isDelayed ? message?.token : undefined,
      request: given(message?.request),
      status: message?.status === undefined ? undefined : statusName(message.status),
      [isDelayed ? 'reply' : 'notification']: given(message?.reply),
      event_bytes: bytesOf(bytes),
    }
    const key = isDelayed ? pendingKey(device, bytes.getUint32(0, true)) : ''
    const pending = this.#pending.get(key)
    this.#pending.delete(key)
    const track = pending
      ? this.#tracks.free(agent, protocol, rank, pending.answeredNs, timeNs)
      : this.#tracks.named(agent, protocol, rank)
    const type = pending ? TYPE_SLICE_BEGIN! : TYPE_INSTANT!
    const event = this.#event(type, track, [kind, protocol], message?.message ?? 'malformed', annotations)
    if (!pending) {
      this.#add(event, timeNs)
      return
    }
    event.terminating_flow_ids = [pending.flow]
    this.#slice(event, pending.answeredNs, timeNs)
  }

  /** Adds an instant, on the track of its protocol, or else of its agent, or else of the platform. */
  moment({ category, name, timeNs, device, header, annotations = {} }: Moment): void {
    let track = device === undefined ? this.#platform : this.#agents[device]!
    if (header !== undefined) {
      const id = protocolIdOf(header)
      track = this.#tracks.named(track, this.#protocolName(id), id)
    }
    this.#add(this.#event(TYPE_INSTANT!, track, [category], name, annotations), timeNs)
  }

  /** Sets the guest's clock relative to ours, for all later kernel events. */
  kernelClock({ guestNs, hostNs, errorNs }: ClockPair): void {
    this.#writer.add({
      trusted_packet_sequence_id: SEQUENCE,
      clock_snapshot: {
        clocks: [
          { clock_id: KERNEL_CLOCK, timestamp: guestNs },
          { clock_id: BUILTIN_CLOCK_MONOTONIC!, timestamp: hostNs },
        ],
      },
    })
    const annotations = { error_ns: errorNs }
    this.moment({ category: 'trace', name: "the guest's clock", timeNs: hostNs, annotations })
  }

  /** Adds a kernel event on a track of its protocol, with an arrow to the command that it sent. */
  kernel({ name, protocolId, timeNs, endNs, command, values }: KernelEvent): void {
    this.#kernel ??= this.#tracks.add({
      name: "guest's kernel",
      sibling_order_rank: 1 + this.#agents.length,
      ...RANKED,
    })
    const protocol = this.#protocolName(protocolId)
    const track =
      endNs === undefined
        ? this.#tracks.named(this.#kernel, protocol, protocolId)
        : this.#tracks.free(this.#kernel, protocol, protocolId, timeNs, endNs)
    const type = endNs === undefined ? TYPE_INSTANT! : TYPE_SLICE_BEGIN!
    const event = this.#event(type, track, ['kernel', protocol], name, values)
    if (command) event.flow_ids = [flowOf(command.arrivedNs, command.token)]
    if (endNs === undefined) this.#add(event, timeNs, KERNEL_CLOCK)
    else this.#slice(event, timeNs, endNs, KERNEL_CLOCK)
  }

  #protocolName(id: number): string {
    return this.#protocols.get(id)?.name ?? `0x${id.toString(16)}`
  }

  /** Declares the properties that `sample` gives values of: each gets a track, grouped by kind. */
  describe(quantities: readonly TracedProperty[]): void {
    const groups = new Map<string, number>()
    for (const { kind, name, unit, isText } of quantities) {
      let group = groups.get(kind)
      if (group === undefined) {
        group = this.#tracks.add({ parent: this.#platform, name: kind, sibling_order_rank: groups.size })
        groups.set(kind, group)
      }
      const counter = isText ? {} : { counter: unit === undefined ? {} : { unit_name: unit } }
      this.#quantities.push(this.#tracks.add({ parent: group, name, ...counter }))
    }
  }

  sample(samples: readonly Sample[], timeNs: number): void {
    for (const { quantity, value } of samples) {
      const track_uuid = this.#quantities[quantity]!
      const event =
        typeof value === 'number'
          ? { track_uuid, type: TYPE_COUNTER!, double_counter_value: value }
          : this.#event(TYPE_INSTANT!, track_uuid, ['value'], value, {})
      this.#add(event, timeNs)
    }
  }

  #event(
    type: number,
    track: number,
    categories: readonly [Category, ...string[]],
    name: string,
    annotations: Readonly<Record<string, Annotated | undefined>>,
  ): TrackEvent {
    return {
      type,
      track_uuid: track,
      category_iids: categories.map(category => this.#interner.id('event_categories', category)),
      name_iid: this.#interner.id('event_names', name),
      debug_annotations: this.#annotator.all(annotations),
    }
  }

  /** Adds the begin and end events of a slice. */
  #slice(event: TrackEvent, fromNs: number, toNs: number, clock?: number): void {
    this.#add(event, fromNs, clock)
    this.#add({ type: TYPE_SLICE_END!, track_uuid: event.track_uuid }, toNs, clock)
  }

  /** By our clock unless another is given. */
  #add(track_event: TrackEvent, timeNs: number, clock?: number): void {
    const packet: TracePacket = {
      timestamp: timeNs,
      trusted_packet_sequence_id: SEQUENCE,
      sequence_flags: SEQ_NEEDS_INCREMENTAL_STATE!,
      track_event,
    }
    if (clock !== undefined) packet.timestamp_clock_id = clock
    const interned = this.#interner.take()
    if (interned) packet.interned_data = interned
    this.#writer.add(packet)
  }
}

/** The device and the header that the delayed response will have. */
const pendingKey = (device: number, header: number): string => `${device} ${header}`

const bytesOf = (view: DataView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength)

/** Empty payloads are left out, and so are bytes that fit no layout, which the message's bytes contain. */
const given = (payload: Payload | undefined): Payload | undefined =>
  payload instanceof Uint8Array || (payload && Object.keys(payload).length === 0) ? undefined : payload
