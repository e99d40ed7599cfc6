/** `ctl messages` and `stats`. */
import type { AgentStats, MessageStatsEntry, Messages } from '../../access/operations/shapes.js'
import { tableLines } from '../../observe/tables.js'
import type { Row } from '../../protocols/declaration/protocol.js'
import { OperatorError } from '../../support/errors.js'
import { thereIsNo } from '../../support/known-names.js'
import { printable } from '../../support/printable.js'
import { percentileText, timeText } from './rates.js'
import {
  type CtlOptions,
  isPrintedRead,
  printJson,
  printJsonLine,
  printLine,
  Unread,
  untilInterrupted,
  withDevice,
} from './session.js'

interface MessagesOptions extends CtlOptions {
  agent: string[]
  protocol: string[]
  message: string[]
  status: string[]
  kind: string[]
  failed?: boolean
  maxPerSecond: number
  count?: number
}

export async function messages(options: MessagesOptions): Promise<void> {
  const filter = {
    agents: options.agent,
    protocols: options.protocol,
    messages: options.message,
    statuses: options.status,
    kinds: options.kind,
    failed: options.failed ?? false,
    max_per_second: options.maxPerSecond,
  }
  let left = options.count ?? Number.POSITIVE_INFINITY
  /** Goes to stderr: stdout may be redirected to a file. */
  const tell = (omitted: number, why: string): void => {
    const { stderr } = process
    if (!stderr.writableNeedDrain) stderr.write(`${omitted} messages were not printed: ${why}\n`)
  }
  const unread = new Unread(count => tell(count, 'the output was not read'))
  await withDevice(options, client =>
    untilInterrupted((signal, end) =>
      client.stream(
        'streamMessages',
        filter,
        ({ messages, omitted }: Messages) => {
          if (omitted > 0 && isPrintedRead()) tell(omitted, 'raise --max-per-second to see more')
          if (!isPrintedRead()) {
            unread.count += messages.length + omitted
            return
          }
          for (const message of messages.slice(0, left)) {
            if (options.json) printJsonLine(message)
            else printLine(`${message.agent}: ${message.shown}`)
          }
          left -= messages.length
          if (left <= 0) end()
        },
        signal,
      ),
    ),
  )
}

export async function stats(options: CtlOptions & { agent?: string }): Promise<void> {
  const { agents } = await withDevice(options, client => client.call('getStats', undefined))
  const wanted = agents.filter(({ agent }) => options.agent === undefined || agent === options.agent)
  if (wanted.length === 0) {
    const names = agents.map(({ agent }) => agent)
    throw new OperatorError(thereIsNo(`agent ${options.agent}`, names))
  }
  if (options.json) printJson(wanted)
  else console.log(wanted.map(agentText).join('\n\n'))
}

/** Counters of failures, with their texts. */
const TROUBLES = {
  unknown_protocol: 'to unknown protocols',
  unanswerable: 'unanswerable',
  ring_faults: 'ring errors',
  refused_requests: 'refused front-end requests',
  internal_errors: 'internal errors',
  fault_hits: 'hit by fault rules',
  notifications_dropped: 'notifications dropped',
  notifications_waiting: 'events waiting for a buffer',
} as const

function agentText(stats: AgentStats): string {
  const { agent, messages, latency_ns, notifications_sent, connections, driver_starts, driver_resets } = stats
  const times = messages > 0 ? `; latency p50 ${timeText(latency_ns.p50)}, p99 ${timeText(latency_ns.p99)}` : ''
  const lines = [`${printable(agent)}: ${messages} messages${times}; ${notifications_sent} events sent`]
  lines.push(`  connections: ${connections}, driver starts: ${driver_starts}, resets: ${driver_resets}`)
  for (const [key, text] of Object.entries(TROUBLES)) {
    const count = stats[key as keyof typeof TROUBLES]
    if (count > 0) lines.push(`  ${count} ${text}`)
  }
  const rows = stats.protocols.flatMap(({ name, messages }) => messages.map(message => messageRow(name, message)))
  return rows.length > 0 ? [...lines, ...tableLines(rows).map(line => `  ${line}`)].join('\n') : lines.join('\n')
}

function messageRow(protocol: string, { name, statuses, channel, latency }: MessageStatsEntry): Row {
  const { SUCCESS: success = 0, ...failures } = statuses
  const timed = latency.count > 0
  return {
    protocol,
    message: name,
    success,
    failed: Object.entries(failures).map(([status, count]) => `${count} ${status}`),
    'fast channel': Object.entries(channel).map(([status, count]) => `${count} ${status}`),
    p50: timed ? percentileText(latency.buckets, 50) : undefined,
    p99: timed ? percentileText(latency.buckets, 99) : undefined,
  }
}
