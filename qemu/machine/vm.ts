/** One QEMU process: its console's text, its end, and the line that starts the same machine by hand. */
import { type ChildProcess, spawn } from 'node:child_process'
import { afterMs } from '../../src/platform/core/time.js'
import { GuestError, type GuestFailure, WorkError } from '../support/errors.js'
import { shellLine } from '../support/process.js'
import { qemuCommand } from '../support/tools.js'
import { type Machine, printedSocket, qemuArguments, qemuLine } from './machine.js'

/** How much of the console an error shows. */
const TAIL_LINES = 40
/** A guest that floods its console loses the oldest half of this. */
const MAX_CONSOLE = 16 << 20

const PANIC_START = /Kernel panic - not syncing/
/** Printed by a kernel that stays after a panic; one that reboots ends QEMU instead. */
const PANIC_END = /---\[ end Kernel panic/

export class Vm {
  readonly machine: Machine
  readonly #child: ChildProcess
  readonly #reproduce: string[]
  #console = ''
  #stderr = ''
  #watchers = new Set<() => void>()
  /** How QEMU ended, once it has. */
  #ending: string | undefined
  #isDead = false
  #announceDeath!: () => void
  /** Told what the console says, as it comes. */
  onText: ((text: string) => void) | undefined
  /** Resolves when QEMU is gone, with how it ended. */
  readonly exited: Promise<string>
  /** Resolves when the kernel has panicked and stays so. A kernel that reboots after a panic ends QEMU instead. */
  readonly died: Promise<void>

  /** `reproduce`: shell lines to show before QEMU's own when something went wrong. */
  constructor(machine: Machine, reproduce: string[]) {
    this.machine = machine
    this.#reproduce = reproduce
    // setpriv: QEMU ends with this process (or worker), however that ends.
    const words = ['--pdeathsig', 'TERM', qemuCommand, ...qemuArguments(machine)]
    const isTerminal = machine.console === 'terminal'
    this.#child = spawn('setpriv', words, { stdio: isTerminal ? 'inherit' : 'pipe', detached: !isTerminal })
    this.exited = new Promise((resolve, reject) => {
      this.#child.on('error', error => reject(new WorkError(`cannot start ${qemuCommand}: ${error.message}`)))
      this.#child.on('close', (code, signal) => {
        this.#ending = signal ? `QEMU was ended by ${signal}` : `QEMU exited with status ${code}`
        this.poke()
        resolve(this.#ending)
      })
    })
    this.died = new Promise(resolve => {
      this.#announceDeath = resolve
    })
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#take(text))
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
    })
  }

  get pid(): number {
    return this.#child.pid!
  }

  get isRunning(): boolean {
    return this.#ending === undefined
  }

  /** All the console has said so far. */
  get console(): string {
    return this.#console
  }

  get hasPanicked(): boolean {
    return PANIC_START.test(this.#console)
  }

  /** Types text on the guest's console. */
  type(text: string): void {
    this.#child.stdin?.write(text)
  }

  /**
   * Waits until `look` gives something, asking whenever the console has said more or QEMU has ended. Fails when the
   * limit is over, or when nothing more can come.
   */
  async waitFor<T>(what: string, limitMs: number, look: () => T | undefined | null | false): Promise<T> {
    const found = look()
    if (found) return found
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        timer.cancel()
        this.#watchers.delete(watcher)
        settle()
      }
      const watcher = () => {
        const found = look()
        if (found) finish(() => resolve(found))
        else if (this.#ending) finish(() => reject(this.failure(`${what} did not come: ${this.#ending}`)))
        else if (this.#isDead) finish(() => reject(this.failure(`${what} did not come`)))
      }
      const late = () => finish(() => reject(this.failure(`${what} did not come within ${limitMs} ms`, 'hang')))
      const timer = afterMs(limitMs, late)
      this.#watchers.add(watcher)
      watcher()
    })
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#child.kill(signal)
  }

  /** An error with what one needs to find out: the console's end, QEMU's words, the lines that reproduce. */
  failure(what: string, reason?: GuestFailure): GuestError {
    const found = reason ?? (this.hasPanicked ? 'panic' : this.isRunning ? 'hang' : 'exited')
    const console = this.#console
    const tail = console.trimEnd().split('\n').slice(-TAIL_LINES).join('\n')
    const summary = [
      found === 'panic' ? `the guest's kernel panicked: ${what}` : what,
      ...(this.#stderr.trim() ? [`--- QEMU\n${this.#stderr.trim()}`] : []),
    ].join('\n')
    const ending = `\n--- console, last lines\n${tail}\n--- the same machine, with a shell\n${this.reproduction()}`
    return new GuestError(found, summary, { ending, console })
  }

  /** Shell lines that start this machine on a terminal. */
  reproduction(): string {
    const { channel: _, qmp: __, ...rest } = this.machine
    const scmi = rest.scmi.map((device, index) => ({ ...device, path: printedSocket(index) }))
    const machine: Machine = { ...rest, scmi, console: 'terminal', append: [...rest.append, 'lab.shell'] }
    return [...this.#reproduce, shellLine(qemuLine(machine))].join('\n')
  }

  /** Asks everybody who waits to look again. */
  poke(): void {
    for (const watcher of [...this.#watchers]) watcher()
  }

  #take(text: string): void {
    const seen = Math.max(0, this.#console.length - PANIC_END.source.length)
    this.#console += text.replaceAll('\r', '')
    this.onText?.(text)
    if (PANIC_END.test(this.#console.slice(seen))) {
      this.#isDead = true
      this.#announceDeath()
    }
    if (this.#console.length > MAX_CONSOLE) this.#console = this.#console.slice(-MAX_CONSOLE / 2)
    this.poke()
  }
}
