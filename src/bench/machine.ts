/** The machine and its noise: a benchmark on a busy machine says little. */
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release } from 'node:os'
import { MS_PER_TICK } from './process-status.js'
import type { Result } from './result.js'
import { rounded } from './statistics.js'

interface Ticks {
  all: number
  idle: number
  steal: number
}

/** CPU time of all cores since boot (proc(5), /proc/stat). */
function readTicks(): Ticks {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n')
  const [user, nice, system, idle, iowait, irq, softirq, steal] = line.split(/\s+/).slice(1).map(Number) as number[]
  const all = user! + nice! + system! + idle! + iowait! + irq! + softirq! + steal!
  return { all, idle: idle! + iowait!, steal: steal! }
}

/** Measures the load of the machine besides the benchmark. */
export class Noise {
  readonly #before = readTicks()
  readonly #load = loadavg()[0]!
  readonly #ourCpuMs: () => number
  readonly #oursBefore: number

  /** `ourCpuMs`: CPU time so far of everything that belongs to the benchmark. */
  constructor(ourCpuMs: () => number) {
    this.#ourCpuMs = ourCpuMs
    this.#oursBefore = ourCpuMs()
  }

  end(): Result['machine'] {
    const now = readTicks()
    const ours = (this.#ourCpuMs() - this.#oursBefore) / MS_PER_TICK
    const all = Math.max(1, now.all - this.#before.all)
    const busy = all - (now.idle - this.#before.idle) - (now.steal - this.#before.steal)
    const percent = (ticks: number) => rounded(Math.max(0, (ticks / all) * 100))
    return {
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: availableParallelism(),
      kernel: release(),
      node: process.version,
      load: [this.#load, loadavg()[0]!].map(rounded),
      stealPercent: percent(now.steal - this.#before.steal),
      othersPercent: percent(busy - ours),
    }
  }
}
