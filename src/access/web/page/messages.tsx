/** Live messages, filtered by the device; each expands to its fields. */
import { signal } from '@preact/signals'
import type { MessageEntry, Struct } from '../../operations/shapes.js'
import { MessageFilters } from './message-filters.js'
import { clockText, fieldsOf, summary, tookText } from './message-text.js'
import { clearMessages, filter, hasAgents, hello, type Line, lines, paused, showMessages } from './state.js'
import { toggled } from './toggled.js'
import { type Column, type TableRow, VirtualTable } from './virtual-table.js'

type Row = TableRow & ({ message: MessageEntry } | { omitted: number } | { field: string; value: string; of: string })

/** Keys of expanded messages. */
const expanded = signal<ReadonlySet<string>>(new Set())

/** The agent column is shown only if there are several agents. */
const COLUMNS: readonly Column[] = [
  { title: 'Time', width: '8.8rem', className: 'number' },
  { title: 'Agent', width: '6rem' },
  { title: 'Message' },
  { title: 'Token', width: '4rem', className: 'number' },
  { title: 'Status', width: '8.5rem' },
  { title: 'Took', width: '5.4rem', className: 'number' },
]

/** Symbols of the kinds. */
const SIGNS: Readonly<Record<string, string>> = {
  command: '→',
  'delayed response': '⇠',
  notification: '←',
  'fast channel': '↣',
}

export function Messages() {
  const rows = lines.value.flatMap(rowsOf)
  const columns = columnsOf()
  return (
    <section class="panel messages" aria-labelledby="messages-title">
      <header>
        <h2 id="messages-title">Messages</h2>
        <MessageFilters />
        <button type="button" aria-pressed={paused.value} onClick={() => showMessages(filter.value, !paused.value)}>
          {paused.value ? 'Resume' : 'Pause'}
        </button>
        <button type="button" onClick={clear}>
          Clear
        </button>
      </header>
      <VirtualTable
        label="Messages"
        columns={columns}
        rows={rows}
        toggle={row => toggle(row.key)}
        cells={row => <Cells row={row} />}
        follow={!paused.value}
        onLeaveEnd={pause}
        empty={
          paused.value ? 'Paused.' : 'No messages yet. A busy guest fills this at once; scroll up or open one to pause.'
        }
      />
    </section>
  )
}

function columnsOf(): readonly Column[] {
  return hasAgents() ? COLUMNS : COLUMNS.filter(({ title }) => title !== 'Agent')
}

function clear(): void {
  expanded.value = new Set()
  clearMessages()
}

function pause(): void {
  if (!paused.value && lines.value.length > 0) showMessages(filter.value, true)
}

function toggle(key: string): void {
  expanded.value = toggled(expanded.value, key)
  pause()
}

function rowsOf(line: Line): Row[] {
  const key = String(line.id)
  if ('omitted' in line) return [{ key, level: 1, omitted: line.omitted, className: 'gap' }]
  const { message } = line
  const isOpen = expanded.value.has(key)
  const isBad = message.kind !== 'notification' && message.status !== 0
  const head: Row = { key, level: 1, expanded: isOpen, message, className: isBad ? 'failed' : undefined }
  return isOpen
    ? [head, ...fieldRows(key, 'request', message.request), ...fieldRows(key, 'reply', message.reply)]
    : [head]
}

function fieldRows(key: string, of: string, payload: Struct | undefined): Row[] {
  return fieldsOf(payload).map(([field, value], i) => {
    return { key: `${key} ${of} ${i}`, level: 2, field, value, of, className: 'inner' }
  })
}

function Cells({ row }: { row: Row }) {
  if ('omitted' in row) {
    return (
      <td colSpan={columnsOf().length}>
        {row.omitted.toLocaleString('en')} more, not shown: they come faster than{' '}
        {hello.value?.messagesPerSecond.toLocaleString('en')} a second
      </td>
    )
  }
  if ('field' in row) {
    return (
      <>
        <td class="number hint">{row.of}</td>
        <td colSpan={columnsOf().length - 1} title={row.value}>
          <span class="field">{row.field}</span> <span class="value">{row.value}</span>
        </td>
      </>
    )
  }
  return <MessageCells message={row.message} />
}

/** A notification belongs to no command, and what is written to a fast channel is no message. */
const hasToken = (kind: string): boolean => kind === 'command' || kind === 'delayed response'

function MessageCells({ message }: { message: MessageEntry }) {
  const { kind, agent, protocol, token, status, status_name, arrived_us, answered_us } = message
  const isCommand = kind === 'command'
  const outcome = status_name || (isCommand ? 'no answer' : '')
  return (
    <>
      <td class="number">{clockText((hello.value?.epochMs ?? 0) + arrived_us / 1000)}</td>
      {hasAgents() && <td>{agent}</td>}
      <td class="name" title={message.shown}>
        <span class="sign" role="img" aria-label={kind}>
          {SIGNS[kind]}
        </span>
        <span class="kind">{protocol}</span>
        {message.message} <span class="hint">{summary(message)}</span>
      </td>
      <td class="number">{hasToken(kind) ? token : ''}</td>
      <td class={status === 0 ? 'hint' : 'status'} title={outcome}>
        {outcome}
      </td>
      <td class="number">{isCommand ? tookText(answered_us - arrived_us) : ''}</td>
    </>
  )
}
