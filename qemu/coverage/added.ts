/** The lines that patches add: which of them never ran, and which scenario came nearest. */
import type { Counters } from './counters.js'
import type { FileCoverage } from './gcov.js'
import { type CountingKernel, coverageOf, sourceLines } from './kernel.js'

export interface AddedLines {
  /** Lines that the patches add, in all files. */
  all: number
  /** Those with code that is counted. */
  code: number
  /** Those with code that never ran. */
  missed: MissedLine[]
  /** Files of C that are not counted, because they are neither SCMI's nor compiled. */
  uncounted: string[]
}

export interface MissedLine {
  file: string
  line: number
  text: string
  /** The scenario that came nearest; undefined if none called the function. */
  nearest?: Nearest
}

export interface Nearest {
  scenario: string
  /** The last line above in the same function that it ran. */
  line: number
}

/** Counters of a scenario. */
export interface Ran {
  scenario: string
  counters: Counters
}

export async function addedLines(
  kernel: CountingKernel,
  files: readonly FileCoverage[],
  ran: readonly Ran[],
): Promise<AddedLines> {
  const numbers = Object.entries(kernel.added)
  const coverage = new Map(files.map(file => [file.file, file]))
  const missed = numbers.flatMap(([file, lines]) => missedOf(coverage.get(file), lines))
  const places = new Set(missed.map(({ file }) => file.file))
  const scenarios = places.size === 0 ? [] : await byScenario(kernel, places, ran)
  return {
    all: numbers.reduce((sum, [, lines]) => sum + lines.length, 0),
    code: numbers.reduce((sum, [file, lines]) => sum + codeOf(coverage.get(file), lines).length, 0),
    missed: missed.map(({ file, line }) => {
      const nearest = nearestTo(file, line, scenarios)
      const text = sourceLines(kernel, file.file)[line - 1] ?? ''
      return { file: file.file, line, text: text.trim(), ...(nearest ? { nearest } : {}) }
    }),
    uncounted: numbers
      .filter(([file, lines]) => /\.[ch]$/.test(file) && lines.length > 0 && !coverage.has(file))
      .map(([file]) => file),
  }
}

const codeOf = (file: FileCoverage | undefined, lines: readonly number[]): number[] =>
  lines.filter(line => file?.lines.has(line))

const missedOf = (file: FileCoverage | undefined, lines: readonly number[]): { file: FileCoverage; line: number }[] =>
  codeOf(file, lines)
    .filter(line => file!.lines.get(line)!.count === 0)
    .map(line => ({ file: file!, line }))

interface OfScenario {
  scenario: string
  files: FileCoverage[]
}

/** What each scenario ran of these files. gcov is asked only for the units that have them. */
async function byScenario(
  kernel: CountingKernel,
  files: ReadonlySet<string>,
  ran: readonly Ran[],
): Promise<OfScenario[]> {
  const names = [...files]
  // A header's lines may be in any unit.
  const hasHeader = names.some(name => name.endsWith('.h'))
  const units = hasHeader ? kernel.units : kernel.units.filter(unit => files.has(`${unit}.c`))
  const found: OfScenario[] = []
  for (const { scenario, counters } of ran) found.push({ scenario, files: await coverageOf(kernel, counters, units) })
  return found
}

/** The scenario that ran the last line above; of several the one that ran most of the function. */
export function nearestTo(file: FileCoverage, line: number, scenarios: readonly OfScenario[]): Nearest | undefined {
  const inside = file.functions.filter(({ start, end }) => start <= line && line <= end)
  const within = inside.sort((a, b) => b.start - a.start)[0]
  if (!within) return undefined
  const candidates = scenarios.flatMap(({ scenario, files }) => {
    const lines = files.find(other => other.file === file.file)?.lines ?? new Map<number, { count: number }>()
    const own = [...lines].filter(([number, { count }]) => number >= within.start && number <= within.end && count > 0)
    const above = own.map(([number]) => number).filter(number => number < line)
    return above.length === 0 ? [] : [{ scenario, line: Math.max(...above), ran: own.length }]
  })
  const [best] = candidates.sort((a, b) => b.line - a.line || b.ran - a.ran)
  return best && { scenario: best.scenario, line: best.line }
}
