/** The messages as they come, filtered by the device; each opens to its fields. */
import { signal } from '@preact/signals'
import type { Data, MessageEntry, MessageFilter, ProtocolEntry, Struct } from '../../control/shapes.js'
import { STATUS_NAMES } from '../../wire/status.js'
import { Select } from './select.js'
import { clearMessages, filter, hello, type Line, lines, paused, showMessages } from './state.js'
import { toggled } from './toggled.js'
import { type Column, type TableRow, VirtualTable } from './virtual-table.js'

type Row = TableRow & ({ message: MessageEntry } | { omitted: number } | { field: string; value: string; of: string })

/** Keys of the messages that are open. */
const expanded = signal<ReadonlySet<string>>(new Set())

/** The agent's is for platforms that have several. */
const COLUMNS: readonly Column[] = [
  { title: 'Time', width: '8.8rem', className: 'number' },
  { title: 'Agent', width: '6rem' },
  { title: 'Message' },
  { title: 'Token', width: '3.6rem', className: 'number' },
  { title: 'Status', width: '8.5rem' },
  { title: 'Took', width: '4.8rem', className: 'number' },
]

/** Kinds, and their signs. */
const KINDS: Readonly<Record<string, string>> = { command: '→', 'delayed response': '⇠', notification: '←' }
const FAILED = 'failed'

export function Messages() {
  const rows = lines.value.flatMap(rowsOf)
  const columns = columnsOf()
  return (
    <section class="panel messages" aria-labelledby="messages-title">
      <header>
        <h2 id="messages-title">Messages</h2>
        <Filters />
        <button type="button" aria-pressed={paused.value} onClick={() => showMessages(filter.value, !paused.value)}>
          {paused.value ? 'Resume' : 'Pause'}
        </button>
        <button type="button" onClick={clearMessages}>
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

function hasAgents(): boolean {
  return (hello.value?.description.agents.length ?? 0) > 1
}

function pause(): void {
  if (!paused.value && lines.value.length > 0) showMessages(filter.value, true)
}

function toggle(key: string): void {
  expanded.value = toggled(expanded.value, key)
  pause()
}

function Filters() {
  const { agents, protocols } = hello.value?.description ?? { agents: [], protocols: [] }
  const {
    agents: [agent] = [],
    protocols: [protocol] = [],
    messages: [message] = [],
    kinds: [kind] = [],
  } = filter.value
  const { statuses: [status] = [], failed } = filter.value
  const change = (part: MessageFilter) => showMessages({ ...filter.value, ...part }, paused.value)
  const only = (name: string) => (name === '' ? [] : [name])
  const names = protocols.filter(({ name }) => !protocol || name === protocol).flatMap(namesOf)
  return (
    <>
      {hasAgents() && (
        <Select
          label="Agent"
          any="all agents"
          value={agent}
          options={agents.map(({ name }) => name)}
          onChange={name => change({ agents: only(name) })}
        />
      )}
      <Select
        label="Protocol"
        any="all protocols"
        value={protocol}
        options={protocols.map(({ name }) => name)}
        onChange={name => change({ protocols: only(name), messages: [] })}
      />
      <Select
        label="Message"
        any="all messages"
        value={message}
        options={[...new Set(names)]}
        onChange={name => change({ messages: only(name) })}
      />
      <Select
        label="Kind"
        any="all kinds"
        value={kind}
        options={Object.keys(KINDS)}
        onChange={name => change({ kinds: only(name) })}
      />
      <Select
        label="Status"
        any="any status"
        value={failed ? FAILED : status}
        options={[FAILED, ...STATUS_NAMES]}
        onChange={name => change({ failed: name === FAILED, statuses: name === FAILED ? [] : only(name) })}
      />
    </>
  )
}

function namesOf({ commands, notifications }: ProtocolEntry): string[] {
  return [...commands, ...notifications.map(({ name }) => name)]
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

/** Names and texts of all fields; entries of lists have their place in the name. */
function fieldsOf(payload: Struct | undefined): [field: string, value: string][] {
  return Object.entries(payload ?? {}).flatMap(([name, value]): [string, string][] => {
    if (!Array.isArray(value) || !value.every(entry => typeof entry === 'object')) return [[name, fieldText(value)]]
    return value.map((entry, i) => [`${name}[${i}]`, fieldText(entry)])
  })
}

/** Bytes in hexadecimal digits; other numbers in both ways. */
function fieldText(value: Data): string {
  if (typeof value === 'number') return value > 9 ? `${value}  0x${value.toString(16)}` : String(value)
  if (Array.isArray(value)) {
    return value.map(one => (typeof one === 'number' ? one.toString(16).padStart(2, '0') : fieldText(one))).join(' ')
  }
  if (value === null || typeof value !== 'object') return String(value)
  return Object.entries(value)
    .map(([name, inner]) => `${name} ${typeof inner === 'number' ? inner : fieldText(inner)}`)
    .join(', ')
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
          {KINDS[kind]}
        </span>
        <span class="kind">{protocol}</span>
        {message.message} <span class="hint">{summary(message)}</span>
      </td>
      <td class="number">{kind === 'notification' ? '' : token}</td>
      <td class={status === 0 ? 'hint' : 'status'} title={outcome}>
        {outcome}
      </td>
      <td class="number">{isCommand ? tookText(answered_us - arrived_us) : ''}</td>
    </>
  )
}

/** The fields in short, as far as they fit. */
function summary({ request, reply }: MessageEntry): string {
  const texts = [request, reply].map(payload =>
    fieldsOf(payload)
      .map(([name, value]) => `${name} ${value.split('  ', 1)[0]}`)
      .join(', '),
  )
  return texts.filter(text => text !== '').join(' → ')
}

/** `14:03:07.125` */
function clockText(timeMs: number): string {
  const time = new Date(timeMs)
  const parts = [time.getHours(), time.getMinutes(), time.getSeconds()].map(part => String(part).padStart(2, '0'))
  return `${parts.join(':')}.${String(time.getMilliseconds()).padStart(3, '0')}`
}

function tookText(us: number): string {
  return us < 1000 ? `${us.toFixed(us < 10 ? 1 : 0)} µs` : `${(us / 1000).toFixed(1)} ms`
}
