/**
 * Perfetto's trace format: a sequence of packets. Encodes and decodes packets by perfetto.proto; knows nothing of SCMI.
 * Times are nanoseconds.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import protobuf from 'protobufjs'
import { Bytes, plansOf } from './bytes.js'

/** 64-bit integers: decoded as bigints; pass values above 2^53 as decimal text. */
export type Whole = number | bigint | string

export interface TracePacket {
  timestamp?: Whole
  timestamp_clock_id?: number
  trusted_packet_sequence_id?: number
  sequence_flags?: number
  first_packet_on_sequence?: boolean
  trace_packet_defaults?: { timestamp_clock_id: number }
  interned_data?: InternedData
  clock_snapshot?: { clocks?: { clock_id: number; timestamp: Whole }[]; primary_trace_clock?: number }
  track_descriptor?: TrackDescriptor
  track_event?: TrackEvent
}

export interface TrackDescriptor {
  uuid: Whole
  parent_uuid?: Whole
  name: string
  counter?: { unit_name?: string }
  child_ordering?: number
  sibling_order_rank?: number
}

export interface TrackEvent {
  type: number
  track_uuid: Whole
  category_iids?: Whole[]
  name_iid?: Whole
  debug_annotations?: DebugAnnotation[]
  double_counter_value?: number
  flow_ids?: Whole[]
  terminating_flow_ids?: Whole[]
}

/** A name and a value of one type. */
export interface DebugAnnotation {
  name_iid?: Whole
  uint_value?: Whole
  int_value?: Whole
  string_value?: string
  dict_entries?: DebugAnnotation[]
  array_values?: DebugAnnotation[]
}

interface Interned {
  iid: Whole
  name: string
}

export interface InternedData {
  event_categories?: Interned[]
  event_names?: Interned[]
  debug_annotation_names?: Interned[]
}

/** Tag of field `packet` of message `Trace`, wire type 2: every packet in a file begins with it. */
export const PACKET_TAG = (1 << 3) | 2

const schema = readFileSync(createRequire(import.meta.url).resolve('#root/src/trace/perfetto.proto'), 'utf8')
const { root } = protobuf.parse(schema, { keepCase: true })
const packetType = root.lookupType('perfetto.protos.TracePacket')

const enumOf = (name: string): Record<string, number> => root.lookupEnum(`perfetto.protos.${name}`).values
export const { TYPE_SLICE_BEGIN, TYPE_SLICE_END, TYPE_INSTANT, TYPE_COUNTER } = enumOf('TrackEvent.Type')
export const { SEQ_INCREMENTAL_STATE_CLEARED, SEQ_NEEDS_INCREMENTAL_STATE } = enumOf('TracePacket.SequenceFlags')
export const { BUILTIN_CLOCK_MONOTONIC, BUILTIN_CLOCK_REALTIME } = enumOf('BuiltinClock')
export const { EXPLICIT } = enumOf('TrackDescriptor.ChildTracksOrdering')

/** Collects whole packets as bytes. */
export class PacketWriter {
  readonly #bytes = new Bytes()
  readonly #plans = plansOf(packetType)

  add(packet: TracePacket): void {
    this.#bytes.message(PACKET_TAG, packet, this.#plans)
  }

  /** The packets since the last call; valid until the next one is added. */
  take(): Uint8Array {
    return this.#bytes.take()
  }
}

/** Decodes one packet, without its tag and length. Throws Error if it is invalid. */
export function decodePacket(bytes: Uint8Array): TracePacket {
  return packetType.toObject(packetType.decode(bytes), { longs: BigInt }) as TracePacket
}
