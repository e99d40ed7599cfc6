/** Starts the native front end for one measurement and reads its result. */
import { execFile } from 'node:child_process'
import { findNative } from '../support/addon.js'
import { FailedError } from '../support/errors.js'
import { type BenchCommand, checkAnswer } from './commands.js'
import { type Scenario, SPIN_US } from './scenario.js'

/** The executable is the front end, and the two floors in C++. */
export const nativeProgram = findNative('#bench').file

/** Time limit for a back end that answers nothing. */
const LIMIT_MS = 2000

/** Output of the native front end. Latencies are from making a command available to seeing its answer. */
export interface Measurement {
  messages: number
  elapsedNs: number
  /** Of these messages, each guest's. */
  messagesByGuest: number[]
  latencyNs: { p50: number; p99: number; p999: number; max: number }
  /** CPU time of all threads of the back end, and of the front end. */
  backEndCpuNs: number
  frontEndCpuNs: number
  /** Number of times that the front end slept. */
  sleeps: number
  /** Process ids of the back end. */
  peers: number[]
  /** The first answer to each command, as words. */
  answers: number[][]
}

export interface Timing {
  warmupMs: number
  measureMs: number
}

/** Measures the back end that listens on `sockets`, one guest each. Throws FailedError for missing or wrong answers. */
export async function measure(
  sockets: readonly string[],
  scenario: Scenario,
  { warmupMs, measureMs }: Timing,
  signal?: AbortSignal,
): Promise<Measurement> {
  const { mix, depth, wait, descriptors, eventIdx, cores } = scenario
  const measurement = await runFrontEnd(
    [
      ...sockets.map(path => `socket=${path}`),
      ...mix.commands.map(commandArgument),
      `depth=${depth}`,
      `spin-us=${wait === 'spin' ? SPIN_US : 0}`,
      `gathers=${wait === 'sleep' ? 1 : 0}`,
      `indirect=${descriptors === 'indirect' ? 1 : 0}`,
      `event-idx=${eventIdx ? 1 : 0}`,
      `cores=${cores}`,
      `warmup-ms=${warmupMs}`,
      `measure-ms=${measureMs}`,
      `limit-ms=${LIMIT_MS}`,
    ],
    signal,
  )
  mix.commands.forEach((command, i) => {
    checkAnswer(command, measurement.answers[i] ?? [])
  })
  return measurement
}

function commandArgument({ weight, constant, request }: BenchCommand): string {
  return `command=${weight}:${constant ? 'constant' : 'varies'}:${request.join(',')}`
}

function runFrontEnd(args: string[], signal: AbortSignal | undefined): Promise<Measurement> {
  return new Promise((resolve, reject) => {
    execFile(nativeProgram, ['measure', ...args], { signal }, (error, stdout, stderr) => {
      if (!error) resolve(JSON.parse(stdout))
      else if (signal?.aborted || !stderr) reject(error)
      else reject(new FailedError(stderr.trim()))
    })
  })
}
