/**
 * Everything that can be done to a running platform; the gRPC service and the page are thin layers over this. Requests
 * and replies are plain objects (shapes.ts). Every operation throws RequestError for a wrong request.
 */
import type { ProtocolStats, Stats } from '../../device/stats.js'
import type { EventMessage } from '../../faults/rules/rule.js'
import { agentTables } from '../../observe/agent-tables.js'
import { Resources } from '../../observe/resources.js'
import { system } from '../../platform/system/index.js'
import { SystemState } from '../../platform/system/model.js'
import { resourceKinds } from '../../protocols/declaration/served.js'
import { RequestError } from '../../support/errors.js'
import { thereIsNo } from '../../support/known-names.js'
import type { Served } from '../served.js'
import { describe, platformSource, readingEntry } from './describe.js'
import { known, protocolNamed, streamMessages } from './message-stream.js'
import type * as shape from './shapes.js'
import type { Sink } from './sink.js'

/** Bounds of polling intervals: below, polling would take too much time; above, timers would overflow. */
const INTERVAL_MIN_MS = 20
const INTERVAL_MAX_MS = 3_600_000

const STATES = Object.keys(SystemState).map(name => name.toLowerCase())

export class Operations {
  readonly server: Served
  readonly resources: Resources
  readonly #version: string

  /** `version` is this program's. Throws RequestError if two plug-ins declare resource kinds of the same name. */
  constructor(server: Served, version: string) {
    this.server = server
    this.resources = new Resources(server.platform, resourceKinds(server.protocols))
    this.#version = version
  }

  describe(): shape.Description {
    return describe(this.server, this.resources, this.#version)
  }

  /** For guests that join. */
  getPlatform(): shape.PlatformSource {
    return platformSource(this.server)
  }

  /** Default: the first agent. */
  describeAgent({ agent }: { agent?: string }): shape.AgentDescription {
    const found = agent ? this.#device(agent).agent : this.server.device.agent
    this.server.platform.time.refresh()
    return { agent: found.name, tables: agentTables(found) }
  }

  get({ addresses = [] }: { addresses?: string[] }): shape.Readings {
    return { readings: this.resources.read(addresses).map(readingEntry) }
  }

  set({ address, value }: shape.SetRequest): shape.SetReply {
    const { result, notified } = this.#notifying(() => this.resources.set(address, value))
    return { reading: readingEntry(result), notified }
  }

  /** Streams until the returned function is called. */
  watch({ addresses = [], interval_ms }: shape.WatchRequest, sink: Sink<shape.Readings>): () => void {
    const watcher = this.resources.watch(addresses, {
      ...(interval_ms ? { intervalMs: Math.min(Math.max(interval_ms, INTERVAL_MIN_MS), INTERVAL_MAX_MS) } : {}),
      ready: () => sink.ready(),
      onReadings: readings => sink.send({ readings: readings.map(readingEntry) }),
    })
    return () => watcher.close()
  }

  notify({ agent, protocol, message, fields, count, rate }: shape.NotifyRequest): shape.Notified {
    const devices = agent ? [this.#device(agent)] : this.server.devices
    const { events } = protocolNamed(protocol, this.server.protocols)
    known(message, [...new Set(events.map(event => event.name))], `notification of ${protocol}`)
    const notified = devices.filter(device => device.events.available).map(device => device.agent.name)
    if (notified.length === 0) {
      throw new RequestError('FAILED_PRECONDITION', 'no running driver has an event queue; start a guest')
    }
    const times = { ...(count ? { count } : {}), ...(rate ? { rate } : {}) }
    // `events.send` checks the fields.
    const values = (fields ?? {}) as EventMessage['fields']
    this.server.faults.send({ protocol, message, fields: values, ...times, ...(agent ? { agent } : {}) })
    return { notified }
  }

  requestPower({ state, forced = false, timeout_ms }: shape.PowerRequest): shape.Notified {
    const { platform } = this.server
    if (!platform.has(system)) {
      throw new RequestError('FAILED_PRECONDITION', 'the platform file has no section system; add "system: {}"')
    }
    known(state, STATES, 'system power state')
    const model = platform.model(system)
    const wanted = SystemState[state.toUpperCase() as keyof typeof SystemState]
    if (!model.supports(wanted)) {
      const text = `the system has no ${state}; write "${state}: true" into section system of the platform file`
      throw new RequestError('FAILED_PRECONDITION', text)
    }
    platform.time.refresh()
    const options = { graceful: !forced, ...(timeout_ms === undefined ? {} : { timeoutMs: timeout_ms }) }
    return { notified: this.#notifying(() => model.request(wanted, options)).notified }
  }

  addFault({ rule }: { rule: shape.Struct }): shape.FaultEntry {
    const { id } = this.server.faults.add(rule)
    return this.#fault(id)
  }

  listFaults(): shape.FaultEntries {
    return { faults: this.server.faults.list().map(state => ({ ...state, rule: state.rule as shape.Struct })) }
  }

  releaseFault({ id }: { id: number }): shape.FaultEntries {
    this.#fault(id)
    this.server.faults.release(id)
    return this.listFaults()
  }

  removeFault({ id }: { id: number }): shape.FaultEntries {
    this.#fault(id)
    this.server.faults.remove(id)
    return this.listFaults()
  }

  clearFaults(): shape.FaultEntries {
    this.server.faults.clear()
    return this.listFaults()
  }

  /** Streams until the returned function is called. */
  streamMessages(filter: shape.MessageFilter, sink: Sink<shape.Messages>): () => void {
    return streamMessages(this.server, filter, sink)
  }

  getStats(): shape.StatsEntry {
    return { agents: this.server.stats().map(agentStats) }
  }

  async startTrace({ file }: { file: string }): Promise<shape.Trace> {
    if (!file) throw new RequestError('INVALID_ARGUMENT', 'a trace needs the path of a file')
    await this.server.startTrace(file)
    return this.getTrace()
  }

  async stopTrace(): Promise<shape.Trace> {
    const { trace } = this.server
    if (!trace?.stats.recording) throw new RequestError('FAILED_PRECONDITION', 'no trace is being recorded; start one')
    await trace.stop()
    return this.getTrace()
  }

  getTrace(): shape.Trace {
    const {
      path = '',
      recording = false,
      messages = 0,
      lost = 0,
      bytes = 0,
      error = '',
    } = this.server.trace?.stats ?? {}
    return { file: path, recording, messages, lost, bytes, error }
  }

  #device(agent: string) {
    const names = this.server.devices.map(device => device.agent.name)
    known(agent, names, 'agent')
    return this.server.devices[names.indexOf(agent)]!
  }

  #fault(id: number): shape.FaultEntry {
    const { faults } = this.listFaults()
    const fault = faults.find(fault => fault.id === id)
    if (fault) return fault
    const ids = faults.map(fault => `${fault.id}`)
    throw new RequestError('NOT_FOUND', thereIsNo(`fault rule ${id}`, ids))
  }

  /** Runs `change` and finds out which agents get an event because of it. */
  #notifying<T>(change: () => T): { result: T; notified: string[] } {
    const { devices } = this.server
    const before = devices.map(({ events }) => events.waiting + events.dropped)
    const result = change()
    this.server.keeper?.commit()
    // An event for a full queue replaces another, which counts as dropped.
    const told = devices.filter(({ events }, i) => events.available && events.waiting + events.dropped > before[i]!)
    return { result, notified: told.map(({ agent }) => agent.name) }
  }
}

function agentStats(stats: Stats): shape.AgentStats {
  const { agent, messages, protocols, unanswerable } = stats
  return {
    agent,
    messages,
    protocols: protocols.map(protocolStats),
    unknown_protocol: stats.unknownProtocol,
    unanswerable,
    connections: stats.connections,
    driver_starts: stats.driverStarts,
    driver_resets: stats.driverResets,
    internal_errors: stats.internalErrors,
    ring_faults: stats.ringFaults,
    refused_requests: stats.refusedRequests,
    fault_hits: stats.faultHits,
    latency_ns: stats.latencyNs,
    notifications_sent: stats.notificationsSent,
    notifications_dropped: stats.notificationsDropped,
    notifications_waiting: stats.notificationsWaiting,
  }
}

function protocolStats({ messages, ...protocol }: ProtocolStats): shape.ProtocolStatsEntry {
  return {
    ...protocol,
    messages: messages.map(({ latency: { buckets, count, sumNs }, fastChannel, ...message }) => ({
      ...message,
      channel: fastChannel,
      latency: { buckets: buckets.map(({ upToNs, count }) => ({ up_to_ns: upToNs, count })), count, sum_ns: sumNs },
    })),
  }
}
