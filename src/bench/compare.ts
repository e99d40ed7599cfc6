/** Two results side by side. */
import { tableLines } from '../observe/tables.js'
import type { Row } from '../protocols/declaration/protocol.js'
import type { Cell, Result } from './result.js'
import { rounded } from './statistics.js'
import { rateText } from './text.js'

export interface Compared {
  key: string
  before: Cell
  after: Cell
  /** Ratio after/before of the rates, and of the ratios to the busy loop, which hardly depend on the machine. */
  rate: number
  busyLoop?: number
}

const keyOf = ({ backEnd, scenario }: Cell): string => JSON.stringify([backEnd, Object.entries(scenario).sort()])

/** The cells that both results have, floors included. */
export function compare(before: Result, after: Result): Compared[] {
  const known = new Map(before.cells.map(cell => [keyOf(cell), cell]))
  return after.cells.flatMap(cell => {
    const key = keyOf(cell)
    const old = known.get(key)
    if (!old) return []
    const ratios = old.ratios && cell.ratios ? cell.ratios.busyLoop.median / old.ratios.busyLoop.median : undefined
    return {
      key,
      before: old,
      after: cell,
      rate: rounded(cell.rate / old.rate),
      ...(ratios === undefined ? {} : { busyLoop: rounded(ratios) }),
    }
  })
}

export function comparisonLines(compared: readonly Compared[]): string[] {
  const rows = compared.map(({ before, after, rate, busyLoop }): Row => {
    const { mix, depth, wait, descriptors, eventIdx, guests, cores } = after.scenario
    return {
      back_end: after.backEnd,
      front_end: wait,
      descriptors,
      event_idx: eventIdx ? 'on' : 'off',
      guests,
      cores,
      mix,
      depth,
      before: rateText(before.rate),
      after: rateText(after.rate),
      '×': rate,
      '×_of_×_busy_loop': busyLoop,
      fairness_before: before.fairness?.median,
      fairness_after: after.fairness?.median,
      'p99.9_before_us': before.latencyUs.p999,
      'p99.9_after_us': after.latencyUs.p999,
    }
  })
  return [
    ...tableLines(rows),
    '',
    'The floors show how much the machine differed; on a shared machine, differences below 25 % mean nothing.',
  ]
}
