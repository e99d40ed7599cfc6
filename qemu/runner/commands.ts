/** `scmi-lab list` and `scmi-lab run`. */
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { basename, resolve } from 'node:path'
import colors from 'picocolors'
import type { FaultRule } from '../../src/faults/rules/rule.js'
import { tableLines } from '../../src/observe/tables.js'
import { whyUnwritable } from '../../src/support/path-error.js'
import { type Progress, startProgress } from '../../src/support/progress.js'
import { tellDebugger } from '../boot/debugger.js'
import { lcovText } from '../coverage/lcov.js'
import { readFaults } from '../devices/device.js'
import type { Guest } from '../guest/guest.js'
import { type Worktree, withWorktree } from '../kernel/worktree.js'
import { processorsText, tellProcessors } from '../machine/machine.js'
import { target } from '../support/architectures.js'
import { LabError, WorkError } from '../support/errors.js'
import { shellLine } from '../support/process.js'
import { programVersion, requireTools, TOOLS_FOR } from '../support/tools.js'
import { requireBoots } from './alive.js'
import { compare } from './baseline.js'
import { coverageOfRun, type RunCoverage } from './coverage.js'
import { findKernels, type KernelSelection, type TestKernel } from './kernels.js'
import { type Entry, isQuick, ownScenarios, scenariosOf, select } from './load.js'
import { differs, makeRunRecord, type ResultRecord, type RunRecord, readRunRecord, resultRecord } from './record.js'
import { coverageText } from './report/coverage.js'
import { findingsTable } from './report/findings.js'
import { htmlText } from './report/html.js'
import { junitText } from './report/junit.js'
import { ktapText } from './report/ktap.js'
import { resultLine, resultText, summaryText, tableText } from './report/text.js'
import { type Result, runSuite } from './suite.js'
import { shellOnTerminal } from './terminal.js'

export interface RunArguments extends KernelSelection {
  /** Guests at once; default: one per core. */
  jobs?: number
  /** A folder of the user's scenarios, instead of the lab's. */
  scenarios?: string
  /** A commit of the kernel, which is a git tree: it is tested instead of the files as they are. */
  base?: string
  /** A file of fault rules for all devices. */
  faults?: string
  /** This share of the scenarios. */
  shard?: Shard
  /** KTAP on standard output, instead of text. */
  ktap?: boolean
  /** Files to write. */
  junit?: string
  json?: string
  report?: string
  lcov?: string
  /** An earlier run's `json` file, to compare with. */
  baseline?: string
  /** The guest waits for a debugger on this port. */
  gdb?: number
  /** Ends in the guest's shell: where the scenario fails, or at its end. */
  shell?: boolean
}

export interface Shard {
  index: number
  of: number
}

const findScenarios = (folder?: string): Promise<Entry[]> => (folder ? scenariosOf(folder) : ownScenarios())

export interface ListArguments {
  json: boolean
  /** The table of known findings, instead of the scenarios. */
  findings: boolean
  scenarios?: string
}

export async function listScenarios(words: string[], options: ListArguments): Promise<void> {
  const entries = select(await findScenarios(options.scenarios), words)
  if (options.findings) return console.log(findingsTable(entries))
  const list = entries.map(({ name, scenario }) => ({ name, summary: scenario.summary, tags: scenario.tags ?? [] }))
  if (options.json) return console.log(JSON.stringify(list, null, 2))
  for (const line of tableLines(list)) console.log(line)
}

/** The scenarios that a command line names. */
export async function selectEntries(
  words: string[],
  { scenarios, shard }: Pick<RunArguments, 'scenarios' | 'shard'>,
): Promise<Entry[]> {
  const found = select(await findScenarios(scenarios), words)
  const selected = words.length === 0 ? found.filter(isQuick) : found
  return shard ? shareOf(selected, shard) : selected
}

/**
 * Runs scenarios and prints each outcome. Throws WorkError if any differs from the records, and UntestableError if a kernel
 * does not build, or does not boot for reasons of its own.
 */
export async function runFromArguments(words: string[], options: RunArguments, signal: AbortSignal): Promise<void> {
  const entries = await selectEntries(words, options)
  const kernelCount = options.kernels.length * options.variants.length
  if (options.shell && (entries.length !== 1 || kernelCount !== 1)) {
    throw new LabError('--shell goes with one scenario and one kernel')
  }
  if (options.gdb !== undefined && (entries.length !== 1 || kernelCount !== 1)) {
    throw new LabError('--gdb goes with one scenario and one kernel')
  }
  const baseline = options.baseline === undefined ? undefined : readRunRecord(options.baseline)
  if (options.lcov !== undefined && !options.coverage) throw new LabError('--lcov goes with --coverage')
  for (const name of ['json', 'junit', 'report', 'lcov'] as const) checkWritable(`--${name}`, options[name])
  requireTools(...TOOLS_FOR.boot, ...(options.coverage ? (['compiler'] as const) : []))
  const faults = options.faults === undefined ? [] : await readFaults(options.faults)
  const { base, gdb } = options
  const wanted = { ...options, debugInfo: gdb !== undefined }
  const kernels = await (base === undefined ? findKernels(wanted, signal) : kernelsAt(base, wanted, signal))
  tellProcessors()
  // After all errors: those have one line.
  if (words.length === 0) console.error('without the scenarios that only "run all" has')
  if (gdb !== undefined) tellDebugger(kernels[0]!.image, gdb)
  if (options.faults !== undefined)
    console.error(`fault rules: ${faults.length} of ${options.faults}, in every scenario`)
  const { run, results, coverage } = await runAndTell(entries, kernels, { ...options, rules: faults }, signal)
  const changes = baseline && compare(run, baseline)
  if (options.ktap) process.stdout.write(ktapText(run))
  if (options.json) writeFileSync(options.json, `${JSON.stringify(run, null, 1)}\n`)
  if (options.junit) writeFileSync(options.junit, junitText(run))
  if (options.report) writeFileSync(options.report, htmlText(run, changes, coverage))
  if (options.lcov) writeFileSync(options.lcov, coverage.map(lcovOf).join(''))
  const say = options.ktap ? console.error : console.log
  const table = tableText(run)
  if (table) say(`\n${table}\n`)
  for (const { record } of coverage) say(`\n${coverageText(record)}\n`)
  if (changes) for (const line of changeLines(changes)) say(line)
  if (run.results.some(differs)) {
    await requireBoots(results, signal)
    throw new WorkError(summaryText(run))
  }
  say(summaryText(run))
}

/** The kernels of one commit of a git tree. */
export function kernelsAt(base: string, selection: KernelSelection, signal: AbortSignal): Promise<TestKernel[]> {
  const [kernel, ...others] = selection.kernels
  if (others.length > 0) throw new LabError('--base goes with one --kernel, a git tree')
  return inWorktree(kernel!, signal, async worktree =>
    findKernels({ ...selection, at: { worktree, commit: await worktree.resolve(base, '--base') } }, signal),
  )
}

/** Runs `work` with a worktree of a git tree, and shows what takes long. */
export async function inWorktree<T>(
  kernel: string,
  signal: AbortSignal,
  work: (worktree: Worktree) => Promise<T>,
): Promise<T> {
  const progress = startProgress(kernel)
  try {
    return await withWorktree(kernel, { signal, progress }, work)
  } finally {
    progress.stop()
  }
}

const lcovOf = ({ files, counting, kernel }: RunCoverage): string => lcovText(files, counting.folder, kernel.label)

/** Reports files that cannot be written before minutes of work. */
export function checkWritable(option: string, path: string | undefined): void {
  if (path === undefined) return
  try {
    closeSync(openSync(path, 'a'))
  } catch (error) {
    throw new LabError(`${option} ${path}: ${whyUnwritable(error, path)}`)
  }
}

const shareOf = (entries: readonly Entry[], { index, of }: Shard): Entry[] =>
  entries.filter((_, position) => position % of === index - 1)

function changeLines(changes: ReturnType<typeof compare>): string[] {
  if (changes.length === 0) return ['since the baseline: nothing changed']
  return [
    'since the baseline:',
    ...tableLines(changes.map(({ kind, scenario, kernel, text }) => ({ kind, scenario, kernel, text }))),
  ]
}

export async function runAndTell(
  entries: readonly Entry[],
  kernels: readonly TestKernel[],
  options: RunArguments & { rules: FaultRule[] },
  signal: AbortSignal,
): Promise<{ run: RunRecord; results: Result[]; coverage: RunCoverage[] }> {
  const began = new Date()
  const progress = startProgress('run')
  const board = new Board(progress, entries.length * kernels.length)
  const records = new Map<Result, ResultRecord>()
  const toRecord = (result: Result) => resultRecord(result, reproduceLine(result.entry, result.kernel, options))
  const say = (text: string) => {
    progress.clear()
    ;(options.ktap ? console.error : console.log)(text)
  }
  try {
    const results = await runSuite(entries, kernels, {
      jobs: options.jobs ?? availableParallelism(),
      faults: options.rules,
      gdb: options.gdb,
      signal,
      onStep: (entry, kernel, step) => board.step(`${entry.name} (${kernel.label})`, step),
      onResult(result) {
        const record = toRecord(result)
        records.set(result, record)
        board.done(`${record.scenario} (${record.kernel})`)
        say(options.shell ? resultLine(record) : resultText(record))
      },
      ...(options.shell
        ? {
            async onEnd(guest, result) {
              say(resultText(toRecord(result)))
              await offerShell(guest, result)
            },
          }
        : {}),
    })
    const command = shellLine(['scmi-lab', ...process.argv.slice(2)])
    const ordered = results.map(result => records.get(result)!)
    const coverage = await coverageOfRun(kernels, results)
    const facts = { began, command, versions: versions(), coverage: coverage.map(({ record }) => record) }
    return { run: makeRunRecord(kernels, ordered, facts), results, coverage }
  } finally {
    progress.stop()
  }
}

/** The text of the progress line. */
class Board {
  readonly #progress: Progress
  readonly #total: number
  readonly #running = new Map<string, string>()
  #done = 0

  constructor(progress: Progress, total: number) {
    this.#progress = progress
    this.#total = total
  }

  step(name: string, step: string): void {
    this.#running.set(name, step)
    this.#show()
  }

  done(name: string): void {
    this.#done++
    this.#running.delete(name)
    this.#show()
  }

  #show(): void {
    const now = [...this.#running].map(([name, step]) => `${name}: ${step}`).join(' | ')
    this.#progress.update(`${this.#done} of ${this.#total}`, this.#done / this.#total, now)
  }
}

async function offerShell(guest: Guest, { failures }: Result): Promise<void> {
  if (!guest.vm.isRunning || guest.vm.hasPanicked) return console.error('The guest is dead: there is no shell.')
  const where = failures.length > 0 ? 'where the scenario failed' : 'at the end of the scenario, which has not failed'
  console.error(colors.bold(`\nA shell in the guest, ${where}. Leave with "exit" or Ctrl-A X.`))
  await shellOnTerminal(guest)
}

/** The command that runs this scenario again and stops in a shell. */
function reproduceLine({ name }: Entry, { words }: TestKernel, { scenarios, faults }: RunArguments): string {
  const folder = scenarios ? ['--scenarios', resolve(scenarios)] : []
  const rules = faults === undefined ? [] : ['--faults', resolve(faults)]
  return shellLine([...program(), 'run', name, ...words, ...folder, ...rules, '--shell'])
}

/** How this program was called. */
function program(): string[] {
  const script = process.argv[1]!
  if (script.includes('/node_modules/.bin/')) return ['npx', 'scmi-lab']
  return basename(script) === 'scmi-lab' ? ['scmi-lab'] : ['node', script]
}

function versions(): Record<string, string> {
  const { version } = createRequire(import.meta.url)('#root/package.json') as { version: string }
  return {
    'vhost-user-scmi': version,
    QEMU: programVersion(target().qemu).text,
    processors: processorsText(),
    Node: process.version,
  }
}
