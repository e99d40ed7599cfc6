/**
 * A server's counters as Prometheus metrics. Built on demand from what the devices count anyway: no cost between
 * scrapes. Names follow Prometheus' conventions: base units, `_total` for counters.
 */
import { readdirSync } from 'node:fs'
import { Counter, Gauge, Registry } from 'prom-client'
import type { Stats } from '../../device/stats.js'
import type { Served } from '../served.js'
import { SettledHistogram } from './histogram.js'

const MESSAGE_LABELS = ['agent', 'protocol', 'message'] as const

/** Per agent: the metric's name, the counter's key, the help text. */
const AGENT_COUNTERS = [
  ['unknown_protocol', 'unknownProtocol', 'Commands to unknown protocols'],
  ['unanswerable', 'unanswerable', 'Commands with an incomplete header, or without room for an answer'],
  ['internal_errors', 'internalErrors', 'Commands that failed because of bugs of this program'],
  ['fault_hits', 'faultHits', 'Messages hit by fault rules'],
  ['notifications_sent', 'notificationsSent', 'Notifications and delayed responses sent to the driver'],
  [
    'notifications_dropped',
    'notificationsDropped',
    'Notifications dropped: no buffer for too long, or a buffer too small',
  ],
  ['connections', 'connections', 'Front ends that have connected'],
  ['driver_starts', 'driverStarts', 'Driver starts'],
  ['driver_resets', 'driverResets', 'Driver starts after another driver had run on the same connection'],
  ['ring_faults', 'ringFaults', 'Ring errors of the driver, each of which stopped the ring'],
  ['refused_requests', 'refusedRequests', 'Refused front-end requests'],
] as const satisfies (readonly [name: string, count: keyof Stats, help: string])[]

/** In Prometheus' text format, 0.0.4. `version` is this program's; `ended` counts disconnected clients by door. */
export function metricsText(server: Served, version: string, ended: Record<string, number> = {}): Promise<string> {
  const registry = new Registry()
  addAgents(registry, server)
  addMessages(registry, server.stats())
  addProgram(registry, server, version)
  addClients(registry, ended)
  return registry.metrics()
}

function addAgents(registry: Registry, { devices }: Served): void {
  const registers = [registry]
  const labelNames = ['agent'] as const
  const gauge = (name: string, help: string) => new Gauge({ name, help, labelNames, registers })
  const connected = gauge('scmi_connected', '1 while a front end is connected')
  const runs = gauge('scmi_driver_running', '1 while a driver runs its command queue')
  const waiting = gauge('scmi_notifications_waiting', 'Notifications and delayed responses waiting for a buffer')
  for (const device of devices) {
    const labels = { agent: device.agent.name }
    connected.set(labels, Number(device.connected))
    runs.set(labels, Number(device.driverRuns))
    waiting.set(labels, device.events.waiting)
  }
}

function addMessages(registry: Registry, stats: readonly Stats[]): void {
  const registers = [registry]
  for (const [name, count, help] of AGENT_COUNTERS) {
    const counter = new Counter({ name: `scmi_${name}_total`, help, labelNames: ['agent'], registers })
    for (const each of stats) counter.inc({ agent: each.agent }, each[count])
  }
  const answered = new Counter({
    name: 'scmi_messages_total',
    help: 'Commands answered',
    labelNames: [...MESSAGE_LABELS, 'status'],
    registers,
  })
  const written = new Counter({
    name: 'scmi_fast_channel_writes_total',
    help: 'Writes to fast channels, by the message that each replaces',
    labelNames: [...MESSAGE_LABELS, 'status'],
    registers,
  })
  const took = new SettledHistogram({
    name: 'scmi_message_duration_seconds',
    help: 'Latency from taking a command from the ring to publishing its reply, sampled once per batch',
    labelNames: MESSAGE_LABELS,
    registers,
  })
  for (const { agent, protocols } of stats) {
    for (const { name: protocol, messages } of protocols) {
      for (const { name: message, statuses, fastChannel, latency } of messages) {
        const labels = { agent, protocol, message }
        for (const [status, count] of Object.entries(statuses)) answered.inc({ ...labels, status }, count)
        for (const [status, count] of Object.entries(fastChannel)) written.inc({ ...labels, status }, count)
        took.settle(labels, latency)
      }
    }
  }
}

function addClients(registry: Registry, ended: Record<string, number>): void {
  const counter = new Counter({
    name: 'scmi_clients_ended_total',
    help: 'Clients disconnected because they did not read',
    labelNames: ['door'],
    registers: [registry],
  })
  for (const [door, count] of Object.entries(ended)) counter.inc({ door }, count)
}

/**
 * Prometheus' standard process metrics. prom-client's own would keep a timer and an observer running between scrapes.
 */
function addProgram(registry: Registry, { tap, platform }: Served, version: string): void {
  const registers = [registry]
  const gauge = (name: string, help: string, value: number) => new Gauge({ name, help, registers }).set(value)
  const counter = (name: string, help: string, value: number) => new Counter({ name, help, registers }).inc(value)
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed } = process.memoryUsage()
  const { vendor, subVendor } = platform.config
  const labels = { version, vendor, sub_vendor: subVendor }
  new Gauge({ name: 'scmi_info', help: 'Always 1', labelNames: Object.keys(labels), registers }).set(labels, 1)
  counter(
    'scmi_unseen_messages_total',
    'Messages dropped from traces, logs and live views because they came too fast',
    tap.dropped,
  )
  counter('process_cpu_user_seconds_total', 'User CPU time', user / 1e6)
  counter('process_cpu_system_seconds_total', 'System CPU time', system / 1e6)
  counter('process_cpu_seconds_total', 'User and system CPU time', (user + system) / 1e6)
  gauge('process_start_time_seconds', 'Start time of the process, in Unix time', performance.timeOrigin / 1e3)
  gauge('process_resident_memory_bytes', 'Resident memory, including touched guest memory', rss)
  gauge('process_open_fds', 'Open file descriptors', readdirSync('/proc/self/fd').length)
  gauge('nodejs_heap_size_used_bytes', 'JavaScript heap in use', heapUsed)
}
