/**
 * `scmi-lab run --each` and `--commits`: every patch of a series, or every commit of a range, builds and passes by itself. The
 * first that does not is named. What was wrong before a patch already is not the patch's.
 */
import { writeFileSync } from 'node:fs'
import { tableLines } from '../../src/observe/tables.js'
import { startProgress } from '../../src/support/progress.js'
import { readFaults } from '../devices/device.js'
import { filesIn, readPatch, splitSeries, subjectOf } from '../kernel/patches.js'
import { addedWarnings, warningsOf } from '../kernel/warnings.js'
import { shortId, type Worktree } from '../kernel/worktree.js'
import { tellProcessors } from '../machine/machine.js'
import { LabError, UntestableError, WorkError } from '../support/errors.js'
import { requireTools, TOOLS_FOR } from '../support/tools.js'
import { requireBoots } from './alive.js'
import { checkWritable, inWorktree, type RunArguments, runAndTell, selectEntries } from './commands.js'
import { findKernels, type KernelSelection } from './kernels.js'
import type { Entry } from './load.js'
import { differs, type ResultRecord, type RunRecord } from './record.js'
import { summaryText } from './report/text.js'

/** A patch or commit, with all before it. */
export interface Step {
  /** "2/3", or a commit's short id; "before" for what the series starts from. */
  name: string
  subject: string
  selection: KernelSelection
  /** The files that it changes. */
  files: string[]
}

export interface Verdict {
  name: string
  subject: string
  /** What is wrong with it; undefined: nothing. */
  fault?: string
  /** Warnings that it adds. */
  warnings: string[]
  run?: RunRecord
}

export interface EachArguments extends RunArguments {
  /** Each patch by itself. */
  each?: boolean
  /** The commits to try, A..B. */
  commits?: string
}

/** Tries every step in order. Throws WorkError that names the first that fails, UntestableError if what they start from fails. */
export async function runEach(words: string[], options: EachArguments, signal: AbortSignal): Promise<void> {
  const entries = await selectEntries(words, options)
  const [kernel, ...others] = options.kernels
  if (others.length > 0 || options.variants.length > 1)
    throw new LabError('--each and --commits go with one kernel of one variant')
  const { commits, base } = options
  if (commits !== undefined && base !== undefined) throw new LabError('--commits says where to start: leave out --base')
  if (commits === undefined && options.patches.length === 0)
    throw new LabError('--each goes with --patch, or give --commits A..B')
  const forOne = (['junit', 'report', 'lcov', 'baseline', 'shell', 'gdb'] as const).find(
    name => options[name] !== undefined,
  )
  if (options.coverage) throw new LabError('--coverage goes with one run: leave out --each and --commits')
  if (forOne) throw new LabError(`--${forOne} goes with one run: leave out --each and --commits`)
  checkWritable('--json', options.json)
  requireTools(...TOOLS_FOR.boot)
  const trial = await trialOf(entries, options, signal)
  const work = async (steps: Step[]) => tellVerdicts(await tryEach(steps, trial), options)
  if (commits === undefined && base === undefined) return work(patchSteps(options))
  await inWorktree(kernel!, signal, async worktree => {
    if (commits !== undefined) return work(await commitSteps(worktree, commits, options))
    const at = { worktree, commit: await worktree.resolve(base!, '--base') }
    return work(patchSteps({ ...options, at }))
  })
}

function patchSteps(options: KernelSelection): Step[] {
  const paths = splitSeries(options.patches)
  const patches = paths.map(readPatch)
  const after = (count: number): KernelSelection => ({ ...options, patches: paths.slice(0, count) })
  const steps = patches.map((patch, index) => ({
    name: `${index + 1}/${patches.length}`,
    subject: subjectOf(patch),
    selection: after(index + 1),
    files: filesIn(patch),
  }))
  return [{ name: 'before', subject: 'what the series is for', selection: after(0), files: [] }, ...steps]
}

async function commitSteps(worktree: Worktree, range: string, options: KernelSelection): Promise<Step[]> {
  const commits = await worktree.commitsOf(range, '--commits')
  const at = (commit: string): KernelSelection => ({ ...options, at: { worktree, commit } })
  const start = await worktree.resolve(`${commits[0]}^`, '--commits')
  const steps: Step[] = [{ name: 'before', subject: shortId(start), selection: at(start), files: [] }]
  for (const commit of commits) {
    const [subject, files] = await Promise.all([worktree.subject(commit), worktree.filesOf(commit)])
    steps.push({ name: shortId(commit), subject, selection: at(commit), files })
  }
  return steps
}

/** What is done with a step; tests do it without guests. */
export interface Trial {
  /** Builds and runs. Throws UntestableError if the kernel does not build, or does not boot. */
  run(step: Step): Promise<RunRecord>
  /** What the compiler says about files at a step. */
  warnings(step: Step, files: string[]): Promise<string[]>
  say(line: string): void
}

/** Tries each step in order. If the first, which is before the series, can't be tested, nothing can: its error ends it. */
export async function tryEach([start, ...steps]: Step[], { run, warnings, say }: Trial): Promise<Verdict[]> {
  const verdicts: Verdict[] = []
  let before = start!
  say(`--- ${before.name}: ${before.subject}`)
  let last = await run(before)
  for (const step of steps) {
    say(`--- ${step.name}: ${step.subject}`)
    const verdict: Verdict = { name: step.name, subject: step.subject, warnings: [] }
    verdicts.push(verdict)
    try {
      verdict.run = await run(step)
      const said = await warnings(step, step.files)
      if (said.length > 0) verdict.warnings = addedWarnings(await warnings(before, step.files), said)
      for (const line of verdict.warnings) say(`adds a warning: ${line}`)
      const worse = newlyDiffering(verdict.run, last).map(({ scenario }) => scenario)
      if (worse.length > 0) verdict.fault = `differs in ${worse.join(', ')}`
      last = verdict.run
      before = step
    } catch (error) {
      if (!(error instanceof UntestableError)) throw error
      verdict.fault = error.message
      say(error.message)
    }
  }
  return verdicts
}

async function trialOf(entries: Entry[], options: EachArguments, signal: AbortSignal): Promise<Trial> {
  const rules = options.faults === undefined ? [] : await readFaults(options.faults)
  tellProcessors()
  return {
    say: options.ktap ? console.error : console.log,
    async run({ selection }) {
      const kernels = await findKernels(selection, signal)
      const { run, results } = await runAndTell(entries, kernels, { ...options, rules }, signal)
      if (run.results.some(differs)) await requireBoots(results, signal)
      return run
    },
    async warnings({ selection }, files) {
      const progress = startProgress('warnings')
      const { kernels, patches, variants, configs = [], at } = selection
      const request = { source: kernels[0]!, option: '--kernel', patches, variant: variants[0]!, fragments: configs }
      const found = await warningsOf({ ...request, ...(at ? { at } : {}) }, files, { signal, progress })
      for (const file of found.notCompiled) progress.note(`this configuration does not compile ${file}`)
      return found.lines
    },
  }
}

/** Results that differ from the records, and did not differ in the same way before. */
function newlyDiffering(now: RunRecord, before: RunRecord): ResultRecord[] {
  const failed = ({ failures }: ResultRecord): string => JSON.stringify(failures.map(({ what }) => what))
  const earlier = new Map(before.results.map(result => [result.scenario, result]))
  return now.results.filter(result => {
    const other = earlier.get(result.scenario)
    return differs(result) && !(other && differs(other) && failed(other) === failed(result))
  })
}

function tellVerdicts(verdicts: Verdict[], { json, ktap }: EachArguments): void {
  const say = ktap ? console.error : console.log
  const rows = verdicts.map(({ name, subject, fault, warnings, run }) => ({
    patch: name,
    warnings: warnings.length === 0 ? '-' : `+${warnings.length}`,
    scenarios: run ? summaryText(run) : '-',
    verdict: fault === undefined ? 'ok' : fault.split('\n')[0]!,
    subject,
  }))
  say('')
  for (const line of tableLines(rows)) say(line)
  const first = verdicts.find(({ fault }) => fault !== undefined)
  if (json)
    writeFileSync(
      json,
      `${JSON.stringify({ format: 'scmi-lab each 1', first: first?.name ?? null, steps: verdicts }, null, 1)}\n`,
    )
  if (first)
    throw new WorkError(`the first that fails is ${first.name}, "${first.subject}": ${first.fault!.split('\n')[0]}`)
  say(`all ${verdicts.length} build and pass`)
}
