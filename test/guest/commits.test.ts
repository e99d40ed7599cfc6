/** Commits of a git tree: worktrees, bisection, series patch by patch. The kernel builds in an instant, no guest boots. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { buildKernel } from '../../qemu/kernel/build.js'
import { splitSeries } from '../../qemu/kernel/patches.js'
import { addedWarnings, warningsOf } from '../../qemu/kernel/warnings.js'
import { type Worktree, withWorktree } from '../../qemu/kernel/worktree.js'
import { Bisection } from '../../qemu/runner/bisect.js'
import { type Step, tryEach } from '../../qemu/runner/each.js'
import type { RunRecord } from '../../qemu/runner/record.js'
import { UntestableError } from '../../qemu/support/errors.js'
import { silentProgress } from '../../src/support/progress.js'
import { commitSteps, gitIn, makeFakeKernel, numbersPatch } from './fake-kernel.js'
import { LabCommand, runLab } from './lab-command.js'

let folder: string
let tree: string
const environment = { ...process.env }

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'scmi-lab-test-'))
  tree = makeFakeKernel(folder)
  process.env.XDG_CACHE_HOME = join(folder, 'cache')
  process.env.SCMI_LAB_TEST_LOG = join(folder, 'make.log')
})
afterEach(() => {
  process.env = { ...environment }
  rmSync(folder, { recursive: true })
})

const inTree = <T>(work: (worktree: Worktree) => Promise<T>) => withWorktree(tree, { progress: silentProgress }, work)
const quiet = { progress: silentProgress }
/** The tree's worktrees, as git knows them. */
const worktrees = (): string[] => gitIn(tree)('worktree', 'list', '--porcelain').match(/^worktree .*/gm) ?? []

describe('a commit', { timeout: 60_000 }, () => {
  test('is built in a worktree, whatever the files of the tree are, and the worktree is removed', async () => {
    const [first, second] = commitSteps(tree, [{ 'lib/numbers.txt': 'second\n' }])
    writeFileSync(join(tree, 'lib/numbers.txt'), 'not committed\n')
    const images = await inTree(async worktree => {
      expect(worktrees()).toHaveLength(1)
      const build = (commit: string) => buildKernel({ source: tree, at: { worktree, commit } }, quiet)
      const images = [await build(second!), await build(first!)].map(({ image }) => readFileSync(image, 'utf8'))
      expect(worktrees()).toHaveLength(2)
      return images
    })
    expect(images).toEqual(['second\n', 'one\ntwo\nthree\nfour\nfive\n'])
    expect(worktrees()).toHaveLength(1)
    expect(gitIn(tree)('status', '--porcelain')).toBe('M lib/numbers.txt')
  })

  test('is the same kernel as a clean tree at that commit', async () => {
    const [first] = commitSteps(tree, [])
    const { image } = await buildKernel({ source: tree }, quiet)
    const again = await inTree(worktree => buildKernel({ source: tree, at: { worktree, commit: first! } }, quiet))
    expect(again).toMatchObject({ image, wasCached: true })
  })

  test('that is built in a new worktree has new files only where it differs from what the objects are made of', async () => {
    const [first, second, third] = commitSteps(tree, [{ 'lib/a.c': 'a' }, { 'lib/b.c': 'b' }])
    const at = (commit: string) =>
      inTree(async worktree => {
        await buildKernel({ source: tree, at: { worktree, commit }, patches: [] }, quiet)
        const isNew = (name: string): boolean => mtime(worktree, name) > 2002
        return ['lib/a.c', 'lib/b.c', 'lib/numbers.txt', 'Makefile'].filter(
          name => existsSync(join(worktree.tree, name)) && isNew(name),
        )
      })
    expect(await at(second!)).toEqual([])
    expect(await at(third!)).toEqual(['lib/b.c'])
    expect(await at(first!)).toEqual([])
  })

  test('that is checked out after another leaves the files alone that both have', async () => {
    const [first, , third] = commitSteps(tree, [{ 'lib/a.c': 'a' }, { 'lib/b.c': 'b' }])
    await inTree(async worktree => {
      for (const commit of [first!, third!]) await worktree.checkOut(commit, quiet)
      const isNew = (name: string): boolean => mtime(worktree, name) > 2002
      expect(['lib/a.c', 'lib/b.c', 'lib/numbers.txt', 'Makefile'].filter(isNew)).toEqual(['lib/a.c', 'lib/b.c'])
    })
  })

  test('is refused in a line if there is none, or no git tree', async () => {
    await expect(inTree(async () => 0)).rejects.toThrow(`--kernel ${tree}: is no git tree`)
    commitSteps(tree, [])
    await expect(inTree(worktree => worktree.resolve('nowhere', '--good'))).rejects.toThrow('--good nowhere: ')
    await expect(inTree(worktree => worktree.commitsOf('HEAD', '--commits'))).rejects.toThrow('give a range of commits')
    await expect(inTree(worktree => worktree.commitsOf('HEAD..HEAD', '--commits'))).rejects.toThrow(
      'there is no commit',
    )
  })
})

function mtime(worktree: Worktree, name: string): number {
  return statSync(join(worktree.tree, name)).mtime.getUTCFullYear()
}

describe('bisection', { timeout: 120_000 }, () => {
  const options = { kernel: '', good: '', bad: '', jobs: 1, patches: [], variants: ['plain'], json: true }
  const never = new AbortController().signal

  /** Bisects sixteen commits, of which `judge` says by number what fails. */
  async function bisect(judge: (number: number) => string[]) {
    const commits = commitSteps(
      tree,
      Array.from({ length: 16 }, (_, index) => ({ 'lib/numbers.txt': `${index}\n` })),
    )
    const tried: number[] = []
    const result = await inTree(worktree => {
      const judged = async (commit: string): Promise<Set<string>> => {
        tried.push(commits.indexOf(commit))
        return new Set(judge(commits.indexOf(commit)))
      }
      const ends = { good: commits[0]!, bad: commits[16]! }
      return new Bisection(worktree, judged, ['probe/at-boot'], { ...options, ...ends }, never).run()
    })
    return { result, tried, commits }
  }

  test('ends with the first bad commit, the log, and a command for each step', async () => {
    const { result, tried, commits } = await bisect(number => (number >= 11 ? ['probe/at-boot: it answers'] : []))
    expect(result.first).toEqual({ commit: commits[11], subject: 'step 11' })
    expect(result.symptom).toEqual(['probe/at-boot: it answers'])
    expect(tried.length).toBeLessThanOrEqual(6)
    expect(result.steps.slice(0, 2).map(({ verdict }) => verdict)).toEqual(['bad', 'good'])
    expect(result.steps[0]!.command).toBe(
      `scmi-lab run probe/at-boot --kernel ${tree} --base ${commits[16]} --variant plain`,
    )
    expect(result.log).toContain(`# first bad commit: [${commits[11]}] step 11`)
    expect(worktrees()).toHaveLength(1)
  })

  test('skips what can’t be tested, and what fails in another way', async () => {
    const { result, commits } = await bisect(number => {
      if (number === 8) throw new UntestableError('it does not build')
      if (number === 9) return ['probe/at-boot: step: boot']
      return number >= 5 ? ['probe/at-boot: it answers'] : []
    })
    expect(result.first?.commit).toBe(commits[5])
    const skipped = result.steps.filter(({ verdict }) => verdict === 'skip')
    expect(skipped[0]).toMatchObject({ commit: commits[8], why: 'it does not build' })
  })

  test('names the candidates if what is left can’t be tested', async () => {
    const { result, commits } = await bisect(number => {
      if (number > 2 && number < 14) throw new UntestableError('it does not build')
      return number >= 14 ? ['probe/at-boot: it answers'] : []
    })
    expect(result.first).toBeNull()
    expect(result.candidates).toContain(commits[14])
    expect(result.candidates).not.toContain(commits[2])
  })

  test.each([
    ['the same fails at both', ['probe/at-boot: it answers'], 'the same fails there'],
    ['nothing fails at the bad one', [], 'nothing fails there'],
  ])('is refused if %s end', async (_, fails, problem) => {
    await expect(bisect(() => fails)).rejects.toThrow(problem)
  })
})

describe('each patch of a series', { timeout: 60_000 }, () => {
  const run = (failing: Record<string, string[]>): RunRecord =>
    ({
      results: Object.entries(failing).map(([scenario, failures]) => ({
        scenario,
        outcome: failures.length > 0 ? 'failed' : 'passed',
        asRecorded: failures.length === 0,
        failures: failures.map(what => ({ what, because: '', said: '' })),
      })),
    }) as unknown as RunRecord
  const step = (name: string): Step => ({
    name,
    subject: `patch ${name}`,
    selection: { kernels: [], patches: [], variants: [] },
    files: [name],
  })

  test('is blamed for what it makes worse, not for what was wrong before', async () => {
    const runs: Record<string, RunRecord | Error> = {
      before: run({ a: ['x'], b: [] }),
      '1/4': run({ a: ['x'], b: [] }),
      '2/4': new UntestableError('error: no mutexname'),
      '3/4': run({ a: ['x'], b: ['y'] }),
      '4/4': run({ a: ['x', 'z'], b: ['y'] }),
    }
    const verdicts = await tryEach(Object.keys(runs).map(step), {
      async run({ name }) {
        const found = runs[name]!
        if (found instanceof Error) throw found
        return found
      },
      warnings: async ({ name }, [file]) => (name === '3/4' || file !== '3/4' ? ['old', 'new'] : ['old']),
      say: () => undefined,
    })
    expect(verdicts.map(({ fault }) => fault)).toEqual([
      undefined,
      'error: no mutexname',
      'differs in b',
      'differs in a',
    ])
    expect(verdicts[2]!.warnings).toEqual(['new'])
    expect(verdicts[0]!.warnings).toEqual([])
  })

  test('is in a file of its own, the mails of an mbox too', () => {
    const mail = (number: number): string =>
      `From a Thu Jan  1 00:00:00 1970\nFrom: a <a@b>\nSubject: [PATCH ${number}/2] part ${number}\n\n---\n${numbersPatch}\n`
    writeFileSync(join(folder, 'series.mbox'), mail(1) + mail(2))
    writeFileSync(join(folder, 'one.patch'), numbersPatch)
    const files = splitSeries([join(folder, 'series.mbox'), join(folder, 'one.patch')])
    expect(files).toHaveLength(3)
    expect(readFileSync(files[1]!, 'utf8')).toContain('Subject: [PATCH 2/2] part 2')
    expect(files[2]).toBe(join(folder, 'one.patch'))
  })

  test('has the warnings of its files, and of those that include its headers', async () => {
    writeFileSync(join(tree, 'lib/a.c'), '#include /lib/a.h \n')
    writeFileSync(join(tree, 'lib/a.h'), '')
    writeFileSync(join(tree, 'lib/other.c'), 'warn: not touched\n')
    await buildKernel({ source: tree }, quiet)
    const before = await warningsOf({ source: tree }, ['lib/a.c', 'lib/a.h'], quiet)
    writeFileSync(join(tree, 'lib/a.h'), '\nwarn of this\n')
    const after = await warningsOf({ source: tree }, ['lib/a.h', 'lib/gone.c'], quiet)
    expect(addedWarnings(before.lines, after.lines)).toEqual(['lib/a.h: warning: warn of this'])
    expect(addedWarnings(['x'], ['x', 'x'])).toEqual(['x'])
  })
})

describe('the command', { timeout: 120_000 }, () => {
  const said = async (...words: string[]) => {
    const { code, stderr } = await runLab(words)
    return { code, stderr }
  }

  test('ends with 125 for a kernel that does not build, which git bisect skips', async () => {
    writeFileSync(join(tree, 'lib/broken.c'), '')
    const { code, stderr } = await said('run', 'probe/at-boot', '--kernel', tree)
    expect(stderr).toContain("lib/broken.c:3:1: error: expected ';'")
    expect(code).toBe(125)
  })

  test('run --commits ends with 125 if what they start from does not build', async () => {
    const commits = commitSteps(tree, [{ 'lib/broken.c': '' }, { 'lib/numbers.txt': 'x' }])
    const { code } = await said('run', 'probe/at-boot', '--kernel', tree, '--commits', `${commits[1]}..${commits[2]}`)
    expect(code).toBe(125)
    expect(worktrees()).toHaveLength(1)
  })

  test('removes the worktree on Ctrl-C', async () => {
    const [first] = commitSteps(tree, [])
    const fifo = join(folder, 'hold')
    execFileSync('mkfifo', [fifo])
    const words = ['run', 'probe/at-boot', '--kernel', tree, '--base', first!]
    const command = new LabCommand(words, { SCMI_LAB_TEST_HOLD: fifo })
    await command.said(/lib\/numbers\.o|compiling/)
    expect(worktrees()).toHaveLength(2)
    command.child.kill('SIGINT')
    expect(await command.ended).toBe(130)
    expect(worktrees()).toHaveLength(1)
  })

  test.each([
    [['run', '--each'], '--each goes with --patch, or give --commits A..B'],
    [['run', '--commits', 'a..b', '--base', 'c'], 'leave out --base'],
    [['run', '--each', '--kernel', '6.12', '--kernel', '7.3', '--patch', 'x'], 'go with one kernel of one variant'],
    [['run', '--each', '--patch', 'x', '--report', 'y'], '--report goes with one run'],
    [['run', '--base', 'HEAD', '--kernel', '/tmp'], '--kernel /tmp: is no git tree'],
    [['bisect', 'ci', '--kernel', '/tmp', '--good', 'a', '--bad', 'b'], '--kernel /tmp: is no git tree'],
    [['bisect', '--kernel', '/tmp', '--good', 'a', '--bad', 'b'], "missing required argument 'name|tag'"],
  ])('%j is refused in a line', async (words, problem) => {
    const { code, stderr } = await said(...words)
    expect(stderr).toContain(problem)
    expect(stderr.trimEnd().split('\n').at(-1)).toContain('scmi-lab: ')
    expect(code).toBe(2)
  })
})
