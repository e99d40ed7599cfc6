/** One run: every scenario against every back end in turn, round by round, so that noise affects all alike. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Progress } from '../support/progress.js'
import { type BackEnd, otherBackEnd, startDevice, startFloors } from './back-ends.js'
import type { BenchCommand } from './commands.js'
import { measure, type Timing } from './front-end.js'
import type { Cell } from './result.js'
import type { Scenario } from './scenario.js'
import { cellsOf, type Series } from './statistics.js'

export interface RunOptions extends Timing {
  scenarios: readonly Scenario[]
  rounds: number
  platform: string
  /** The device's --poll-us: microseconds, or `auto`. */
  pollUs: number | 'auto'
  /** Sockets of a back end that somebody else runs, one per guest. */
  sockets: readonly string[]
  signal: AbortSignal
  progress: Progress
}

/** Runs all scenarios. Throws FailedError if a back end does not answer, or answers wrong. */
export async function runScenarios(options: RunOptions): Promise<Cell[]> {
  const folder = mkdtempSync(join(tmpdir(), 'scmi-bench-'))
  const backEnds: BackEnd[] = []
  try {
    const guests = Math.max(...options.scenarios.map(scenario => scenario.guests))
    if (options.sockets.length > 0) backEnds.push(otherBackEnd(options.sockets))
    const sockets = Array.from({ length: guests }, (_, i) => join(folder, `device${i}.sock`))
    backEnds.unshift(await startDevice(sockets, options))
    const answers = await firstAnswers(backEnds[0]!, options)
    backEnds.unshift(...(await startFloors(folder, guests, answers)))
    return await runRounds(backEnds, options)
  } finally {
    await Promise.all(backEnds.map(backEnd => backEnd.close()))
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The device's answer to every command of every mix: the floors return the same. */
async function firstAnswers(device: BackEnd, { scenarios, signal }: RunOptions): Promise<number[][]> {
  const commands = new Map<string, BenchCommand>()
  for (const { mix } of scenarios) for (const command of mix.commands) commands.set(command.name, command)
  const asked = [...commands.values()]
  const scenario: Scenario = {
    ...scenarios[0]!,
    mix: { name: 'all', commands: asked },
    depth: 1,
    guests: 1,
    cores: 'free',
  }
  const { answers } = await measure(device.sockets.slice(0, 1), scenario, { warmupMs: 0, measureMs: 0 }, signal)
  return answers.map((words, i) => [asked[i]!.request[0]!, ...words.slice(1)])
}

async function runRounds(backEnds: readonly BackEnd[], options: RunOptions): Promise<Cell[]> {
  const { scenarios, rounds, signal, progress } = options
  const all = scenarios.map(scenario =>
    backEnds.map((backEnd): Series => ({ backEnd: backEnd.name, scenario, rounds: [] })),
  )
  const step = async (series: Series, backEnd: BackEnd, timing: Timing): Promise<void> => {
    const { scenario } = series
    const pausesBefore = backEnd.gcPauses.length
    const measurement = await measure(backEnd.sockets.slice(0, scenario.guests), scenario, timing, signal)
    series.rounds.push(measurement)
    if (backEnd.name === 'device') addPauses(series, backEnd.gcPauses.slice(pausesBefore))
  }
  // The first round is a warm-up and does not count.
  const total = (rounds + 1) * scenarios.length * backEnds.length
  let done = 0
  for (let round = -1; round < rounds; round++) {
    for (const perBackEnd of all) {
      const order = backEnds.map((_, i) => (i + Math.max(0, round)) % backEnds.length)
      for (const i of order) {
        const backEnd = backEnds[i]!
        const series = perBackEnd[i]!
        const name = round < 0 ? 'warming up' : `round ${round + 1} of ${rounds}`
        progress.update(name, done++ / total, `${titleOf(series.scenario)}: ${backEnd.name}`)
        await step(round < 0 ? { ...series, rounds: [] } : series, backEnd, options)
      }
    }
  }
  return all.flatMap(cellsOf)
}

function addPauses(series: Series, pauses: readonly { ms: number }[]): void {
  const { gc = { pauses: 0, maxMs: 0 } } = series
  const maxMs = Math.max(gc.maxMs, ...pauses.map(({ ms }) => ms))
  series.gc = { pauses: gc.pauses + pauses.length, maxMs }
}

/** Short title for people: `clock, depth 16, spin`. */
export function titleOf({
  mix,
  depth,
  wait,
}: Pick<Scenario, 'depth' | 'wait'> & { mix: Scenario['mix'] | string }): string {
  return `${typeof mix === 'string' ? mix : mix.name}, depth ${depth}, ${wait}`
}
