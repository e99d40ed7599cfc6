/** Formats rows of values as a table for people, with suitable units and without empty columns. */
import { formatQuantity, HERTZ, SECONDS, type Unit, VOLTS } from '../platform/core/unit-text.js'
import type { Row } from '../protocols/declaration/protocol.js'
import { printableCell } from '../support/printable.js'

type Cell = Row[string]

/** Units by the suffix of a value's name, which is also the smallest unit printed. */
const UNITS: Record<string, Unit> = { hz: HERTZ, us: SECONDS, uv: VOLTS }

/** Longer lists are shortened in the middle. */
const LISTED = 6
const GAP = '  '

/** The lines of a table, header first. */
export function tableLines(rows: readonly Row[]): string[] {
  const names = [...new Set(rows.flatMap(row => Object.keys(row)))].filter(name => rows.some(row => says(row[name])))
  const lines = [names.map(heading), ...rows.map(row => names.map(name => cellText(name, row[name])))]
  const widths = names.map((_, column) => lines.reduce((width, line) => Math.max(width, line[column]?.length ?? 0), 0))
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
  return printableCell(UNITS[unitOf(name)] ? name.replace(/_[a-z]+$/, '') : name)
    .replaceAll('_', ' ')
    .toUpperCase()
}

function cellText(name: string, cell: Cell): string {
  if (cell === undefined) return ''
  if (typeof cell === 'boolean') return cell ? 'yes' : 'no'
  if (typeof cell === 'string') return printableCell(cell)
  if (typeof cell === 'number') {
    const unit = UNITS[unitOf(name)]
    return unit ? formatQuantity(cell / unit.one, unit) : String(cell)
  }
  const texts = cell.map(entry => cellText(name, entry))
  if (texts.length <= LISTED) return texts.join(', ')
  return `${texts.slice(0, LISTED - 2).join(', ')} … ${texts[texts.length - 1]} (${texts.length})`
}
