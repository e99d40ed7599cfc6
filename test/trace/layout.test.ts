/**
 * The field numbers of perfetto.proto are those of Perfetto's public schema, which are listed here by name, from the files
 * of protos/perfetto that declare them. Google's protoc decodes the trace files.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import protobuf from 'protobufjs'
import { describe, expect, it } from 'vitest'
import { CLOCK, RATE_GET, served } from './served.js'

const PROTO = join(import.meta.dirname, '../../src/trace/perfetto.proto')

/** Names and numbers in the public schema: fields of messages, values of enumerations. */
const PUBLIC: Record<string, Record<string, number>> = {
  // trace/trace.proto
  Trace: { packet: 1 },
  // trace/trace_packet.proto
  TracePacket: {
    clock_snapshot: 6,
    timestamp: 8,
    trusted_packet_sequence_id: 10,
    track_event: 11,
    interned_data: 12,
    sequence_flags: 13,
    timestamp_clock_id: 58,
    trace_packet_defaults: 59,
    track_descriptor: 60,
    first_packet_on_sequence: 87,
  },
  'TracePacket.SequenceFlags': {
    SEQ_UNSPECIFIED: 0,
    SEQ_INCREMENTAL_STATE_CLEARED: 1,
    SEQ_NEEDS_INCREMENTAL_STATE: 2,
  },
  // trace/trace_packet_defaults.proto
  TracePacketDefaults: { timestamp_clock_id: 58 },
  // common/builtin_clock.proto
  BuiltinClock: {
    BUILTIN_CLOCK_UNKNOWN: 0,
    BUILTIN_CLOCK_REALTIME: 1,
    BUILTIN_CLOCK_MONOTONIC: 3,
    BUILTIN_CLOCK_BOOTTIME: 6,
  },
  // trace/clock_snapshot.proto
  ClockSnapshot: { clocks: 1, primary_trace_clock: 2 },
  'ClockSnapshot.Clock': { clock_id: 1, timestamp: 2 },
  // trace/track_event/track_descriptor.proto
  TrackDescriptor: {
    uuid: 1,
    name: 2,
    parent_uuid: 5,
    counter: 8,
    child_ordering: 11,
    sibling_order_rank: 12,
  },
  'TrackDescriptor.ChildTracksOrdering': { UNKNOWN: 0, LEXICOGRAPHIC: 1, CHRONOLOGICAL: 2, EXPLICIT: 3 },
  // trace/track_event/counter_descriptor.proto
  CounterDescriptor: { unit_name: 6 },
  // trace/track_event/track_event.proto
  TrackEvent: {
    category_iids: 3,
    debug_annotations: 4,
    type: 9,
    name_iid: 10,
    track_uuid: 11,
    double_counter_value: 44,
    flow_ids: 47,
    terminating_flow_ids: 48,
  },
  'TrackEvent.Type': {
    TYPE_UNSPECIFIED: 0,
    TYPE_SLICE_BEGIN: 1,
    TYPE_SLICE_END: 2,
    TYPE_INSTANT: 3,
    TYPE_COUNTER: 4,
  },
  EventCategory: { iid: 1, name: 2 },
  EventName: { iid: 1, name: 2 },
  // trace/track_event/debug_annotation.proto
  DebugAnnotation: {
    name_iid: 1,
    uint_value: 3,
    int_value: 4,
    string_value: 6,
    dict_entries: 11,
    array_values: 12,
  },
  DebugAnnotationName: { iid: 1, name: 2 },
  // trace/interned_data/interned_data.proto
  InternedData: { event_categories: 1, event_names: 2, debug_annotation_names: 3 },
}

/** Types in the public schema that the names do not suggest. */
const TYPES: Record<string, string> = {
  'TracePacket.timestamp': 'uint64',
  'TrackEvent.flow_ids': 'fixed64',
  'TrackEvent.terminating_flow_ids': 'fixed64',
  'TrackEvent.track_uuid': 'uint64',
  'TrackEvent.double_counter_value': 'double',
  'TrackDescriptor.uuid': 'uint64',
  'TrackDescriptor.sibling_order_rank': 'int32',
  'DebugAnnotation.uint_value': 'uint64',
  'DebugAnnotation.int_value': 'int64',
}

const { root } = protobuf.parse(readFileSync(PROTO, 'utf8'), { keepCase: true })

function declared(object: protobuf.NamespaceBase, prefix = ''): [string, Record<string, number>][] {
  return object.nestedArray.flatMap((nested): [string, Record<string, number>][] => {
    const name = `${prefix}${nested.name}`
    if (nested instanceof protobuf.Enum) return [[name, nested.values]]
    if (!(nested instanceof protobuf.Type)) return []
    const fields = Object.fromEntries(nested.fieldsArray.map(field => [field.name, field.id]))
    return [[name, fields], ...declared(nested, `${name}.`)]
  })
}

describe('perfetto.proto', () => {
  it('has the numbers of the public schema, and only fields that are listed here', () => {
    const perfetto = root.lookup('perfetto.protos') as protobuf.Namespace
    expect(Object.fromEntries(declared(perfetto))).toEqual(PUBLIC)
  })

  it.each(Object.entries(TYPES))('%s is of type %s', (path, type) => {
    const [message = '', field = ''] = path.split('.')
    expect(root.lookupType(`perfetto.protos.${message}`).fields[field]!.type).toBe(type)
  })
})

describe('protoc, an independent decoder', () => {
  const protoc = (args: string[], input: Buffer) => spawnSync('protoc', args, { input, maxBuffer: 64 << 20 })

  it('reads every packet, with our layout and without one', async () => {
    const { server, guest, folder } = await served()
    const path = join(folder, 'trace')
    const trace = await server.startTrace(path)
    for (let i = 0; i < 20; i++) await guest.send(CLOCK, RATE_GET, i % 3)
    await trace.stop()
    const bytes = readFileSync(path)
    const decoded = protoc([`-I${join(PROTO, '..')}`, '--decode=perfetto.protos.Trace', PROTO], bytes)
    expect([decoded.status, String(decoded.stderr)]).toEqual([0, ''])
    const text = String(decoded.stdout)
    expect(text.match(/^packet \{/gm)!.length).toBeGreaterThan(40)
    expect(text.match(/type: TYPE_SLICE_BEGIN/g)).toHaveLength(20)
    expect(text.match(/type: TYPE_SLICE_END/g)).toHaveLength(20)
    expect(text).toContain('name: "CLOCK_RATE_GET"')
    expect(text).toContain('primary_trace_clock: BUILTIN_CLOCK_MONOTONIC')
    // protoc prints a field that our layout lacks by its number.
    expect(text).not.toMatch(/^\s*\d+[:{ ]/m)
    const raw = protoc(['--decode_raw'], bytes)
    expect(raw.status).toBe(0)
    // Packets of a timestamp (8), a sequence (10), and a track event (11) with a type (9) and a track (11).
    expect(String(raw.stdout)).toMatch(/1 \{\n {2}8: \d+\n {2}10: 1\n[\s\S]*?11 \{[\s\S]*?9: 1\n[\s\S]*?11: \d+/)
  })
})
