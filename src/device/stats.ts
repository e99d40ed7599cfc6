/** What one device has done so far: messages by protocol, the time each took, the events sent. */
import type { Agent } from '../protocols/declaration/agent.js'
import type { Latency, StatusCount } from '../protocols/declaration/counts.js'
import { SUCCESS, statusName } from '../wire/status.js'
import type { LatenciesNs } from './native.js'

export interface MessageCount {
  id: number
  name: string
  succeeded: number
  failed: number
  /** How often it was answered with each status, by the status's name. */
  statuses: Record<string, number>
  /** The same for writes to fast channels, which are no messages. */
  fastChannel: Record<string, number>
  /** From taking a command from the ring to publishing its reply; one command of each batch is timed. */
  latency: Latency
}

export interface ProtocolStats {
  id: number
  name: string
  succeeded: number
  failed: number
  messages: MessageCount[]
}

export interface Stats {
  agent: string
  /** Commands answered, with any status. */
  messages: number
  protocols: ProtocolStats[]
  /** Commands to protocols that are not served. */
  unknownProtocol: number
  /** Front ends that have connected. */
  connections: number
  /** Fresh driver starts: the first, and one after each reset of the device. */
  driverStarts: number
  /** Fresh starts after an earlier driver of the same connection: resets. */
  driverResets: number
  /** Chains returned empty: no whole header, or no room for header and status. */
  unanswerable: number
  /** Handlers that threw: bugs. */
  internalErrors: number
  /** Times that a driver broke the rules of a ring, which stopped it. */
  ringFaults: number
  /** Requests of the front end that were refused. */
  refusedRequests: number
  /** Messages that fault rules took. */
  faultHits: number
  /** Nanoseconds from taking a command from the ring to publishing its reply. */
  latencyNs: LatenciesNs
  notificationsSent: number
  notificationsDropped: number
  /** Notifications and delayed responses that wait for an event buffer. */
  notificationsWaiting: number
}

const statusText = (status: number | undefined): string => (status === undefined ? 'OTHER' : statusName(status))

const byName = (counts: readonly StatusCount[]): Record<string, number> =>
  Object.fromEntries(counts.map(({ status, count }) => [statusText(status), count]))

/** Messages of one agent by protocol, most telling first: only what was used. */
export function protocolStats(agent: Agent): ProtocolStats[] {
  const stats: ProtocolStats[] = []
  for (const served of agent.served) {
    const names = new Map(served.protocol.commands.map(command => [command.id, command.name]))
    const messages: MessageCount[] = []
    for (const id of served.counts.messageIds) {
      const statuses = served.counts.statuses(id)
      const all = statuses.reduce((sum, { count }) => sum + count, 0)
      const succeeded = statuses.find(({ status }) => status === SUCCESS)?.count ?? 0
      messages.push({
        id,
        name: names.get(id) ?? `0x${id.toString(16)}`,
        succeeded,
        failed: all - succeeded,
        statuses: byName(statuses),
        fastChannel: byName(served.counts.channelStatuses(id)),
        latency: served.counts.latency(id),
      })
    }
    if (messages.length === 0) continue
    stats.push({
      id: served.protocol.id,
      name: served.protocol.name,
      succeeded: messages.reduce((sum, message) => sum + message.succeeded, 0),
      failed: messages.reduce((sum, message) => sum + message.failed, 0),
      messages,
    })
  }
  return stats
}
