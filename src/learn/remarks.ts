/** What people read in a learned file: where it comes from, how fast the board answered, and what differs. */
import { formatQuantity, SECONDS } from '../platform/core/unit-text.js'
import { statusName } from '../wire/status.js'
import type { Mismatch } from './compare.js'
import type { Heard } from './exchange.js'

const LINES_MAX = 20

const timeText = (ns: number): string => formatQuantity(Number((ns / 1e9).toPrecision(2)), SECONDS)

export function headOf({ exchanges, remarks }: Heard, names: readonly string[]): string[] {
  const lines = [
    `Learned by vhost-user-scmi from ${names.join(', ')}: ${exchanges.length} messages.`,
    'Values are those at the time of the trace. "not seen" marks what the trace does not tell; defaults stand there.',
  ]
  const times = exchanges.flatMap(({ tookNs }) => tookNs ?? []).sort((a, b) => a - b)
  const at = (part: number): string => timeText(times[Math.min(times.length - 1, Math.floor(part * times.length))]!)
  if (times.length > 0) {
    lines.push(`The board answered within ${at(0.5)} (median), ${at(0.99)} (99 %), ${at(1)} (longest).`)
  }
  return [...lines, ...remarks]
}

export function footOf(found: readonly Mismatch[]): string[] {
  if (found.length === 0) return []
  const counts = new Map<string, number>()
  for (const { told, command, exchange, status } of found) {
    const name = command?.name ?? `message ${exchange.messageId}`
    const how =
      exchange.status === status
        ? 'another value'
        : `${statusName(status)} instead of ${statusName(exchange.status ?? 0)}`
    const line = `${told.protocol.name} ${name}: ${how}`
    counts.set(line, (counts.get(line) ?? 0) + 1)
  }
  const lines = [...counts].map(([line, count]) => `  ${line}${count > 1 ? `, ${count} times` : ''}`)
  return [
    `Answered otherwise than in the trace, ${found.length} messages: values that changed meanwhile, or depend on what was set.`,
    ...lines.slice(0, LINES_MAX),
    ...(lines.length > LINES_MAX ? [`  and ${lines.length - LINES_MAX} other kinds`] : []),
  ]
}
