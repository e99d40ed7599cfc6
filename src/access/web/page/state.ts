/** The page's state: signals that messages of the device set and components read. */
import { batch, signal } from '@preact/signals'
import type * as shape from '../../operations/shapes.js'
import type { Answer, Hello, Requests, Tick } from '../wire.js'
import { Connection } from './connection.js'
import { chartAgents, chartValues, plotted } from './history.js'

/** Messages that are kept for scrolling back. */
const LINES_MAX = 2000
/** Number of sensors that are plotted at start. */
const PLOTTED_FIRST = 4

export interface Reading {
  shown: string
  number: number | undefined
  /** When it changed, in ms of `performance.now`; undefined: never. */
  changedMs: number | undefined
}

/** A line of the message list: a message, or a count of omitted ones. */
export type Line = { id: number } & ({ message: shape.MessageEntry } | { omitted: number })

export const hello = signal<Hello>()
export const agents = signal<readonly shape.AgentStats[]>([])
/** Names of the agents whose front ends are connected. */
export const connected = signal<readonly string[]>([])
export const faults = signal<readonly shape.FaultEntry[]>([])
/** By address. Mutable; each change also changes `valuesTick`. */
export const values = new Map<string, Reading>()
export const valuesTick = signal(0)
export const lines = signal<readonly Line[]>([])
/** The filter of the message list. */
export const filter = signal<shape.MessageFilter>({})
export const paused = signal(false)

let lastLine = 0
const connection = new Connection(message => batch(() => (message.type === 'hello' ? begin(message) : apply(message))))

/** Whether there is more than one agent. */
export function hasAgents(): boolean {
  return (hello.value?.description.agents.length ?? 0) > 1
}

/** Resolves when the device has carried it out. Rejects with the device's error. */
export function request<Name extends keyof Requests>(op: Name, request: Requests[Name]): Promise<Answer> {
  return connection.request(op, request)
}

/** Shows messages that pass this filter from now on; none while paused. */
export function showMessages(wanted: shape.MessageFilter, pause: boolean): void {
  filter.value = wanted
  paused.value = pause
  connection.send({ op: 'show', filter: pause ? null : wanted })
}

export function clearMessages(): void {
  lines.value = []
}

function begin(message: Hello): void {
  hello.value = message
  values.clear()
  if (plotted.value.size === 0) {
    const sensors = message.description.resources.filter(({ kind, main }) => kind === 'sensor' && main !== '')
    plotted.value = new Set(sensors.slice(0, PLOTTED_FIRST).map(({ address, main }) => `${address}.${main}`))
  }
  showMessages(filter.value, paused.value)
}

function apply(tick: Tick): void {
  if (tick.values) {
    for (const [address, shown, number] of tick.values) {
      values.set(address, { shown, number, changedMs: values.has(address) ? performance.now() : undefined })
    }
    valuesTick.value++
  }
  const added = linesOf(tick)
  if (added.length > 0) lines.value = [...lines.value, ...added].slice(-LINES_MAX)
  if (tick.faults) faults.value = tick.faults
  if (tick.connected) connected.value = tick.connected
  if (!tick.agents) return
  agents.value = tick.agents
  chartAgents(tick.timeMs, tick.agents)
  chartValues(tick.timeMs, address => values.get(address)?.number)
}

/** While paused, only messages that were already on their way arrive. */
function linesOf({ messages = [], omitted = 0 }: Tick): Line[] {
  if (paused.value) return []
  const added: Line[] = messages.map(message => ({ id: ++lastLine, message }))
  if (omitted > 0) added.push({ id: ++lastLine, omitted })
  return added
}
