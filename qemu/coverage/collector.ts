/** Collects the counters of guests: from their RAM, before each reset that the lab causes and when QEMU has ended. */
import type { Vm } from '../machine/vm.js'
import { addCounters, type Counters } from './counters.js'
import { findCounters } from './gcov-info.js'
import type { CountingKernel } from './kernel.js'
import { KernelMemory } from './kernel-memory.js'
import { type GuestRam, openRam, RamError } from './ram.js'

export interface Collected {
  counters: Counters
  /** Why counters of a guest could not be read, in words. */
  problems: string[]
}

export class Collector {
  readonly #kernel: CountingKernel
  readonly #watched: Promise<void>[] = []
  readonly #found: Collected = { counters: new Map(), problems: [] }

  constructor(kernel: CountingKernel) {
    this.#kernel = kernel
  }

  /** To be called when QEMU has just been started. */
  watch(vm: Vm): void {
    const watched = this.#follow(vm)
    // `end` tells what failed; it is not called when the user stops the run.
    watched.catch(() => undefined)
    this.#watched.push(watched)
  }

  /** Resolves when the guests have ended. */
  async end(): Promise<Collected> {
    await Promise.all(this.#watched)
    return this.#found
  }

  async #follow(vm: Vm): Promise<void> {
    // Without a process, boot tells why.
    const ram = vm.pid === undefined ? undefined : await openRam(vm.pid, () => vm.isRunning)
    if (!ram) return
    vm.onReset = () => this.#read(ram)
    try {
      await vm.exited
      this.#read(ram)
    } finally {
      ram.close()
    }
  }

  #read(ram: GuestRam): void {
    const { layout, head, gcc, known } = this.#kernel
    try {
      const { counters, problems } = findCounters(new KernelMemory(ram, layout), { head, gcc, known })
      addCounters(this.#found.counters, counters)
      this.#found.problems.push(...problems)
    } catch (error) {
      // A guest that was ended before it began has counted nothing.
      if (!(error instanceof RamError)) throw error
      this.#found.problems.push(error.message)
    }
  }
}
