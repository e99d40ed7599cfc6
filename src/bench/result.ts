/** The result of a run, as `--json` prints it and `--compare` reads it. */
import { z } from 'zod'
import { OperatorError } from '../support/errors.js'
import { readGivenFile } from '../support/given-file.js'
import { whyUnreadable } from '../support/path-error.js'
import { CORES, DESCRIPTORS, WAITS } from './scenario.js'

const FORMAT = 'vhost-user-scmi bench 2'

export const BACK_ENDS = ['busy loop', 'event loop', 'native floor', 'device', 'other'] as const

const count = z.int().min(0)
const amount = z.number().min(0)

/** Over the rounds: median, minimum and maximum. */
const ratio = z.strictObject({ median: amount, min: amount, max: amount })

const scenario = z.strictObject({
  mix: z.string(),
  depth: count,
  wait: z.enum(WAITS),
  descriptors: z.enum(DESCRIPTORS),
  eventIdx: z.boolean(),
  guests: count,
  cores: z.enum(CORES),
})

const cell = z.strictObject({
  scenario,
  backEnd: z.enum(BACK_ENDS),
  /** Messages per second, and latencies in microseconds: medians over the rounds; `max` is the maximum of all. */
  rate: amount,
  rates: z.array(amount),
  latencyUs: z.strictObject({ p50: amount, p99: amount, p999: amount, max: amount }),
  /** CPU time per message of back end and front end, in microseconds. */
  cpuUs: z.strictObject({ backEnd: amount, frontEnd: amount }),
  /** Ratios of this back end's rates to those of the floors in the same round. Floors have none. */
  ratios: z.strictObject({ busyLoop: ratio, nativeFloor: ratio, eventLoop: ratio }).optional(),
  /** With several guests: messages of the one that got fewest, divided by those of the one that got most. */
  fairness: ratio.optional(),
  /** Garbage collections during the measurement; known for this package's device only. */
  gc: z.strictObject({ pauses: count, maxMs: amount }).optional(),
})

const startup = z.strictObject({
  platform: z.string(),
  /** Milliseconds from exec to accepting connections; `node`: from exec to exit of an empty Node program. */
  acceptingMs: z.array(amount),
  cpuMs: amount,
  nodeMs: amount,
})

const memory = z.strictObject({
  guests: count,
  /** Resident kilobytes without guest memory: for one guest, and for all. */
  oneGuestKb: amount,
  allGuestsKb: amount,
  perFurtherGuestKb: z.number(),
})

export const resultSchema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.string(),
  date: z.string(),
  machine: z.strictObject({
    cpu: z.string(),
    cores: count,
    kernel: z.string(),
    node: z.string(),
    /** One-minute load average before and after the run; the latter includes the run. */
    load: z.array(amount),
    /** Percent of the machine's CPU time during the run: stolen by the hypervisor, used by other processes. */
    stealPercent: amount,
    othersPercent: amount,
  }),
  settings: z.strictObject({
    platform: z.string(),
    pollUs: z.union([count, z.literal('auto')]),
    rounds: count,
    measureMs: count,
    warmupMs: count,
  }),
  cells: z.array(cell),
  startup: z.array(startup),
  memory: memory.optional(),
})

export type Result = z.infer<typeof resultSchema>
export type Cell = z.infer<typeof cell>
export type CellScenario = z.infer<typeof scenario>
export type Ratio = z.infer<typeof ratio>
export type Startup = z.infer<typeof startup>
export type Memory = z.infer<typeof memory>

export const newResult = (rest: Omit<Result, 'format'>): Result => ({ format: FORMAT, ...rest })

/** Size limit; a result has tens of thousands of bytes. */
const BYTES_MAX = 10_000_000

/** Reads the output of `--json`. Throws OperatorError. */
export function readResult(path: string): Result {
  let text: string
  try {
    text = readGivenFile(path, BYTES_MAX)
  } catch (error) {
    if (error instanceof OperatorError) throw error
    throw new OperatorError(`${path}: ${whyUnreadable(error)}`)
  }
  try {
    return resultSchema.parse(JSON.parse(text))
  } catch (error) {
    const issue = error instanceof z.ZodError ? error.issues[0] : undefined
    const why = issue ? `${issue.path.join('.')}: ${issue.message}` : (error as Error).message
    throw new OperatorError(`${path} is not what "bench --json" prints: ${why}`)
  }
}
