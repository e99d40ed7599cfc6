/**
 * `scmi-lab bisect`: finds the commit since which scenarios fail, by git bisect in a worktree. The verdict is made of
 * expectations: a commit is bad if one is not met that the good end meets and the bad end does not. Records of releases do
 * not count, because they are about releases, not about commits.
 */
import { startProgress } from '../../src/support/progress.js'
import { type At, shortId, type Worktree } from '../kernel/worktree.js'
import { tellProcessors } from '../machine/machine.js'
import { InterruptedError, LabError, UntestableError, WorkError } from '../support/errors.js'
import { shellLine } from '../support/process.js'
import { requireTools, TOOLS_FOR } from '../support/tools.js'
import { requireBoots } from './alive.js'
import { inWorktree, selectEntries } from './commands.js'
import { findKernels, type KernelSelection } from './kernels.js'
import type { Entry } from './load.js'
import { runSuite } from './suite.js'

export interface BisectArguments extends Omit<KernelSelection, 'kernels' | 'at'> {
  /** A git tree. */
  kernel: string
  good: string
  bad: string
  jobs: number
  scenarios?: string
  json: boolean
}

type Word = 'good' | 'bad' | 'skip'

export interface BisectStep {
  commit: string
  subject: string
  verdict: Word
  /** Why: what failed, or why it can't be tested. */
  why: string
  /** The command that tests this commit. */
  command: string
}

export interface BisectResult {
  format: 'scmi-lab bisect 1'
  /** The first bad commit; null: only commits are left that can't be tested. */
  first: { commit: string; subject: string } | null
  /** If there is no first one: it is one of these. */
  candidates: string[]
  /** What fails at the bad end and not at the good one. */
  symptom: string[]
  steps: BisectStep[]
  /** What git wrote down: `git bisect replay` reads it. */
  log: string
}

/** Bisects and prints the result. Throws UntestableError if untestable commits are in the way. */
export async function bisectFromArguments(
  words: string[],
  options: BisectArguments,
  signal: AbortSignal,
): Promise<void> {
  const entries = await selectEntries(words, options)
  requireTools(...TOOLS_FOR.boot)
  tellProcessors()
  const result = await inWorktree(options.kernel, signal, worktree => {
    const test = (commit: string) => testCommit(entries, options, { worktree, commit }, signal)
    return new Bisection(worktree, test, words, options, signal).run()
  })
  if (options.json) console.log(JSON.stringify(result, null, 1))
  else for (const line of resultLines(result)) console.log(line)
  if (!result.first)
    throw new UntestableError(`what is left can't be tested: it is one of ${result.candidates.map(shortId).join(', ')}`)
}

/** Drives git bisect. */
export class Bisection {
  readonly #worktree: Worktree
  readonly #test: (commit: string) => Promise<Set<string>>
  readonly #words: string[]
  readonly #options: BisectArguments
  readonly #signal: AbortSignal
  readonly #steps: BisectStep[] = []

  /** `test` resolves to what fails at a commit, as "SCENARIO: EXPECTATION", or throws UntestableError. */
  constructor(
    worktree: Worktree,
    test: (commit: string) => Promise<Set<string>>,
    words: string[],
    options: BisectArguments,
    signal: AbortSignal,
  ) {
    this.#worktree = worktree
    this.#test = test
    this.#words = words
    this.#options = options
    this.#signal = signal
  }

  async run(): Promise<BisectResult> {
    const tree = this.#worktree
    const [good, bad] = [
      await tree.resolve(this.#options.good, '--good'),
      await tree.resolve(this.#options.bad, '--bad'),
    ]
    const symptom = await this.#symptom(good, bad)
    await this.#open(good)
    let said = await this.#git('start', '--no-checkout', bad, good)
    while (!isOver(said)) {
      const commit = await tree.resolve('BISECT_HEAD', '--bad')
      console.error(`bisect: ${/^Bisecting: (.*)$/m.exec(said)?.[1] ?? 'the next commit'}`)
      const verdict = await this.#judge(commit, symptom)
      said = await this.#git(verdict)
    }
    const log = await tree.git(['bisect', 'log'])
    const commit = /^([0-9a-f]{40,}) is the first bad commit$/m.exec(said)?.[1]
    const first = commit === undefined ? null : { commit, subject: await tree.subject(commit) }
    const candidates = first ? [] : (said.match(/^[0-9a-f]{40,}$/gm) ?? [])
    return { format: 'scmi-lab bisect 1', first, candidates, symptom: [...symptom], steps: this.#steps, log }
  }

  /** The worktree may not be there yet: kernels of both ends may be in the cache. git bisect's state belongs to it. */
  async #open(commit: string): Promise<void> {
    const progress = startProgress('bisect')
    try {
      await this.#worktree.checkOut(commit, { signal: this.#signal, progress })
    } finally {
      progress.stop()
    }
  }

  /** git's status is 2 when only skipped commits are left, which its words say, too. */
  async #git(...words: string[]): Promise<string> {
    try {
      return await this.#worktree.git(['bisect', ...words], this.#signal)
    } catch (error) {
      if (error instanceof WorkError && isOver(error.message)) return error.message
      throw error
    }
  }

  /** What fails at the bad end and not at the good one. Throws LabError if there is nothing. */
  async #symptom(good: string, bad: string): Promise<Set<string>> {
    const atBad = await this.#test(bad)
    if (atBad.size === 0) {
      throw new LabError(
        `--bad ${this.#options.bad}: nothing fails there; name a commit where ${this.#words.join(' ')} fails`,
      )
    }
    const atGood = await this.#test(good)
    const symptom = new Set([...atBad].filter(text => !atGood.has(text)))
    if (symptom.size === 0) {
      throw new LabError(
        `--good ${this.#options.good}: the same fails there (${[...atBad].join('; ')}); name an earlier commit`,
      )
    }
    await this.#tell(bad, 'bad', [...symptom].join('; '))
    await this.#tell(good, 'good', 'none of this fails')
    return symptom
  }

  async #judge(commit: string, symptom: ReadonlySet<string>): Promise<Word> {
    try {
      const failed = await this.#test(commit)
      const seen = [...failed].filter(text => symptom.has(text))
      if (seen.length > 0) return await this.#tell(commit, 'bad', seen.join('; '))
      // A scenario that fails earlier than the symptom does not say whether it is there.
      const blocked = [...failed].filter(text => [...symptom].some(other => scenarioOf(other) === scenarioOf(text)))
      if (blocked.length > 0) return await this.#tell(commit, 'skip', `something else fails: ${blocked.join('; ')}`)
      return await this.#tell(commit, 'good', 'the symptom is not there')
    } catch (error) {
      if (!(error instanceof UntestableError)) throw error
      return this.#tell(commit, 'skip', error.message)
    }
  }

  async #tell(commit: string, verdict: Word, why: string): Promise<Word> {
    if (this.#signal.aborted) throw new InterruptedError()
    const step = { commit, subject: await this.#worktree.subject(commit), verdict, why, command: this.#command(commit) }
    this.#steps.push(step)
    if (!this.#options.json) for (const line of stepLines(step)) console.log(line)
    return verdict
  }

  #command(commit: string): string {
    const { patches, variants, configs = [], scenarios } = this.#options
    const more = [
      ...patches.flatMap(path => ['--patch', path]),
      ...variants.flatMap(name => ['--variant', name]),
      ...configs.flatMap(path => ['--config', path]),
      ...(scenarios === undefined ? [] : ['--scenarios', scenarios]),
    ]
    return shellLine([
      'scmi-lab',
      'run',
      ...this.#words,
      '--kernel',
      this.#worktree.repository,
      '--base',
      commit,
      ...more,
    ])
  }
}

/** What fails at a commit: "SCENARIO: EXPECTATION". Throws UntestableError. */
async function testCommit(
  entries: Entry[],
  { kernel, jobs, ...selection }: BisectArguments,
  at: At,
  signal: AbortSignal,
): Promise<Set<string>> {
  const kernels = await findKernels({ ...selection, kernels: [kernel], at }, signal)
  const progress = startProgress(shortId(at.commit))
  let done = 0
  try {
    const results = await runSuite(entries, kernels, {
      jobs,
      signal,
      onStep: ({ name }, _, step) => progress.update(`${done} of ${entries.length}`, undefined, `${name}: ${step}`),
      onResult: () => done++,
    })
    if (results.every(({ misfit }) => misfit !== undefined)) {
      throw new UntestableError(`no scenario is for this kernel: ${results[0]!.misfit}`)
    }
    await requireBoots(results, signal)
    return new Set(results.flatMap(({ entry, failures }) => failures.map(({ what }) => `${entry.name}: ${what}`)))
  } finally {
    progress.stop()
  }
}

const scenarioOf = (text: string): string => text.slice(0, text.indexOf(': '))

const isOver = (said: string): boolean => /is the first bad commit|only 'skip'ped commits left/.test(said)

const stepLines = ({ commit, subject, verdict, why, command }: BisectStep): string[] => [
  `${verdict.padEnd(5)} ${shortId(commit)} ${subject}`,
  `      ${why.split('\n').slice(0, 3).join('\n      ')}`,
  `      ${command}`,
]

function resultLines({ first, log }: BisectResult): string[] {
  return ['', log.trimEnd(), '', ...(first ? [`${first.commit} is the first bad commit: ${first.subject}`] : [])]
}
