/** `npm run torture`: runs the stress tests and prints counts. No logic; the parts are beside it. */
import { Argument, Command, InvalidArgumentError } from 'commander'
import { InterruptedError, LabError } from '../../qemu/support/errors.js'
import { tableLines } from '../../src/observe/tables.js'
import { clients } from './clients.js'
import { files } from './files.js'
import { fuzz } from './fuzz.js'
import { guestKills } from './guest-kills.js'
import { hostile } from './hostile.js'
import { kills } from './kills.js'
import { permissions } from './permissions.js'
import type { Result } from './result.js'
import { sanitizers } from './sanitizers.js'
import { soak } from './soak.js'

interface Options {
  seconds: number
  kills: number
  guestKills: number
  messages: number
  seed: number
  json: boolean
}

/** In the order they run. */
const PARTS: Record<string, (options: Options, signal: AbortSignal) => Promise<Result[]>> = {
  hostile: (_, signal) => hostile(signal),
  permissions: ({ seed }, signal) => permissions({ seed, signal }),
  clients: (_, signal) => clients(signal),
  files: (_, signal) => files(signal),
  sanitizers: (_, signal) => sanitizers(signal),
  fuzz: ({ seconds, seed }, signal) => fuzz({ seconds, seed, signal }),
  kills: ({ kills: count, seed }, signal) => kills({ count, seed, signal }),
  'guest-kills': ({ guestKills: count, seed }, signal) => guestKills({ count, seed, signal }),
  soak: ({ messages, seed }, signal) => soak({ messages, seed, signal }),
}

function wholeNumber(text: string): number {
  if (!/^\d{1,12}$/.test(text)) throw new InvalidArgumentError('Write a whole number.')
  return Number(text)
}

const program = new Command('torture')
  .usage('[parts] [options]')
  .description('Run the stress tests: hostile guests and front ends, sanitizers, fuzzing, crashes, a long run.')
  .addArgument(new Argument('[parts...]', 'what to run').choices(Object.keys(PARTS)).default(Object.keys(PARTS), 'all'))
  .option('--seconds <n>', 'time for each fuzz target', wholeNumber, 60)
  .option('--kills <n>', 'kills in a row, with an inflight region and without', wholeNumber, 200)
  .option('--guest-kills <n>', 'kills in a row under a guest in QEMU', wholeNumber, 20)
  .option('--messages <n>', 'messages of the long run', wholeNumber, 100_000_000)
  .option('--seed <n>', 'random seed, to repeat a failure', wholeNumber, Math.floor(Math.random() * 2 ** 31))
  .option('--json', 'print the results as JSON', false)
  .addHelpText(
    'after',
    `
Examples:
  npm run torture                            everything; a quarter of an hour
  npm run torture -- fuzz --seconds 3600     each fuzz target for an hour
  npm run torture -- kills --seed 1234       the same commands, killed at the same moments

Exit codes: 0 passed, 1 failed, 2 wrong option.`,
  )
  .action(torture)

async function torture(parts: string[], options: Options): Promise<void> {
  const abort = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => abort.abort())
  const results: Result[] = []
  for (const part of Object.keys(PARTS)) {
    if (!parts.includes(part)) continue
    const news = await PARTS[part]!(options, abort.signal)
    results.push(...news)
    if (!options.json) for (const result of news) console.error(lineOf(result))
  }
  const rows = results.map(({ part, what, count, seconds, seed, failures }) => {
    const result = failures.length === 0 ? 'ok' : `${failures.length} FAILED`
    return { part, what, count, seconds: Math.round(seconds), seed, result }
  })
  console.log(options.json ? JSON.stringify(results, undefined, 2) : tableLines(rows).join('\n'))
  const failures = results.flatMap(({ failures }) => failures)
  for (const failure of failures) console.error(`failed: ${failure}`)
  if (failures.length > 0) process.exitCode = 1
}

const lineOf = ({ part, what, count, seconds, failures, detail }: Result): string =>
  [
    `${part}: ${count} ${what} in ${seconds.toFixed(0)} s`,
    ...(detail ? [detail] : []),
    ...(failures.length > 0 ? [`${failures.length} FAILED`] : []),
  ].join('; ')

try {
  await program.exitOverride().parseAsync()
} catch (error) {
  if (error instanceof InterruptedError) process.exitCode = 130
  else if (error instanceof LabError) {
    console.error(`torture: ${error.message}`)
    process.exitCode = 1
  } else if (error instanceof Error && 'exitCode' in error) process.exitCode = error.exitCode === 0 ? 0 : 2
  else throw error
}
