/**
 * A tree of rows of one height, of which only those in sight are drawn. By keyboard: arrows, Home, End and Page keys move
 * the active row, Enter opens it or enters its control, Escape comes back.
 */
import type { ComponentChildren, TargetedKeyboardEvent } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'

/** As in main.css. */
const ROW_PX = 24
/** Rows drawn beyond those in sight. */
const BEYOND = 8

export interface Column {
  title: string
  /** CSS width; the others share what is left. */
  width?: string
  className?: string
}

export interface TableRow {
  /** Unique among the rows. */
  key: string
  /** 1 is a root. */
  level: number
  /** Undefined: it has nothing in it. */
  expanded?: boolean | undefined
  className?: string | undefined
  /** Whether it has a control, which draws itself with the class `control`. */
  hasControl?: boolean
}

interface Props<Row extends TableRow> {
  label: string
  columns: readonly Column[]
  rows: readonly Row[]
  /** The cells of a row: `<td>`s. */
  cells(row: Row): ComponentChildren
  /** Opens or closes a row that can be. */
  toggle(row: Row): void
  /** Keeps the last row in sight. */
  follow?: boolean
  /** The user looks at something further up. */
  onLeaveEnd?(): void
  /** Shown if there are no rows. */
  empty: ComponentChildren
}

export function VirtualTable<Row extends TableRow>(props: Props<Row>) {
  const { rows, columns, follow } = props
  const scroller = useRef<HTMLDivElement>(null)
  const [view, setView] = useState({ top: 0, height: 0 })
  const [activeKey, setActive] = useState<string>()
  const active = rows.findIndex(row => row.key === activeKey)
  const first = Math.max(0, Math.min(Math.floor(view.top / ROW_PX) - BEYOND, rows.length))
  const last = Math.min(rows.length, Math.ceil((view.top + view.height) / ROW_PX) + BEYOND)

  useLayoutEffect(() => {
    const element = scroller.current!
    const look = () => setView({ top: element.scrollTop, height: element.clientHeight })
    const observer = new ResizeObserver(look)
    observer.observe(element)
    element.addEventListener('scroll', look, { passive: true })
    return () => {
      observer.disconnect()
      element.removeEventListener('scroll', look)
    }
  }, [])

  useEffect(() => {
    if (follow) scroller.current!.scrollTop = scroller.current!.scrollHeight
  }, [follow, rows])

  const moveTo = (index: number) => {
    const to = Math.max(0, Math.min(index, rows.length - 1))
    const row = rows[to]
    if (!row) return
    if (to < rows.length - 1) props.onLeaveEnd?.()
    setActive(row.key)
    show(scroller.current!, to)
  }

  const onKeyDown = (event: TargetedKeyboardEvent<HTMLTableElement>) => {
    if (event.target !== event.currentTarget) {
      if (event.key === 'Escape') event.currentTarget.focus()
      return
    }
    const step = stepOf(event.key, view.height, rows.length)
    const row = rows[active]
    if (step !== undefined) moveTo(active < 0 && Math.abs(step) === 1 ? first : active + step)
    else if (!row) return
    else if (event.key === 'F2' || (event.key === 'Enter' && row.hasControl && row.expanded === undefined)) {
      event.currentTarget.querySelector<HTMLElement>('[aria-selected=true] .control')?.focus()
    } else if (isToggle(event.key, row)) props.toggle(row)
    else return
    event.preventDefault()
  }

  const id = (index: number) => `${props.label.replaceAll(' ', '-')}-${index}`
  return (
    <div class="scroller" ref={scroller} onWheel={event => event.deltaY < 0 && props.onLeaveEnd?.()}>
      <div style={{ height: `${(rows.length + 1) * ROW_PX}px`, paddingTop: `${first * ROW_PX}px` }}>
        <table
          // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: ARIA's own pattern for trees with columns
          role="treegrid"
          tabIndex={0}
          aria-label={props.label}
          aria-rowcount={rows.length + 1}
          aria-activedescendant={active >= first && active < last ? id(active) : undefined}
          onKeyDown={onKeyDown}
        >
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

/** By how many rows a key moves; undefined: it does not. */
function stepOf(key: string, height: number, rows: number): number | undefined {
  const page = Math.max(1, Math.floor(height / ROW_PX) - 2)
  return { ArrowUp: -1, ArrowDown: 1, PageUp: -page, PageDown: page, Home: -rows, End: rows }[key]
}

function isToggle(key: string, { expanded }: TableRow): boolean {
  if (expanded === undefined) return false
  return key === 'Enter' || key === ' ' || key === (expanded ? 'ArrowLeft' : 'ArrowRight')
}

function isInControl(event: Event): boolean {
  return (event.target as Element).closest('input, select, button, form, label') !== null
}

/** Scrolls a row into sight, below the head. */
function show(scroller: HTMLElement, index: number): void {
  const top = index * ROW_PX
  const room = scroller.clientHeight - 2 * ROW_PX
  if (top < scroller.scrollTop) scroller.scrollTop = top
  else if (top > scroller.scrollTop + room) scroller.scrollTop = top - room
}
