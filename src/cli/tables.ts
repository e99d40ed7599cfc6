/** Rows of values as a table for people: quantities in handy units, columns that say nothing left out. */
import type { Row } from '../protocols/protocol.js'

type Cell = Row[string]

/** Units by the ending of a value's name: sizes in the base unit, descending. */
const UNITS: Record<string, [name: string, size: number][]> = {
  hz: [
    ['GHz', 1e9],
    ['MHz', 1e6],
    ['kHz', 1e3],
    ['Hz', 1],
  ],
  us: [
    ['s', 1e6],
    ['ms', 1e3],
    ['us', 1],
  ],
  uv: [
    ['V', 1e6],
    ['mV', 1e3],
    ['uV', 1],
  ],
}

/** Longer lists are cut in the middle. */
const LISTED = 6
const GAP = '  '

/** The lines of a table with a line of headings. */
export function tableLines(rows: readonly Row[]): string[] {
  const names = [...new Set(rows.flatMap(row => Object.keys(row)))].filter(name => rows.some(row => says(row[name])))
  const lines = [names.map(heading), ...rows.map(row => names.map(name => cellText(name, row[name])))]
  const widths = names.map((_, column) => Math.max(...lines.map(line => line[column]?.length ?? 0)))
  return lines.map(line =>
    line
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join(GAP)
      .trimEnd(),
  )
}

function says(cell: Cell): boolean {
  return cell !== undefined && !(Array.isArray(cell) && cell.length === 0)
}

function unitOf(name: string): string {
  return /_([a-z]+)$/.exec(name)?.[1] ?? ''
}

function heading(name: string): string {
  return (UNITS[unitOf(name)] ? name.replace(/_[a-z]+$/, '') : name).replaceAll('_', ' ').toUpperCase()
}

function cellText(name: string, cell: Cell): string {
  if (cell === undefined) return ''
  if (typeof cell === 'boolean') return cell ? 'yes' : 'no'
  if (typeof cell === 'string') return cell
  if (typeof cell === 'number') return quantityText(cell, UNITS[unitOf(name)])
  const texts = cell.map(entry => cellText(name, entry))
  if (texts.length <= LISTED) return texts.join(', ')
  return `${texts.slice(0, LISTED - 2).join(', ')} … ${texts[texts.length - 1]} (${texts.length})`
}

/** `24 MHz`; a plain number if there are no units. */
function quantityText(value: number, units: [string, number][] | undefined): string {
  if (!units) return String(value)
  const [name, size] = units.find(([, size]) => Math.abs(value) >= size) ?? units[units.length - 1] ?? ['', 1]
  return `${Number((value / size).toPrecision(12))} ${name}`
}
