/** A back end that the user's command starts: waits until it listens, watches it, ends it and all that it started. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuMsOf } from '../../src/bench/process-status.js'
import { InterruptedError, LabError, WorkError } from '../support/errors.js'
import { shellQuote } from '../support/process.js'

/** Stands in a command for the path of the socket. */
const PLACE = '{socket}'
const START_LIMIT_MS = 10_000
const LOOK_EVERY_MS = 20
const KILL_GRACE_MS = 2_000
const TAIL_LINES = 10
/** Flags in /proc/net/unix of a socket that listens. */
const LISTENS = '00010000'

/** Puts the socket's path into the command line. Throws LabError if the command has no {socket}. */
export function commandFor(command: string, socketPath: string): string {
  if (command.includes(PLACE)) return command.replaceAll(PLACE, shellQuote(socketPath))
  throw new LabError(
    `--backend "${command}": write ${PLACE} where the path of the socket goes, as "my-device --socket-path ${PLACE}"`,
  )
}

export class BackEndProcess {
  /** Rejects, with the command's output, if it ends before it is stopped. */
  readonly ended: Promise<never>
  /** The same, once it has. */
  failure: WorkError | undefined
  readonly #child: ChildProcess
  #stderr = ''
  #isStopping = false

  private constructor(command: string) {
    // A process group of its own, so that all it starts can be ended; setpriv ends it when this process dies.
    this.#child = spawn('setpriv', ['--pdeathsig', 'TERM', 'sh', '-c', command], {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#child.stderr!.setEncoding('utf8').on('data', text => (this.#stderr += text))
    this.ended = new Promise((_, reject) => {
      this.#child.on('error', reject)
      this.#child.on('close', (code, signal) => {
        const how = signal ? `was ended by ${signal}` : `ended with exit status ${code}`
        if (this.#isStopping) return
        this.failure = this.#error(how)
        reject(this.failure)
      })
    })
    // It may happen before somebody looks.
    this.ended.catch(() => {})
  }

  /** Starts it, and resolves when somebody listens on the socket. */
  static async start(command: string, socketPath: string, signal?: AbortSignal): Promise<BackEndProcess> {
    const backEnd = new BackEndProcess(command)
    try {
      for (const began = Date.now(); !isListening(socketPath); ) {
        if (signal?.aborted) throw new InterruptedError()
        if (Date.now() - began > START_LIMIT_MS) {
          throw backEnd.#error(`does not listen on ${socketPath} after ${START_LIMIT_MS / 1000} s`)
        }
        await Promise.race([sleep(LOOK_EVERY_MS), backEnd.ended])
      }
      return backEnd
    } catch (error) {
      await backEnd.stop()
      throw error
    }
  }

  /** CPU time of all its processes so far, in milliseconds. */
  cpuMs(): number {
    return processesOf(this.#child.pid!).reduce((sum, pid) => sum + cpuMsOf(pid), 0)
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    const group = this.#child.pid
    if (group === undefined) return
    for (const name of ['SIGTERM', 'SIGKILL'] as const) {
      if (processesOf(group).length === 0) return
      sendTo(group, name)
      const began = Date.now()
      while (processesOf(group).length > 0 && Date.now() - began < KILL_GRACE_MS) await sleep(LOOK_EVERY_MS)
    }
  }

  #error(how: string): WorkError {
    const tail = this.#stderr.trimEnd().split('\n').slice(-TAIL_LINES).join('\n')
    return new WorkError(`the back end ${how}${tail && `\n--- what it said\n${tail}`}`)
  }
}

function isListening(path: string): boolean {
  return readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .some(line => line.endsWith(` ${path}`) && line.includes(` ${LISTENS} `))
}

/** A group may end by itself meanwhile. */
function sendTo(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** The live processes of a group, without zombies. */
function processesOf(group: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter(pid => {
      if (!pid) return false
      try {
        // pid (name) state parent group …, and a name may have spaces and brackets.
        const [state, , its] = readFileSync(`/proc/${pid}/stat`, 'utf8')
          .replace(/^.*\) /s, '')
          .split(' ')
        return Number(its) === group && state !== 'Z'
      } catch {
        return false // ended meanwhile
      }
    })
}
