/** Runs the back end's command as a supervisor would: starts, kills and restarts it, and collects what it logs. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { packageRoot } from '../../qemu/support/paths.js'

const CLI = join(packageRoot, 'dist/src/cli.js')
const LIMIT_MS = 30_000

/** A kill may interrupt the write of a record, whose command then has no answer yet. */
const TORN_RECORD = /WARN: state: dropped \d+ bytes of an incomplete record/

export class BackEnd {
  /** Warnings and errors that it logged, other than that. */
  readonly complaints: string[] = []
  readonly #words: readonly string[]
  readonly #folder: string
  #child: ChildProcess
  #ready = false

  /** `words`: its arguments, without those for the log; `folder`: its working directory. */
  constructor(words: readonly string[], folder: string) {
    this.#words = words
    this.#folder = folder
    this.#child = this.#start()
  }

  #start(): ChildProcess {
    const words = [CLI, ...this.#words, '--log-level', 'warn']
    const child = spawn(process.execPath, words, { cwd: this.#folder, stdio: ['ignore', 'ignore', 'pipe'] })
    this.#ready = false
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.split('\n')) {
        if (line.includes('ready: ')) this.#ready = true
        else if (line !== '' && !TORN_RECORD.test(line)) this.complaints.push(line)
      }
    })
    return child
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** Polls `condition`, and sleeps in between so that the back end has the CPU. */
  async until(condition: () => boolean, what: string): Promise<void> {
    for (const deadline = performance.now() + LIMIT_MS; !condition(); await sleep(1)) {
      const said = this.complaints.join('; ') || 'nothing'
      if (this.#child.exitCode !== null) throw new Error(`the back end has ended; it said ${said}`)
      if (performance.now() > deadline) throw new Error(`timed out waiting for ${what}; the back end said ${said}`)
    }
  }

  async ready(): Promise<void> {
    await this.until(() => this.#ready, 'the back end to start')
  }

  /** Kills it and starts another. */
  async replace(): Promise<void> {
    await this.#end('SIGKILL')
    this.#child = this.#start()
  }

  /** Stops it. Returns its complaints, and its exit code if that is not 0. */
  async close(): Promise<string[]> {
    const code = await this.#end('SIGTERM')
    const failures = this.complaints.map(line => `the back end said: ${line}`)
    return code === 0 ? failures : [...failures, `the back end ended with ${code}`]
  }

  async #end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals> {
    const child = this.#child
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode ?? child.signalCode!
    const ended = new Promise<number | NodeJS.Signals>(resolve => {
      child.once('exit', (code, signal) => resolve(code ?? signal!))
    })
    child.kill(signal)
    return ended
  }
}
