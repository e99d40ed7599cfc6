/**
 * Requests and replies of the operations: the messages of control.proto as plain objects, with the same names. A test
 * converts each of them to protobuf and back.
 */
import type { Tables } from '../../protocols/declaration/protocol.js'

export interface Description {
  version: string
  vendor: string
  sub_vendor: string
  implementation_version: number
  description: string
  agents: AgentEntry[]
  resources: ResourceEntry[]
  protocols: ProtocolEntry[]
}

export interface AgentEntry {
  id: number
  name: string
  trusted: boolean
  connected: boolean
  endpoint: string
  protocols: string[]
}

/** What the platform was made from, and where its agents are reached. */
export interface PlatformSource {
  name: string
  /** The platform file, and the folder that its paths are relative to. */
  text: string
  folder: string
  plugins: { name: string; folder: string }[]
  agents: AgentSocket[]
}

export interface AgentSocket {
  name: string
  /** Absolute path; empty: the socket was inherited. */
  socket: string
  /** The device connects to it; else it listens. */
  dials: boolean
  connected: boolean
}

export interface ResourceEntry {
  kind: string
  name: string
  address: string
  main: string
  properties: PropertyEntry[]
}

export interface PropertyEntry {
  name: string
  address: string
  description: string
  type: 'number' | 'flag' | 'text'
  unit: string
  settable: boolean
  allowed: string
  values: string[]
  range?: { min: number; max: number; step: number }
  word: string
}

export interface ProtocolEntry {
  id: number
  name: string
  commands: string[]
  notifications: { id: number; name: string; fields: string[] }[]
}

export interface AgentDescription {
  agent: string
  tables: Tables
}

/** At most one of `number`, `flag` and `text`. */
export interface ReadingEntry {
  address: string
  number?: number
  flag?: boolean
  text?: string
  unit: string
  shown: string
}

export interface Readings {
  readings: ReadingEntry[]
}

export interface WatchRequest {
  addresses?: string[]
  interval_ms?: number
}

export interface SetRequest {
  address: string
  value: string
}

export interface SetReply {
  reading: ReadingEntry
  notified: string[]
}

/** Any JSON data. */
export type Data = string | number | boolean | null | Data[] | { [key: string]: Data }
export type Struct = Record<string, Data>

export interface NotifyRequest {
  agent?: string
  protocol: string
  message: string
  fields?: Struct
  count?: number
  rate?: number
}

export interface Notified {
  notified: string[]
}

export interface PowerRequest {
  state: string
  forced?: boolean
  timeout_ms?: number
}

export interface FaultEntry {
  id: number
  rule: Struct
  hits: number
  held: number
  active: boolean
}

export interface FaultEntries {
  faults: FaultEntry[]
}

export interface MessageFilter {
  agents?: string[]
  protocols?: string[]
  messages?: string[]
  statuses?: string[]
  kinds?: string[]
  failed?: boolean
  max_per_second?: number
}

export interface MessageEntry {
  agent: string
  kind: string
  protocol: string
  message: string
  token: number
  status?: number
  status_name: string
  request?: Struct
  reply?: Struct
  arrived_us: number
  answered_us: number
  shown: string
}

export interface Messages {
  messages: MessageEntry[]
  omitted: number
}

export interface StatsEntry {
  agents: AgentStats[]
}

export interface AgentStats {
  agent: string
  messages: number
  protocols: ProtocolStatsEntry[]
  unknown_protocol: number
  unanswerable: number
  connections: number
  driver_starts: number
  driver_resets: number
  internal_errors: number
  ring_faults: number
  refused_requests: number
  fault_hits: number
  latency_ns: { p50: number; p99: number; p999: number; max: number }
  notifications_sent: number
  notifications_dropped: number
  notifications_waiting: number
}

export interface ProtocolStatsEntry {
  id: number
  name: string
  succeeded: number
  failed: number
  messages: MessageStatsEntry[]
}

export interface MessageStatsEntry {
  id: number
  name: string
  succeeded: number
  failed: number
  statuses: Record<string, number>
  /** Writes to fast channels; one word, as the name of the generated type is made from it. */
  channel: Record<string, number>
  latency: LatencyEntry
}

export interface LatencyEntry {
  buckets: { up_to_ns: number; count: number }[]
  count: number
  sum_ns: number
}

export interface Trace {
  file: string
  recording: boolean
  messages: number
  lost: number
  bytes: number
  error: string
}
