/** A result as text for a terminal. */
import { tableLines } from '../observe/tables.js'
import type { Row } from '../protocols/declaration/protocol.js'
import type { Cell, Ratio, Result } from './result.js'
import { rounded } from './statistics.js'

/** `1.94 M/s` */
export function rateText(rate: number): string {
  if (rate >= 1e6) return `${rounded(rate / 1e6)} M/s`
  return rate >= 1e3 ? `${rounded(rate / 1e3)} k/s` : `${rounded(rate)} /s`
}

/** `0.71 (0.65–0.74)`: median, minimum and maximum over the rounds. */
export function ratioText({ median, min, max }: Ratio): string {
  return `${median} (${min}–${max})`
}

const measured = (cells: readonly Cell[]): Cell[] => cells.filter(({ ratios }) => ratios)

/** The value as text if it differs between cells; otherwise empty. */
function distinguishing<T>(cells: readonly Cell[], value: (cell: Cell) => T): (cell: Cell) => T | undefined {
  const all = new Set(cells.map(value))
  return cell => (all.size > 1 ? value(cell) : undefined)
}

function rowsOf(cells: readonly Cell[]): Row[] {
  const rows = measured(cells)
  const backEnd = distinguishing(rows, cell => cell.backEnd)
  const descriptors = distinguishing(rows, cell => cell.scenario.descriptors)
  const eventIdx = distinguishing(rows, cell => cell.scenario.eventIdx)
  const guests = distinguishing(rows, cell => cell.scenario.guests)
  const cores = distinguishing(rows, cell => cell.scenario.cores)
  return rows.map(cell => ({
    back_end: backEnd(cell),
    front_end: cell.scenario.wait,
    descriptors: descriptors(cell),
    event_idx: eventIdx(cell),
    guests: guests(cell),
    cores: cores(cell),
    mix: cell.scenario.mix,
    depth: cell.scenario.depth,
    rate: rateText(cell.rate),
    '×_busy_loop': cell.ratios && ratioText(cell.ratios.busyLoop),
    '×_native_floor': cell.ratios && ratioText(cell.ratios.nativeFloor),
    '×_event_loop': cell.ratios && ratioText(cell.ratios.eventLoop),
    fairness: cell.fairness && ratioText(cell.fairness),
    p50_us: cell.latencyUs.p50,
    p99_us: cell.latencyUs.p99,
    'p99.9_us': cell.latencyUs.p999,
    max_us: cell.latencyUs.max,
    cpu_us: cell.cpuUs.backEnd,
  }))
}

function gcLine(cells: readonly Cell[]): string {
  const known = cells.flatMap(({ gc }) => (gc ? [gc] : []))
  const pauses = known.reduce((sum, gc) => sum + gc.pauses, 0)
  const longest = Math.max(0, ...known.map(gc => gc.maxMs))
  return pauses === 0
    ? 'garbage collection: none during the measurement'
    : `garbage collection: ${pauses} pauses during the measurement, the longest ${longest} ms`
}

function startupLines({ startup }: Result): string[] {
  return startup.map(({ platform, acceptingMs, cpuMs, nodeMs }) => {
    const [fastest, slowest] = [Math.min(...acceptingMs), Math.max(...acceptingMs)]
    return `start-up of ${platform}: accepts connections ${fastest} to ${slowest} ms after exec, ${cpuMs} ms of CPU time; Node alone takes ${nodeMs} ms`
  })
}

function memoryLine({ memory }: Result): string[] {
  if (!memory) return []
  const { guests, oneGuestKb, perFurtherGuestKb } = memory
  const one = `${rounded(oneGuestKb / 1024)} MB resident with one guest`
  return [`memory: ${one}, ${perFurtherGuestKb} kB more for each further one (of ${guests}), without guest memory`]
}

/** The whole result: machine, table, and other measurements. */
export function resultLines(result: Result): string[] {
  const { machine, settings } = result
  const ms = settings.measureMs
  return [
    `${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}, Node ${machine.node}`,
    `noise: load ${machine.load.join(' before, ')} after, ${machine.stealPercent} % stolen, ${machine.othersPercent} % used by others`,
    `platform ${settings.platform}, --poll-us ${settings.pollUs}, ${settings.rounds} rounds of ${ms} ms each`,
    '',
    ...tableLines(rowsOf(result.cells)),
    '',
    gcLine(result.cells),
    ...startupLines(result),
    ...memoryLine(result),
  ]
}
