/** Runs the built command as a user does: its own process, real signals, real files. */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packageRoot } from '../../qemu/support/paths.js'

// The same path for tests that run from the source and for compiled ones.
const CLI = join(packageRoot, 'dist/src/cli.js')
const LIMIT_MS = 60_000

export class RunningCommand {
  readonly child: ChildProcess
  stdout = ''
  stderr = ''
  /** Exit code, or the name of the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>

  /** `stdout`: a descriptor for its output, instead of the field `stdout`; `env` is added to this process's. */
  constructor(args: string[], extraFds: number[] = [], stdout: 'pipe' | number = 'pipe', env: NodeJS.ProcessEnv = {}) {
    if (!existsSync(CLI)) throw new Error(`${CLI} is missing: npm run compile`)
    const stdio: StdioOptions = ['ignore', stdout, 'pipe', ...extraFds]
    this.child = spawn(process.execPath, [CLI, ...args], { stdio, env: { ...process.env, ...env } })
    this.child.stdout?.on('data', data => (this.stdout += data))
    this.child.stderr!.on('data', data => (this.stderr += data))
    this.ended = new Promise(resolve => this.child.on('close', (code, signal) => resolve(code ?? signal!)))
  }

  /** Resolves with the match once stderr has the pattern. Rejects if the command ends first, or takes too long. */
  said(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#matched('stderr', pattern)
  }

  /** The same for stdout. */
  printed(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#matched('stdout', pattern)
  }

  #matched(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`not within ${LIMIT_MS} ms: ${pattern} in\n${this[stream]}`)),
        LIMIT_MS,
      )
      const look = (): void => {
        const match = pattern.exec(this[stream])
        if (!match) return
        clearTimeout(timer)
        resolve(match)
      }
      this.child[stream]!.on('data', look)
      void this.ended.then(code => {
        clearTimeout(timer)
        reject(new Error(`ended (${code}) before it said ${pattern}:\n${this.stderr}`))
      })
      look()
    })
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | NodeJS.Signals> {
    this.child.kill(signal)
    return this.ended
  }
}

export interface Finished {
  code: number | NodeJS.Signals
  stdout: string
  stderr: string
}

/** Runs the command to its end. */
export async function runCommand(...args: string[]): Promise<Finished> {
  const command = new RunningCommand(args)
  const code = await command.ended
  return { code, stdout: command.stdout, stderr: command.stderr }
}

/** A folder that is gone after `use`. */
export async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'vhost-user-scmi-'))
  try {
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
