/** The result of `scmi-lab bench`, as --json prints it. */
import type { Result } from '../../src/bench/result.js'
import type { Workload } from './workloads.js'

export const FORMAT = 'scmi-lab bench 1'

export interface LabBenchRow {
  load: Workload
  /** What is read: a sensor, a clock, a command. */
  what: string
  /** Guest processes that read at the same time. */
  processes: number
  /** Messages per second, and in total. */
  rate: number
  messages: number
  /** Latency in microseconds, as guest processes see it. */
  latencyUs: { mean: number; p50: number; p99: number; max: number }
  /** Mean time in the device, from taking the request from the ring to publishing the reply; unknown for other back ends. */
  deviceUs?: number
  /** CPU time per message in microseconds: of the back end, and of QEMU including the processors that it emulates. */
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
