/** Data of the charts: the last minutes of rates, latencies and chosen values, as columns of equal length. */
import { signal } from '@preact/signals'
import type { AgentStats } from '../../operations/shapes.js'
import { type Interval, intervalOf } from './interval.js'
import { toggled } from './toggled.js'

/** Five minutes; older points are dropped. */
const POINTS = 300
const MS_PER_S = 1000

export class History {
  /** Seconds since 1970. */
  readonly times: number[] = []
  readonly columns = new Map<string, (number | null)[]>()
  /** Increases with each point. */
  readonly version = signal(0)

  /** Adds a point; null: no value. New names get a column; missing names get null. */
  push(timeMs: number, values: Readonly<Record<string, number | null>>): void {
    for (const name of Object.keys(values)) {
      if (!this.columns.has(name)) this.columns.set(name, new Array(this.times.length).fill(null))
    }
    this.times.push(timeMs / MS_PER_S)
    for (const [name, column] of this.columns) column.push(values[name] ?? null)
    if (this.times.length > POINTS) {
      this.times.shift()
      for (const column of this.columns.values()) column.shift()
    }
    this.version.value++
  }

  /** Drops all other columns. */
  keep(names: ReadonlySet<string>): void {
    for (const name of this.columns.keys()) if (!names.has(name)) this.columns.delete(name)
    this.version.value++
  }
}

/** Commands per second by protocol, and events per second. */
export const rates = new History()
/** Microseconds. */
export const latencies = new History()
/** Values by address. */
export const plots = new History()
/** Addresses of the properties that are plotted. */
export const plotted = signal<ReadonlySet<string>>(new Set())

export function setPlotted(address: string, wanted: boolean): void {
  if (plotted.value.has(address) !== wanted) plotted.value = toggled(plotted.value, address)
  plots.keep(plotted.value)
}

let last: { timeMs: number; agents: readonly AgentStats[] } | undefined
/** Activity of the agents in the last second. */
export const interval = signal<Interval>()

/** Adds a point from the agents' statistics. */
export function chartAgents(timeMs: number, agents: readonly AgentStats[]): void {
  if (last && timeMs > last.timeMs) {
    const now = intervalOf(last.agents, agents, (timeMs - last.timeMs) / MS_PER_S)
    interval.value = now
    rates.push(timeMs, now.rates)
    latencies.push(timeMs, { ...now.latenciesUs })
  }
  last = { timeMs, agents }
}

/** Adds a point from the plotted values. */
export function chartValues(timeMs: number, valueAt: (address: string) => number | undefined): void {
  plots.push(timeMs, Object.fromEntries([...plotted.value].map(address => [address, valueAt(address) ?? null])))
}
