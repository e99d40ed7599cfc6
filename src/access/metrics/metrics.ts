/**
 * What a server has done so far, as Prometheus has it. Everything is made when somebody asks, of what devices count anyway:
 * metrics cost nothing in between. Names are as Prometheus wants them: base units, `_total` for what only grows.
 */
import { readdirSync } from 'node:fs'
import { Counter, Gauge, Registry } from 'prom-client'
import type { Stats } from '../../device/stats.js'
import type { Served } from '../served.js'
import { SettledHistogram } from './histogram.js'

const MESSAGE_LABELS = ['agent', 'protocol', 'message'] as const

/** Of each agent: the counter's name, where it is counted, and what it means. */
const AGENT_COUNTERS = [
  ['unknown_protocol', 'unknownProtocol', 'Commands to protocols that are not served'],
  ['unanswerable', 'unanswerable', 'Commands without a whole header, or without room for an answer'],
  ['internal_errors', 'internalErrors', 'Commands on which this program failed: its own bugs'],
  ['fault_hits', 'faultHits', 'Messages that fault rules took'],
  ['notifications_sent', 'notificationsSent', 'Notifications and delayed responses that the driver was given'],
  ['notifications_dropped', 'notificationsDropped', 'Notifications given up: no buffer for long, or one too small'],
  ['connections', 'connections', 'Front ends that have connected'],
  ['driver_starts', 'driverStarts', 'Drivers that began anew'],
  ['driver_resets', 'driverResets', 'Drivers that began anew where another had run since the front end connected'],
  ['ring_faults', 'ringFaults', 'Times that the driver broke the rules of a ring, which stopped it'],
  ['refused_requests', 'refusedRequests', 'Requests of the front end that were refused'],
] as const satisfies (readonly [name: string, count: keyof Stats, help: string])[]

/** In Prometheus' text format, 0.0.4. `version` is that of this program, `ended` are clients that did not read, by door. */
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
  const waiting = gauge('scmi_notifications_waiting', 'Notifications and delayed responses that wait for a buffer')
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
  const took = new SettledHistogram({
    name: 'scmi_message_duration_seconds',
    help: 'From taking a command from the ring to publishing its reply; one command of each batch is timed',
    labelNames: MESSAGE_LABELS,
    registers,
  })
  for (const { agent, protocols } of stats) {
    for (const { name: protocol, messages } of protocols) {
      for (const { name: message, statuses, latency } of messages) {
        const labels = { agent, protocol, message }
        for (const [status, count] of Object.entries(statuses)) answered.inc({ ...labels, status }, count)
        took.settle(labels, latency)
      }
    }
  }
}

function addClients(registry: Registry, ended: Record<string, number>): void {
  const counter = new Counter({
    name: 'scmi_clients_ended_total',
    help: 'Clients that were ended: they did not read what they had asked for',
    labelNames: ['door'],
    registers: [registry],
  })
  for (const [door, count] of Object.entries(ended)) counter.inc({ door }, count)
}

/** Prometheus' standard names. prom-client's own would keep a timer and an observer going between scrapes. */
function addProgram(registry: Registry, { tap, platform }: Served, version: string): void {
  const registers = [registry]
  const gauge = (name: string, help: string, value: number) => new Gauge({ name, help, registers }).set(value)
  const counter = (name: string, help: string, value: number) => new Counter({ name, help, registers }).inc(value)
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed } = process.memoryUsage()
  const { vendor, subVendor } = platform.config
  const labels = { version, vendor, sub_vendor: subVendor }
  new Gauge({ name: 'scmi_info', help: 'Always 1', labelNames: Object.keys(labels), registers }).set(labels, 1)
  counter('scmi_unseen_messages_total', 'Messages that came too fast for traces, logs and live views', tap.dropped)
  counter('process_cpu_user_seconds_total', 'User CPU time', user / 1e6)
  counter('process_cpu_system_seconds_total', 'System CPU time', system / 1e6)
  counter('process_cpu_seconds_total', 'User and system CPU time', (user + system) / 1e6)
  gauge('process_start_time_seconds', 'When this program began, since 1970', performance.timeOrigin / 1e3)
  gauge('process_resident_memory_bytes', "Memory, with what it touched of the guests'", rss)
  gauge('process_open_fds', 'Open file descriptors', readdirSync('/proc/self/fd').length)
  gauge('nodejs_heap_size_used_bytes', 'JavaScript heap in use', heapUsed)
}
