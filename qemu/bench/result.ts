/** What `scmi-lab bench` found, as --json prints it. */
import type { Result } from '../../src/bench/result.js'
import type { Load } from './loads.js'

export const FORMAT = 'scmi-lab bench 1'

export interface LabBenchRow {
  load: Load
  /** What is asked for: a sensor, a clock, a command. */
  what: string
  /** Guest processes that ask at the same time. */
  processes: number
  /** Messages a second, and how many that were in all. */
  rate: number
  messages: number
  /** Microseconds from asking to having the answer, as guest processes see it. */
  latencyUs: { mean: number; p50: number; p99: number; max: number }
  /** The mean part of it from taking the message from the ring to publishing the answer; unknown of other back ends. */
  deviceUs?: number
  /** Microseconds of CPU time for a message: in the back end, and in QEMU, which is the guest's processors, too. */
  cpuUs: { backEnd: number; qemu: number }
}

export interface LabBenchResult {
  format: typeof FORMAT
  version: string
  date: string
  machine: Result['machine']
  /** As `uname -r` has it, in the guest. */
  guestKernel: string
  platform: string
  /** The command that started the back end; none if it was this package's device. */
  backEnd?: string
  settings: { cpus: number; seconds: number }
  rows: LabBenchRow[]
}
