/** One chart with its legend, which shows the newest values as text. */
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import type { History } from './history.js'

export interface Series {
  /** Column of the history. */
  column: string
  label: string
}

interface Props {
  title: string
  history: History
  series: readonly Series[]
  format(value: number): string
  isLogarithmic?: boolean
}

/** Number of distinct colours: `--series-1` and up, in main.css. */
const COLOURS = 8
const HEIGHT_PX = 132
const SPAN_MIN_S = 10

export function Chart(props: Props) {
  const { title, history, series, format } = props
  const frame = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(null)
  const shown = series.slice(0, COLOURS)
  const identity = shown.map(({ column }) => column).join('\n')

  // Rebuilt only if the set of lines changes.
  useLayoutEffect(() => {
    const element = frame.current!
    const make = () => {
      plot.current?.destroy()
      plot.current = new uPlot(optionsOf(props, shown, element), dataOf(history, shown), element)
    }
    make()
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: HEIGHT_PX }))
    resized.observe(element)
    const dark = matchMedia('(prefers-color-scheme: dark)')
    dark.addEventListener('change', make)
    return () => {
      resized.disconnect()
      dark.removeEventListener('change', make)
      plot.current?.destroy()
    }
  }, [identity])

  history.version.value
  useEffect(() => plot.current?.setData(dataOf(history, shown)))

  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <div ref={frame} class="plot" aria-hidden="true" />
      <ul class="legend">
        {shown.map(({ column, label }, i) => (
          <li key={column} style={{ '--colour': `var(--series-${i + 1})` }}>
            {label} <b>{newest(history, column, format)}</b>
          </li>
        ))}
        {series.length > COLOURS && <li class="more">and {series.length - COLOURS} more</li>}
      </ul>
    </figure>
  )
}

function newest({ columns }: History, column: string, format: Props['format']): string {
  const value = columns.get(column)?.at(-1)
  return value === undefined || value === null ? '–' : format(value)
}

function dataOf({ times, columns }: History, series: readonly Series[]): uPlot.AlignedData {
  return [times, ...series.map(({ column }) => columns.get(column) ?? [])]
}

function optionsOf(props: Props, series: readonly Series[], element: HTMLElement): uPlot.Options {
  const style = getComputedStyle(element)
  const colour = (name: string): string => style.getPropertyValue(name).trim()
  const axis: uPlot.Axis = {
    stroke: colour('--dim'),
    font: `11px ${style.fontFamily}`,
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
    gap: 3,
  }
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { range: recent }, y: props.isLogarithmic ? { distr: 3 } : { range: roomy } },
    axes: [
      { ...axis, size: 20, space: 70 },
      {
        ...axis,
        grid: { ...axis.grid, filter: coarse },
        size: 58,
        values: (_plot, splits) => splits.map(value => (value === null ? '' : props.format(value))),
      },
    ],
    series: [
      {},
      ...series.map(({ label }, i) => ({
        label,
        stroke: colour(`--series-${i + 1}`),
        width: 1.5,
        points: { show: false },
      })),
    ],
  }
}

/** The range of the data, but at least some seconds: for a single point, uPlot would show years. */
function recent({ data: [times] }: uPlot): [number, number] {
  const end = times.at(-1) ?? Date.now() / 1000
  return [Math.min(times[0] ?? end, end - SPAN_MIN_S), end]
}

/** On a logarithmic scale, only powers of ten. */
function coarse(plot: uPlot, splits: number[]): (number | null)[] {
  if (plot.scales.y?.distr !== 3) return splits
  return splits.map(value => (Number.isInteger(Math.log10(value)) ? value : null))
}

/** Adds margins above and below; constant values are centred. */
function roomy(_plot: uPlot, min: number | null, max: number | null): [number, number] {
  if (min === null || max === null) return [0, 1]
  const room = max > min ? 0.1 * (max - min) : Math.max(0.05 * Math.abs(max), 1e-6)
  return [min >= 0 ? Math.max(0, min - room) : min - room, max + room]
}
