/** One QEMU process: its console's output, its end, and the command line that starts the same machine by hand. */
import { type ChildProcess, spawn } from 'node:child_process'
import { afterMs } from '../../src/platform/core/time.js'
import { target } from '../support/architectures.js'
import { GuestError, type GuestFailure, WorkError } from '../support/errors.js'
import { shellLine } from '../support/process.js'
import { type Machine, printedSocket, qemuArguments, qemuLine } from './machine.js'

/** Lines of the console in an error. */
const TAIL_LINES = 40
/** Bytes of console output that are kept; when there are more, the older half is dropped. */
const MAX_CONSOLE = 16 << 20

const PANIC_START = /Kernel panic - not syncing/
/** Last line of a panic when the kernel does not reboot; a reboot ends QEMU instead. */
const PANIC_END = /---\[ end Kernel panic/

export class Vm {
  readonly machine: Machine
  readonly #child: ChildProcess
  readonly #reproduce: string[]
  #console = ''
  #stderr = ''
  #watchers = new Set<() => void>()
  /** How QEMU ended; undefined while it runs. */
  #ending: string | undefined
  #isDead = false
  #announceDeath!: () => void
  /** Called with new console output. */
  onText: ((text: string) => void) | undefined
  /** Called while the machine stands still, before the lab resets it. */
  onReset: (() => void) | undefined
  /** Resolves with how QEMU ended. */
  readonly exited: Promise<string>
  /** Resolves when the kernel has panicked and does not reboot; a reboot ends QEMU instead. */
  readonly died: Promise<void>

  /** `reproduce`: shell lines that an error shows before QEMU's own. */
  constructor(machine: Machine, reproduce: string[]) {
    this.machine = machine
    this.#reproduce = reproduce
    // setpriv: QEMU is killed when this process (or worker) dies.
    const { qemu } = target()
    const words = ['--pdeathsig', 'TERM', qemu, ...qemuArguments(machine)]
    const isTerminal = machine.console === 'terminal'
    this.#child = spawn('setpriv', words, { stdio: isTerminal ? 'inherit' : 'pipe', detached: !isTerminal })
    this.exited = new Promise((resolve, reject) => {
      this.#child.on('error', error => reject(new WorkError(`cannot start ${qemu}: ${error.message}`)))
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

  /** Whether a debugger may stop the guest for any time. */
  get isDebugged(): boolean {
    return this.machine.gdb !== undefined
  }

  get isRunning(): boolean {
    return this.#ending === undefined
  }

  /** The console's output so far. */
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
   * Waits until `look` returns something; it is called when there is new console output, and when QEMU has ended. Rejects
   * after the limit, or when nothing more can come.
   */
  async waitFor<T>(what: string, limitMs: number, look: () => T | undefined | null | false): Promise<T> {
    const found = look()
    if (found) return found
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        timer?.cancel()
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
      const timer = this.isDebugged ? undefined : afterMs(limitMs, late)
      this.#watchers.add(watcher)
      watcher()
    })
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#child.kill(signal)
  }

  /** An error with the evidence: the console's last lines, QEMU's output, the lines that reproduce it. */
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

  /** Has all waiters look again. */
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
