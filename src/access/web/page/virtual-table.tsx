/**
 * A tree of rows of equal height; only visible rows are drawn. Keyboard: arrows, Home, End and Page keys move the
 * active row, Enter expands it or enters its control, Escape leaves the control.
 */
import type { ComponentChildren, RefObject, TargetedKeyboardEvent } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'

/** As in main.css. */
const ROW_PX = 24
/** Rows drawn beyond the visible ones. */
const BEYOND = 8

export interface Column {
  title: string
  /** CSS width; columns without one share the rest. */
  width?: string
  className?: string
}

export interface TableRow {
  /** Unique. */
  key: string
  /** 1 is a root. */
  level: number
  /** Undefined: it can't be expanded. */
  expanded?: boolean | undefined
  className?: string | undefined
  /** It has a control, which has the class `control`. */
  hasControl?: boolean
}

interface Props<Row extends TableRow> {
  label: string
  columns: readonly Column[]
  rows: readonly Row[]
  /** The cells of a row: `<td>`s. */
  cells(row: Row): ComponentChildren
  /** Expands or collapses a row. */
  toggle(row: Row): void
  /** Keeps the last row visible. */
  follow?: boolean
  /** Called when the user scrolls away from the end. */
  onLeaveEnd?(): void
  /** Shown if there are no rows. */
  empty: ComponentChildren
}

export function VirtualTable<Row extends TableRow>(props: Props<Row>) {
  const { rows, label, follow } = props
  const scroller = useRef<HTMLDivElement>(null)
  const view = useView(scroller, props.onLeaveEnd)
  const [activeKey, setActive] = useState<string>()
  const active = rows.findIndex(row => row.key === activeKey)
  const first = Math.max(0, Math.min(Math.floor(view.top / ROW_PX) - BEYOND, rows.length))
  const last = Math.min(rows.length, Math.ceil((view.top + view.height) / ROW_PX) + BEYOND)

  useEffect(() => {
    if (follow) scroller.current!.scrollTop = scroller.current!.scrollHeight
  }, [follow, rows])

  const moveTo = (index: number): void => {
    const to = Math.max(0, Math.min(index, rows.length - 1))
    if (to < rows.length - 1) props.onLeaveEnd?.()
    setActive(rows[to]?.key)
    show(scroller.current!, to)
  }
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLTableElement>): void => {
    const step = stepOf(event.key, view.height, rows.length)
    const row = rows[active]
    if (event.target !== event.currentTarget) {
      if (event.key === 'Escape') event.currentTarget.focus()
      return
    }
    if (step !== undefined) moveTo(row || Math.abs(step) > 1 ? active + step : first)
    else if (row && isEntry(event.key, row)) controlOf(event.currentTarget)?.focus()
    else if (row && isToggle(event.key, row)) props.toggle(row)
    else return
    event.preventDefault()
  }

  const id = (index: number) => `${label}-${index}`
  return (
    <div class="scroller" ref={scroller}>
      <div style={{ height: `${(rows.length + 1) * ROW_PX}px`, paddingTop: `${first * ROW_PX}px` }}>
        <table
          // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: ARIA's own pattern for trees with columns
          role="treegrid"
          tabIndex={0}
          aria-label={label}
          aria-rowcount={rows.length + 1}
          aria-activedescendant={active >= first && active < last ? id(active) : undefined}
          onKeyDown={onKeyDown}
        >
          <Head columns={props.columns} />
          <tbody>
            {rows.slice(first, last).map((row, i) => (
              <tr
                key={row.key}
                id={id(first + i)}
                aria-rowindex={first + i + 2}
                aria-level={row.level}
                aria-expanded={row.expanded}
                aria-selected={row.key === activeKey}
                class={row.className}
                onClick={event => {
                  setActive(row.key)
                  if (row.expanded !== undefined && !isInControl(event)) props.toggle(row)
                }}
              >
                {props.cells(row)}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length === 0 && <p class="empty">{props.empty}</p>}
    </div>
  )
}

function Head({ columns }: { columns: readonly Column[] }) {
  return (
    <>
      <colgroup>
        {columns.map(column => (
          <col key={column.title} style={column.width ? { width: column.width } : {}} />
        ))}
      </colgroup>
      <thead>
        <tr aria-rowindex={1}>
          {columns.map(column => (
            <th key={column.title} scope="col" class={column.className}>
              {column.title}
            </th>
          ))}
        </tr>
      </thead>
    </>
  )
}

/** The visible range of a scroller, in pixels; reports when the user scrolls up from the end. */
function useView(scroller: RefObject<HTMLDivElement | null>, onLeaveEnd: (() => void) | undefined) {
  const [view, setView] = useState({ top: 0, height: 0 })
  const leave = useRef(onLeaveEnd)
  leave.current = onLeaveEnd
  useLayoutEffect(() => {
    const element = scroller.current!
    let lastTop = 0
    const look = () => {
      const { scrollTop: top, clientHeight: height, scrollHeight } = element
      if (top < lastTop && top + height < scrollHeight - ROW_PX) leave.current?.()
      lastTop = top
      setView({ top, height })
    }
    const observer = new ResizeObserver(look)
    observer.observe(element)
    element.addEventListener('scroll', look, { passive: true })
    return () => {
      observer.disconnect()
      element.removeEventListener('scroll', look)
    }
  }, [scroller])
  return view
}

/** The number of rows that a key moves; undefined: none. */
function stepOf(key: string, height: number, rows: number): number | undefined {
  const page = Math.max(2, Math.floor(height / ROW_PX) - 2)
  return { ArrowUp: -1, ArrowDown: 1, PageUp: -page, PageDown: page, Home: -rows, End: rows }[key]
}

function isToggle(key: string, { expanded }: TableRow): boolean {
  if (expanded === undefined) return false
  return key === 'Enter' || key === ' ' || key === (expanded ? 'ArrowLeft' : 'ArrowRight')
}

/** Whether a key enters the row's control: Enter expands instead if the row can be expanded. */
function isEntry(key: string, { hasControl, expanded }: TableRow): boolean {
  return key === 'F2' || (key === 'Enter' && hasControl === true && expanded === undefined)
}

function controlOf(table: HTMLTableElement): HTMLElement | null {
  return table.querySelector('[aria-selected=true] .control')
}

function isInControl(event: Event): boolean {
  return (event.target as Element).closest('input, select, button, form, label') !== null
}

/** Scrolls a row into view, below the header. */
function show(scroller: HTMLElement, index: number): void {
  const top = index * ROW_PX
  const room = scroller.clientHeight - 2 * ROW_PX
  if (top < scroller.scrollTop) scroller.scrollTop = top
  else if (top > scroller.scrollTop + room) scroller.scrollTop = top - room
}
