/** `vhost-user-scmi bench`: measures the device against three floors, and optionally another back end against all of them. */
import { statSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { type Command, Option } from 'commander'
import type { Result, Startup } from '../bench/result.js'
import { CORES, DEPTH_MAX, DESCRIPTORS, type Grid, GUESTS_MAX, type Scenario, WAITS } from '../bench/scenario.js'
import { OperatorError } from '../support/errors.js'
import { whyUnwritable } from '../support/path-error.js'
import { version } from '../support/version.js'
import { listOf, named, pollUs, repeated, wholeNumber, wholeNumbers } from './arguments.js'
import { interruptible } from './interruptible.js'

interface Options extends Omit<Grid, 'mix'> {
  socketPath: string[]
  platform: string
  pollUs: number | 'auto'
  mix?: string[]
  rounds: number
  measureMs: number
  starts: number
  memory: boolean
  json: boolean
  report?: string
  compare?: string[]
  channels: boolean
}

const DEFAULT_MIXES = ['base', 'clock', 'sensor']
/** Warm-up before each measurement, as a fraction of it: compiles code and fills caches. */
const WARMUP_PART = 0.5
/** Start-up is measured for this preset too, the largest one. */
const LARGE = 'large'
/** With --channels: writes to a channel in a round, and measurements' durations that an idle device is watched. */
const CHANNEL_WRITES = 400
const CHANNEL_IDLE = 100

const EXAMPLES = `
Examples:
  vhost-user-scmi bench
      the device against the floors: three commands, depths 1, 16 and 128, front end spinning and sleeping
  vhost-user-scmi bench --mix clock:3,sensor:1 --depth 8 --wait sleep --guests 1,4,16
      four commands in turn, eight in flight, one guest to sixteen
  vhost-user-scmi bench --mix base --guests 16
      how fair the device is to sixteen guests
  vhost-user-scmi bench --json > before.json; …; vhost-user-scmi bench --json > after.json
  vhost-user-scmi bench --compare before.json after.json
  vhost-user-scmi bench --channels
      how soon a write to a fast channel is acted on, and what it costs to look for one
  vhost-user-scmi bench --socket-path /tmp/other.sock --mix base --report other.html
      also another back end, which listens there; with charts

How to read it: "× busy loop" is the rate divided by that of the simplest loop in C that polls the ring, answers with a
constant and checks nothing, in the same round: the limit. "× native floor" divides by the rate of the same device with a
constant answer in C++ in place of TypeScript, "× event loop" by that of the busy loop's answers behind epoll. All are medians
over the rounds (lowest–highest). "fairness", with several guests, is what the guest that got the fewest answers got, divided by
what the one that got the most did. Ratios are repeatable on a busy machine; rates and latencies are not.

Exit codes: 0 done, 1 a back end does not answer or answers wrong, 2 wrong option or file, 130 interrupted.`

export function addBenchCommand(program: Command): void {
  program
    .command('bench')
    .description('Measure message rate and latency, and compare with three floors measured in the same run.')
    .addOption(
      new Option('--socket-path <path>', 'also measure the back end that listens there; repeat for each guest')
        .argParser(repeated)
        .default([], 'none'),
    )
    .option('--platform <file|preset>', 'platform that our device serves', 'demo')
    .addOption(
      new Option(
        '--mix <mix>',
        'commands to send in turn: protocols with weights, such as base or clock:3,sensor; repeatable',
      )
        .argParser(repeated)
        .default(undefined, DEFAULT_MIXES.join(', each alone, ')),
    )
    .addOption(
      new Option('--depth <list>', `commands in flight, 1 to ${DEPTH_MAX}`)
        .argParser(wholeNumbers(1, DEPTH_MAX))
        .default([1, 16, 128], '1,16,128'),
    )
    .addOption(
      new Option(
        '--wait <list>',
        'how the front end waits: spin, or sleep once it has taken all answers and sent as many again',
      )
        .argParser(named(WAITS))
        .default(WAITS, WAITS.join()),
    )
    .addOption(
      new Option('--descriptors <list>', 'indirect, direct')
        .argParser(named(DESCRIPTORS))
        .default(['indirect'], 'indirect'),
    )
    .addOption(
      new Option('--event-idx <list>', 'on, off').argParser(listOf({ on: true, off: false })).default([true], 'on'),
    )
    .addOption(
      new Option('--guests <list>', `number of guests, 1 to ${GUESTS_MAX}: each that sleeps on a thread of its own`)
        .argParser(wholeNumbers(1, GUESTS_MAX))
        .default([1], '1'),
    )
    .addOption(
      new Option('--cores <list>', 'cores for front end and back end: free, one for both, apart')
        .argParser(named(CORES))
        .default(['free'], 'free'),
    )
    .addOption(new Option('--poll-us <n|auto>', "our device's --poll-us").argParser(pollUs).default('auto'))
    .addOption(new Option('--rounds <n>', 'measurements of each scenario').argParser(wholeNumber(1, 1000)).default(5))
    .addOption(
      new Option('--measure-ms <n>', 'duration of each measurement, after a warm-up of half that time')
        .argParser(wholeNumber(1, 60_000))
        .default(200),
    )
    .addOption(
      new Option('--starts <n>', 'number of start-up measurements; 0: none').argParser(wholeNumber(0, 1000)).default(5),
    )
    .option('--no-memory', 'do not measure memory per guest')
    .option('--channels', 'measure fast channels instead: the reaction to a write, what looking costs', false)
    .option('--json', 'print the result as JSON', false)
    .option('--report <file>', 'write charts and the table to an HTML file')
    .option('--compare <files...>', 'compare two results printed by --json, without measuring')
    .allowExcessArguments(false)
    .addHelpText('after', EXAMPLES)
    .action(bench)
}

async function bench(options: Options): Promise<void> {
  if (options.compare) return comparison(options.compare, options.json)
  const { parseMix } = await import('../bench/commands.js')
  const { scenariosOf } = await import('../bench/scenario.js')
  const scenarios = scenariosOf({ ...options, mix: (options.mix ?? DEFAULT_MIXES).map(parseMix) })
  checkScenarios(scenarios, options)
  if (options.channels) return channels(scenarios, options)
  // Finds out about a bad path before minutes of measuring.
  if (options.report !== undefined) writeReport(options.report, '')
  const result = await measureAll(scenarios, options)
  if (options.report !== undefined) {
    const { reportHtml } = await import('../bench/report.js')
    writeReport(options.report, reportHtml(result))
  }
  const { resultLines } = await import('../bench/text.js')
  console.log(options.json ? JSON.stringify(result, undefined, 2) : resultLines(result).join('\n'))
}

/** Checks before anything is started. */
function checkScenarios(scenarios: readonly Scenario[], { socketPath }: Options): void {
  const guests = Math.max(...scenarios.map(scenario => scenario.guests))
  if (socketPath.length > 0 && socketPath.length < guests) {
    throw new OperatorError(`--guests ${guests} needs as many --socket-path options, not ${socketPath.length}`)
  }
  for (const path of socketPath) {
    if (statSync(path, { throwIfNoEntry: false })?.isSocket()) continue
    throw new OperatorError(`--socket-path ${path}: there is no such socket; start the back end first`)
  }
  if (availableParallelism() < 2 && scenarios.some(({ cores }) => cores === 'apart')) {
    throw new OperatorError('--cores apart needs two cores; this machine has one')
  }
}

async function measureAll(scenarios: readonly Scenario[], options: Options): Promise<Result> {
  const [
    { runScenarios },
    { Noise },
    { newResult },
    { measureStartup },
    { measureMemory },
    { cpuMsOfFamily },
    { startProgress },
  ] = await Promise.all([
    import('../bench/run.js'),
    import('../bench/machine.js'),
    import('../bench/result.js'),
    import('../bench/startup.js'),
    import('../bench/memory.js'),
    import('../bench/process-status.js'),
    import('../support/progress.js'),
  ])
  const { platform, pollUs, rounds, measureMs } = options
  const warmupMs = Math.ceil(measureMs * WARMUP_PART)
  const progress = startProgress('bench')
  return interruptible(async signal => {
    // Front ends and back ends have exited by the end of the run, so that their CPU time counts as this process's
    // children.
    const noise = new Noise(cpuMsOfFamily)
    const cells = await runScenarios({
      ...options,
      scenarios,
      sockets: options.socketPath,
      warmupMs,
      signal,
      progress,
    })
    const machine = noise.end()
    progress.update('starting up and memory')
    const startup: Startup[] = []
    for (const name of options.starts > 0 ? new Set([platform, LARGE]) : []) {
      startup.push(await measureStartup(name, options.starts, signal))
    }
    const memory = options.memory
      ? await measureMemory({ platform, pollUs, guests: GUESTS_MAX, scenario: scenarios[0]!, signal })
      : undefined
    const settings = { platform, pollUs, rounds, measureMs, warmupMs }
    const date = new Date().toISOString()
    return newResult({ version, date, machine, settings, cells, startup, ...(memory ? { memory } : {}) })
  }).finally(() => progress.stop())
}

async function channels(all: readonly Scenario[], { rounds, measureMs, json }: Options): Promise<void> {
  const [{ channelLines, measureChannels }, { channelRateLines, measureChannelRates }, { startProgress }] =
    await Promise.all([
      import('../bench/channels.js'),
      import('../bench/channel-rates.js'),
      import('../support/progress.js'),
    ])
  // One mix and one guest tell what there is to tell.
  const load = all[0]!
  const scenarios = all.filter(({ mix, guests }) => mix === load.mix && guests === load.guests)
  const progress = startProgress('bench')
  const result = await interruptible(async signal => {
    const writes = rounds * CHANNEL_WRITES
    const reactions = await measureChannels({ writes, idleMs: measureMs * CHANNEL_IDLE, load, signal, progress })
    return { ...reactions, rates: await measureChannelRates({ scenarios, rounds, measureMs, signal, progress }) }
  }).finally(() => progress.stop())
  const lines = () => [...channelLines(result), ...channelRateLines(result.rates)]
  console.log(json ? JSON.stringify(result, undefined, 2) : lines().join('\n'))
}

function writeReport(path: string, html: string): void {
  try {
    writeFileSync(path, html)
  } catch (error) {
    throw new OperatorError(`--report ${path}: ${whyUnwritable(error, path)}`)
  }
}

async function comparison(files: readonly string[], json: boolean): Promise<void> {
  const [before, after, ...more] = files
  if (before === undefined || after === undefined || more.length > 0) {
    throw new OperatorError('--compare takes two files, such as --compare before.json after.json')
  }
  const { readResult } = await import('../bench/result.js')
  const { compare, comparisonLines } = await import('../bench/compare.js')
  const compared = compare(readResult(before), readResult(after))
  if (compared.length === 0) throw new OperatorError(`${before} and ${after} have no scenario in common`)
  console.log(json ? JSON.stringify(compared, undefined, 2) : comparisonLines(compared).join('\n'))
}
