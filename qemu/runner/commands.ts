/** What `scmi-lab list` and `scmi-lab run` do with their arguments. */
import { availableParallelism } from 'node:os'
import colors from 'picocolors'
import { WorkError } from '../errors.js'
import { type Progress, seconds, startProgress } from '../progress.js'
import { requireTools, toolsFor } from '../tools.js'
import { findKernels, type KernelSelection } from './kernels.js'
import { type Entry, ownScenarios, scenariosOf, select } from './load.js'
import { type Result, runSuite } from './suite.js'

export interface RunArguments extends KernelSelection {
  jobs?: number
  /** A folder of the user's scenarios, instead of the lab's. */
  scenarios?: string
}

const findScenarios = (folder?: string): Promise<Entry[]> => (folder ? scenariosOf(folder) : ownScenarios())

export async function listScenarios(words: string[], options: { json: boolean; scenarios?: string }): Promise<void> {
  const entries = select(await findScenarios(options.scenarios), words)
  if (options.json) {
    const list = entries.map(entry => ({
      name: entry.name,
      summary: entry.scenario.summary,
      tags: entry.scenario.tags ?? [],
    }))
    return console.log(JSON.stringify(list, null, 2))
  }
  const width = Math.max(...entries.map(({ name }) => name.length))
  for (const { name, scenario } of entries) {
    const tags = scenario.tags?.length ? colors.dim(`  [${scenario.tags.join(' ')}]`) : ''
    console.log(`${name.padEnd(width)}  ${scenario.summary}${tags}`)
  }
}

/** Runs scenarios and tells of each. Throws WorkError if any differs from what is expected. */
export async function runFromArguments(words: string[], options: RunArguments, signal: AbortSignal): Promise<void> {
  const entries = select(await findScenarios(options.scenarios), words)
  requireTools(...toolsFor.boot)
  const kernels = await findKernels(options, signal)
  const progress = startProgress('run')
  const running = new Map<string, string>()
  let done = 0
  const total = entries.length * kernels.length
  const show = () => {
    const now = [...running].map(([name, step]) => `${name}: ${step}`).join(' | ')
    progress.update(`${done} of ${total} done`, undefined, now)
  }
  const jobs = options.jobs ?? availableParallelism()
  const began = Date.now()
  try {
    const results = await runSuite(entries, kernels, {
      jobs,
      signal,
      onStart() {},
      onStep(entry, kernel, step) {
        running.set(`${entry.name} (${kernel.label})`, step)
        show()
      },
      onResult(result) {
        done++
        running.delete(`${result.entry.name} (${result.kernel.label})`)
        tell(result, progress)
      },
    })
    progress.stop()
    const differing = results.filter(({ verdict }) => verdict === 'differs')
    const ran = results.filter(({ verdict }) => verdict !== 'unfit')
    const counts = `${ran.length} scenarios, ${ran.length - differing.length} as expected`
    if (differing.length > 0) throw new WorkError(`${counts}, ${differing.length} differ`)
    console.log(`${counts} (${seconds(Date.now() - began)})`)
  } catch (error) {
    progress.stop()
    throw error
  }
}

const marks: Record<Result['verdict'], string> = {
  'as expected': colors.green('ok  '),
  differs: colors.red('FAIL'),
  unfit: colors.dim('--  '),
}

function tell(result: Result, progress: Progress): void {
  const { entry, kernel, verdict, ms, misfit } = result
  const recorded = result.finding ? `  recorded: ${result.finding.symptom.trim()}` : ''
  const detail = misfit ? colors.dim(misfit) : `${seconds(ms)}${colors.dim(recorded)}`
  progress.clear()
  console.log(`${marks[verdict]} ${entry.name.padEnd(40)} ${kernel.label.padEnd(8)} ${detail}`)
  if (verdict !== 'differs') return
  for (const { what, because, said } of result.failures) {
    console.log(`  expected: ${what}\n  because:  ${because}\n  found:    ${said.replaceAll('\n', '\n            ')}`)
  }
  console.log(`  steps: ${result.steps.map(({ text, atMs }) => `${text} (${seconds(atMs)})`).join(' > ')}`)
  if (result.wire.length) console.log(`  last messages:\n    ${result.wire.slice(-15).join('\n    ')}`)
  const log = result.console.trimEnd().split('\n').slice(-30)
  console.log(`  console:\n    ${log.join('\n    ')}`)
}
