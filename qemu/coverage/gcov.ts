/** Has gcov say what counters mean: lines, functions and branches of each file that ran. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { run } from '../support/process.js'
import { crossTool } from '../support/tools.js'
import { type Counters, countersFile, notesHeader } from './counters.js'

/** What gcov prints with --json-format: a line for each unit. */
const gcovUnit = z.object({
  files: z.array(
    z.object({
      file: z.string(),
      functions: z.array(
        z.object({
          name: z.string(),
          start_line: z.number(),
          end_line: z.number(),
          execution_count: z.number(),
        }),
      ),
      lines: z.array(
        z.object({
          line_number: z.number(),
          count: z.number(),
          branches: z.array(z.object({ count: z.number() })),
        }),
      ),
    }),
  ),
})

export interface FunctionCoverage {
  name: string
  /** The first and the last line. */
  start: number
  end: number
  count: number
}

/** How often each line of code ran; `branches`: how often each way was taken from it. */
export interface LineCoverage {
  count: number
  branches: number[]
}

export interface FileCoverage {
  /** Path in the tree. */
  file: string
  functions: FunctionCoverage[]
  /** By number; only lines with code. */
  lines: Map<number, LineCoverage>
}

export interface GcovJob {
  /** Has the units' notes and sources. */
  folder: string
  /** Units to tell about, by path without suffix. */
  units: readonly string[]
  /** Paths in the tree of the files to tell about; others, such as the kernel's headers, are left out. */
  files: readonly string[]
  /** Major version of the compiler. */
  gcc: number
}

export async function readCoverage(
  { folder, units, files, gcc }: GcovJob,
  counters: Counters,
): Promise<FileCoverage[]> {
  if (units.length === 0) return []
  const home = mkdtempSync(join(tmpdir(), 'scmi-lab-gcov-'))
  try {
    for (const unit of units) {
      const notes = join(folder, `${unit}.gcno`)
      mkdirSync(dirname(join(home, unit)), { recursive: true })
      symlinkSync(notes, join(home, `${unit}.gcno`))
      const bytes = countersFile(counters.get(unit) ?? new Map(), notesHeader(readFileSync(notes)), gcc)
      writeFileSync(join(home, `${unit}.gcda`), bytes)
    }
    const words = ['--json-format', '--stdout', '--branch-probabilities', ...units.map(unit => `${unit}.gcda`)]
    const output = await run(crossTool('gcov'), words, { cwd: home })
    const found = output.split('\n').filter(line => line.startsWith('{'))
    return merge(
      found.flatMap(line => gcovUnit.parse(JSON.parse(line)).files),
      files,
    )
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

type GcovFile = z.infer<typeof gcovUnit>['files'][number]

/** Units have headers in common: their lines and functions are added up. */
function merge(found: readonly GcovFile[], files: readonly string[]): FileCoverage[] {
  const merged = new Map<string, FileCoverage>()
  for (const { file: path, functions, lines } of found) {
    const file = files.find(file => path === file || path.endsWith(`/${file}`))
    if (file === undefined) continue
    const into: FileCoverage = merged.get(file) ?? { file, functions: [], lines: new Map() }
    merged.set(file, into)
    for (const { name, start_line: start, end_line: end, execution_count: count } of functions) {
      const known = into.functions.find(other => other.name === name && other.start === start)
      if (known) known.count += count
      else into.functions.push({ name, start, end, count })
    }
    for (const line of lines) addLine(into.lines, line)
  }
  return [...merged.values()].sort((a, b) => (a.file < b.file ? -1 : 1))
}

function addLine(lines: Map<number, LineCoverage>, { line_number, count, branches }: GcovFile['lines'][number]): void {
  const known = lines.get(line_number)
  const counts = branches.map(branch => branch.count)
  if (!known) return void lines.set(line_number, { count, branches: counts })
  known.count += count
  // Compiled in several units, perhaps differently: the ways are told apart only where their number is the same.
  if (known.branches.length === counts.length) known.branches = known.branches.map((sum, i) => sum + counts[i]!)
  else known.branches = [...known.branches, ...counts]
}
