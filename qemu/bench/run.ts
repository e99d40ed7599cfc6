/** `scmi-lab bench`: messages per second and latency as processes in the guest see them, and where the time goes. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Noise } from '../../src/bench/machine.js'
import { cpuMsOf } from '../../src/bench/process-status.js'
import { rounded } from '../../src/bench/statistics.js'
import { type Progress, startProgress } from '../../src/support/progress.js'
import { version } from '../../src/support/version.js'
import { boot } from '../boot/boot.js'
import { kernelImage } from '../boot/commands.js'
import type { Server } from '../devices/device.js'
import type { Guest } from '../guest/guest.js'
import { tellProcessors } from '../machine/machine.js'
import { InterruptedError, WorkError } from '../support/errors.js'
import { requireTools, TOOLS_FOR } from '../support/tools.js'
import { BackEndProcess, commandFor } from './back-end.js'
import { FORMAT, type LabBenchResult, type LabBenchRow } from './result.js'
import { type Work, type Workload, workOf } from './workloads.js'

export interface LabBenchOptions {
  /** An Image, or a version. */
  kernel: string
  platform: string
  workloads: readonly Workload[]
  /** Numbers of guest processes. */
  processes: readonly number[]
  /** How long each is measured. */
  seconds: number
  cpus: number
  /** Starts another back end; `{socket}` in it is the path that it has to listen on. */
  backEnd?: string | undefined
  signal: AbortSignal
}

/** Warm-up before each workload: fills caches, compiles code. */
const WARMUP_MS = 300
/** How much longer than the measurement a guest may take. */
const GRACE_MS = 60_000

/** Boots a guest and measures. Throws LabError for what is missing, WorkError for what goes wrong meanwhile. */
export async function labBench(options: LabBenchOptions): Promise<LabBenchResult> {
  requireTools(...TOOLS_FOR.boot)
  const folder = mkdtempSync(join(tmpdir(), 'scmi-lab-'))
  const socketPath = join(folder, 'back-end.sock')
  const { backEnd: command, signal, platform, cpus, seconds } = options
  const progress = startProgress('bench')
  const giveUp = new AbortController()
  signal.addEventListener('abort', () => giveUp.abort())
  let backEnd: BackEndProcess | undefined
  let guest: Guest | undefined
  try {
    const line = command === undefined ? undefined : commandFor(command, socketPath)
    const kernel = await kernelImage(options.kernel, signal)
    tellProcessors()
    backEnd = line === undefined ? undefined : await BackEndProcess.start(line, socketPath, signal)
    progress.update('booting')
    // Without the back end there is nothing to boot.
    void backEnd?.ended.catch(() => giveUp.abort())
    const device = backEnd ? { socketPath } : {}
    guest = await boot({ kernel, platform, cpus, signal: giveUp.signal, progress, ...device })
    const bench = new Bench(guest, backEnd, options, progress, giveUp.signal)
    const noise = new Noise(() => bench.cpuMs())
    const rows = await bench.measureAll()
    return {
      format: FORMAT,
      version,
      date: new Date().toISOString(),
      machine: noise.end(),
      guestKernel: (await guest.check('uname -r')).trim(),
      platform,
      ...(command === undefined ? {} : { backEnd: command }),
      settings: { cpus, seconds },
      rows,
    }
  } catch (error) {
    throw signal.aborted ? new InterruptedError() : (backEnd?.failure ?? error)
  } finally {
    progress.stop()
    await guest?.close()
    await backEnd?.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What scmi-bench prints, in nanoseconds. */
type Found = Record<'count' | 'ns' | 'mean' | 'p50' | 'p99' | 'max', number>

class Bench {
  readonly #guest: Guest
  readonly #backEnd: BackEndProcess | undefined
  readonly #options: LabBenchOptions
  readonly #progress: Progress
  /** Rejects when the back end ends or the user stops the run: nothing waits for the guest then. */
  readonly #givenUp: Promise<never>

  constructor(
    guest: Guest,
    backEnd: BackEndProcess | undefined,
    options: LabBenchOptions,
    progress: Progress,
    giveUp: AbortSignal,
  ) {
    this.#guest = guest
    this.#givenUp = new Promise((_, reject) => giveUp.addEventListener('abort', () => reject(new InterruptedError())))
    this.#givenUp.catch(() => {})
    this.#backEnd = backEnd
    this.#options = options
    this.#progress = progress
  }

  async measureAll(): Promise<LabBenchRow[]> {
    const { workloads, processes } = this.#options
    const rows: LabBenchRow[] = []
    for (const [i, workload] of workloads.entries()) {
      const work = await workOf[workload](this.#guest)
      if (!work) {
        this.#progress.note(`${workload}: the guest has no such thing, left out`)
        continue
      }
      await this.#run(work, 1, WARMUP_MS)
      for (const [j, count] of processes.entries()) {
        const done = (i + j / processes.length) / workloads.length
        this.#progress.update(`${work.what}, ${count === 1 ? 'one process' : `${count} processes`}`, done)
        rows.push(await this.#measure(workload, work, count))
      }
    }
    if (rows.length === 0)
      throw new WorkError(`the guest has none of ${workloads.join(', ')} on platform ${this.#options.platform}`)
    return rows
  }

  /** CPU time of back end and QEMU so far. */
  cpuMs(): number {
    return this.#backEndCpuMs() + cpuMsOf(this.#guest.vm.pid)
  }

  #backEndCpuMs(): number {
    return this.#backEnd ? this.#backEnd.cpuMs() : cpuMsOf(process.pid)
  }

  async #measure(workload: Workload, work: Work, processes: number): Promise<LabBenchRow> {
    const { server, vm } = this.#guest
    const before = { backEnd: this.#backEndCpuMs(), qemu: cpuMsOf(vm.pid), device: server && timesIn(server) }
    const { count, ns, mean, p50, p99, max } = await this.#run(work, processes, this.#options.seconds * 1000)
    const us = (ms: number): number => rounded((ms * 1000) / count)
    const deviceUs = server && before.device && meanUsSince(server, before.device)
    return {
      load: workload,
      what: work.what,
      processes,
      rate: rounded(count / (ns / 1e9)),
      messages: count,
      latencyUs: {
        mean: rounded(mean / 1000),
        p50: rounded(p50 / 1000),
        p99: rounded(p99 / 1000),
        max: rounded(max / 1000),
      },
      ...(deviceUs === undefined ? {} : { deviceUs }),
      cpuUs: { backEnd: us(this.#backEndCpuMs() - before.backEnd), qemu: us(cpuMsOf(vm.pid) - before.qemu) },
    }
  }

  async #run({ words }: Work, processes: number, ms: number): Promise<Found> {
    const command = ['scmi-bench', Math.round(ms), processes, ...words].join(' ')
    const running = this.#guest.check(command, { timeoutMs: ms + GRACE_MS })
    const text = await Promise.race([running, this.#givenUp])
    return Object.fromEntries(
      [...text.matchAll(/(\w+) (\d+)/g)].map(([, name, value]) => [name!, Number(value)]),
    ) as Found
  }
}

interface Times {
  count: number
  sumNs: number
}

/** Time that messages have spent in the device so far, from taking the request from the ring to publishing the reply. */
function timesIn(server: Server): Times {
  const latencies = server
    .stats()
    .flatMap(({ protocols }) => protocols.flatMap(({ messages }) => messages.map(m => m.latency)))
  return {
    count: latencies.reduce((sum, { count }) => sum + count, 0),
    sumNs: latencies.reduce((sum, { sumNs }) => sum + sumNs, 0),
  }
}

function meanUsSince(server: Server, before: Times): number {
  const now = timesIn(server)
  return rounded((now.sumNs - before.sumNs) / Math.max(1, now.count - before.count) / 1000)
}
