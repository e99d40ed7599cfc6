/** The machine, and how quiet it was: a benchmark on a busy one says little. */
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release } from 'node:os'
import type { Result } from './result.js'
import { rounded } from './statistics.js'

/** The unit of /proc/stat on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

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

/** Watches what the machine does besides the benchmark. */
export class Noise {
  readonly #before = readTicks()
  readonly #load = loadavg()[0]!

  /** `oursSeconds`: CPU time that front ends and back ends used meanwhile. */
  end(oursSeconds: number): Result['machine'] {
    const now = readTicks()
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
      othersPercent: percent(busy - oursSeconds * TICKS_PER_SECOND),
    }
  }
}
