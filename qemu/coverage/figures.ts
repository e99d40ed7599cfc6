/** Coverage in figures: of files, and of all of them. */
import type { FileCoverage } from './gcov.js'

/** How many there are, and how many of them ran. */
export interface Share {
  all: number
  ran: number
}

export interface Figures {
  lines: Share
  functions: Share
  branches: Share
}

const shareOf = (counts: readonly number[]): Share => ({
  all: counts.length,
  ran: counts.filter(count => count > 0).length,
})

export const figuresOf = ({ lines, functions }: FileCoverage): Figures => ({
  lines: shareOf([...lines.values()].map(({ count }) => count)),
  functions: shareOf(functions.map(({ count }) => count)),
  branches: shareOf([...lines.values()].flatMap(({ branches }) => branches)),
})

export function sumOf(figures: readonly Figures[]): Figures {
  const sum = (kind: keyof Figures): Share => ({
    all: figures.reduce((total, each) => total + each[kind].all, 0),
    ran: figures.reduce((total, each) => total + each[kind].ran, 0),
  })
  return { lines: sum('lines'), functions: sum('functions'), branches: sum('branches') }
}

/** In per cent with one digit, rounded down: 100.0 means all. */
export const percent = ({ all, ran }: Share): string =>
  all === 0 ? '-' : (Math.floor((ran / all) * 1000) / 10).toFixed(1)

/** The lines with code that never ran, in order. */
export const missedLines = ({ lines }: FileCoverage): number[] =>
  [...lines]
    .filter(([, { count }]) => count === 0)
    .map(([number]) => number)
    .sort((a, b) => a - b)

/** Numbers as ranges: 3-5 9. Those with nothing but `between` numbers that are not in `known` are one range. */
export function rangesOf(numbers: readonly number[], known: { has(number: number): boolean }): string {
  const ranges: [number, number][] = []
  for (const number of numbers) {
    const last = ranges.at(-1)
    const follows = last && !between(last[1], number).some(other => known.has(other))
    if (follows) last[1] = number
    else ranges.push([number, number])
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(' ')
}

const between = (from: number, to: number): number[] => Array.from({ length: to - from - 1 }, (_, i) => from + 1 + i)
