/** The screen of `ctl top`: message rates, and recently changed resources. */
import { Box, Text, useApp, useInput, useStdout } from 'ink'
import { createElement as h, type ReactElement, useEffect, useState } from 'react'
import { printable } from '../../support/printable.js'
import { type MessageRate, merged, percentileText } from './rates.js'

/** A property that changed. */
export interface Change {
  address: string
  shown: string
  /** Seconds since the change. */
  agoS: number
  /** Recent values, if numeric; oldest first. */
  numbers: number[]
}

export interface View {
  title: string
  /** Rates in the last interval. */
  rates: readonly MessageRate[]
  /** Notifications and delayed responses sent since start. */
  events: number
  /** Latest first. */
  changes: readonly Change[]
}

const BARS = '▁▂▃▄▅▆▇█'

/** Title, summary, two headings and the gaps before them. */
const FRAME_ROWS = 7

export function Screen(view: View): ReactElement {
  const { exit } = useApp()
  const { columns, rows } = useSize()
  useInput(input => {
    if (input === 'q') exit()
  })
  const room = Math.max(rows - FRAME_ROWS, 2)
  const messageRows = Math.min(view.rates.length, Math.max(Math.ceil(room / 2), room - view.changes.length))
  const rates = view.rates.slice(0, messageRows)
  const agents = new Set(view.rates.map(({ agent }) => agent)).size
  const changeWidths = columns < WIDE ? CHANGE_WIDTHS.slice(0, -1) : CHANGE_WIDTHS
  return h(
    Box,
    { flexDirection: 'column', width: columns, height: rows - 1, overflow: 'hidden' },
    h(
      Text,
      { bold: true, wrap: 'truncate' },
      `${printable(view.title)}  ${new Date().toTimeString().slice(0, 8)}  q quits`,
    ),
    h(Text, { wrap: 'truncate' }, summary(view)),
    h(Table, {
      heads: ['MESSAGE', 'PER SECOND', 'FAILED', 'P50', 'P99'],
      rows: rates.map(rate => rateRow(rate, agents > 1)),
      widths: RATE_WIDTHS,
    }),
    h(Table, {
      heads: ['CHANGED', 'VALUE', 'AGO', ''].slice(0, changeWidths.length),
      rows: view.changes.slice(0, room - rates.length).map(change => changeRow(change).slice(0, changeWidths.length)),
      widths: changeWidths,
    }),
  )
}

/** The size of the terminal, updated when it changes. */
function useSize(): { columns: number; rows: number } {
  const { stdout } = useStdout()
  const read = () => ({ columns: stdout.columns ?? 80, rows: stdout.rows ?? 24 })
  const [size, setSize] = useState(read)
  useEffect(() => {
    const onResize = () => setSize(read())
    stdout.on('resize', onResize)
    return () => void stdout.off('resize', onResize)
  })
  return size
}

function summary({ rates, events }: View): string {
  const perSecond = rates.reduce((sum, rate) => sum + rate.perSecond, 0)
  const failed = rates.reduce((sum, rate) => sum + rate.failedPerSecond, 0)
  const times = merged(rates)
  const parts = [
    `${rateText(perSecond)} messages/s`,
    `${rateText(failed)} failed`,
    `p50 ${percentileText(times, 50)}`,
    `p99 ${percentileText(times, 99)}`,
    `${events} events sent`,
  ]
  return parts.join('   ')
}

/** Column widths; 0 takes the rest. */
const RATE_WIDTHS = [0, 11, 8, 8, 8]
const CHANGE_WIDTHS = [0, 14, 7, 26]
/** Narrower terminals show no curves. */
const WIDE = 90

interface TableProps {
  heads: readonly string[]
  rows: readonly (readonly string[])[]
  widths: readonly number[]
}

function Table({ heads, rows, widths }: TableProps): ReactElement {
  const line = (cells: readonly string[], key: number, dim: boolean) =>
    h(
      Box,
      { key },
      cells.map((text, column) => {
        const width = widths[column] || undefined
        const place = width ? { width, flexShrink: 0 } : { flexGrow: 1, flexBasis: 0, minWidth: 0 }
        return h(
          Box,
          { key: column, ...place, paddingRight: 1 },
          h(Text, { dimColor: dim, wrap: 'truncate' }, printable(text)),
        )
      }),
    )
  return h(
    Box,
    { flexDirection: 'column', marginTop: 1, flexShrink: 0 },
    line(heads, 0, true),
    rows.map((cells, i) => line(cells, i + 1, false)),
  )
}

function rateRow({ agent, name, perSecond, failedPerSecond, buckets }: MessageRate, named: boolean): string[] {
  const failed = failedPerSecond > 0 ? rateText(failedPerSecond) : ''
  const times = [percentileText(buckets, 50), percentileText(buckets, 99)]
  return [named ? `${agent}  ${name}` : name, rateText(perSecond), failed, ...times]
}

function rateText(perSecond: number): string {
  return perSecond >= 10 || perSecond === 0 ? Math.round(perSecond).toLocaleString('en') : perSecond.toFixed(1)
}

function changeRow({ address, shown, agoS, numbers }: Change): string[] {
  return [address, shown, `${agoS} s`, curve(numbers)]
}

/** Numbers as bars, scaled to the lowest and highest. */
function curve(numbers: readonly number[]): string {
  if (numbers.length < 2) return ''
  const least = Math.min(...numbers)
  const range = Math.max(...numbers) - least || 1
  return numbers.map(number => BARS[Math.round(((number - least) / range) * (BARS.length - 1))]).join('')
}
