/** Runs the built `scmi-lab` as a user does, in an environment of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { shellLine } from '../../qemu/support/process.js'

export const CLI = join(import.meta.dirname, '../../dist/qemu/cli.js')
const LIMIT_MS = 60_000

export class LabCommand {
  readonly child: ChildProcess
  stdout = ''
  stderr = ''
  /** Exit code, or the name of the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>
  readonly #watchers = new Set<() => void>()

  /** `terminal`: the command runs on a terminal of its own; `type` types into it. */
  constructor(args: string[], env: NodeJS.ProcessEnv = {}, where: 'pipes' | 'terminal' = 'pipes') {
    if (!existsSync(CLI)) throw new Error(`${CLI} is missing: npm run compile`)
    const words = [process.execPath, CLI, ...args]
    const [program, ...rest] = where === 'pipes' ? words : ['script', '-qec', shellLine(words), '/dev/null']
    this.child = spawn(program!, rest, {
      env: { ...process.env, ...env },
      stdio: [where === 'pipes' ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    this.child.stdout!.setEncoding('utf8').on('data', text => this.#take('stdout', text))
    this.child.stderr!.setEncoding('utf8').on('data', text => this.#take('stderr', text))
    this.ended = new Promise(resolve => this.child.on('close', (code, signal) => resolve(code ?? signal!)))
  }

  /** Resolves once standard error has the pattern; rejects if the command ends first, or takes too long. */
  said(pattern: RegExp): Promise<void> {
    return this.#find('stderr', pattern)
  }

  /** The same for standard output, which is a guest's console where the command boots one. */
  heard(pattern: RegExp): Promise<void> {
    return this.#find('stdout', pattern)
  }

  type(text: string): void {
    this.child.stdin!.write(text)
  }

  #find(where: 'stdout' | 'stderr', pattern: RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        clearTimeout(timer)
        this.#watchers.delete(look)
        settle()
      }
      const look = () => {
        if (pattern.test(this[where])) finish(resolve)
      }
      const fail = (why: string) =>
        finish(() => reject(new Error(`${why}: ${pattern} in\n${this.stdout}${this.stderr}`)))
      const timer = setTimeout(fail, LIMIT_MS, `not within ${LIMIT_MS} ms`)
      this.#watchers.add(look)
      void this.ended.then(code => fail(`ended (${code}) before it said`))
      look()
    })
  }

  #take(which: 'stdout' | 'stderr', text: string): void {
    this[which] += text
    for (const watcher of this.#watchers) watcher()
  }
}

export interface Finished {
  code: number | NodeJS.Signals
  stdout: string
  stderr: string
}

/** Runs the command to its end. */
export async function runLab(args: string[], env: NodeJS.ProcessEnv = {}, limitMs = LIMIT_MS): Promise<Finished> {
  const command = new LabCommand(args, env)
  const timer = setTimeout(() => command.child.kill('SIGKILL'), limitMs)
  const code = await command.ended
  clearTimeout(timer)
  return { code, stdout: command.stdout, stderr: command.stderr }
}

/** A folder that is gone after `use`. */
export async function inFolder<T>(use: (folder: string) => Promise<T> | T): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'scmi-lab-test-'))
  try {
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
