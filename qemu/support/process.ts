/**
 * Runs other programs: passes on their lines as they come, puts the last lines into errors, and leaves no child behind. A
 * child leads its own process group, so that Ctrl-C reaches it only from here, in the order that the lab needs.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { InterruptedError, LabError, WorkError } from './errors.js'

export interface RunOptions {
  cwd?: string
  env?: NodeJS.ProcessEnv
  signal?: AbortSignal | undefined
  /** The file that the child's output is appended to. */
  log?: string
  onLine?: (line: string) => void
  /** Lines of descriptor 3: a status channel, such as apt's. */
  onStatus?: (line: string) => void
  /** Descriptors that the child inherits and holds as long as it lives, such as a lock. */
  hold?: number[]
  stdin?: string | Buffer
  /** The child stays in this process's group and keeps its terminal: for programs that ask for a password. */
  keepTerminal?: boolean
  /** The work's name in an error: "apt-get update". */
  what?: string
}

const TAIL_LINES = 30
const KILL_GRACE_MS = 5000

/** Runs a program to its end and resolves to its standard output; rejects with WorkError if the exit status is not 0. */
export async function run(command: string, args: string[], options: RunOptions = {}): Promise<string> {
  const { signal } = options
  if (signal?.aborted) throw new InterruptedError()
  const status = options.onStatus ? 'pipe' : 'ignore'
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    detached: !options.keepTerminal,
    stdio: ['pipe', 'pipe', 'pipe', status, ...(options.hold ?? [])],
  })
  const ended = new Promise<number | string>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, killer) => resolve(code ?? killer ?? 'unknown'))
  })
  const stop = () => endChild(child, options.keepTerminal ? 1 : -1)
  signal?.addEventListener('abort', stop)

  const output: string[] = []
  const tail: string[] = []
  const log = options.log ? createWriteStream(options.log, { flags: 'a' }) : undefined
  const take = (line: string) => {
    tail.push(line)
    if (tail.length > TAIL_LINES) tail.shift()
    log?.write(`${line}\n`)
    options.onLine?.(line)
  }
  createInterface(child.stdout!).on('line', line => {
    output.push(line)
    take(line)
  })
  createInterface(child.stderr!).on('line', take)
  if (options.onStatus) createInterface(child.stdio[3] as NodeJS.ReadableStream).on('line', options.onStatus)
  child.stdin!.on('error', () => child.stdin!.destroy()) // a child that does not read its input ends as it likes
  child.stdin!.end(options.stdin)

  try {
    const result = await ended
    if (signal?.aborted) throw new InterruptedError(result === 'SIGKILL')
    if (result !== 0) throw failure(command, result, tail, options)
    return output.length ? `${output.join('\n')}\n` : ''
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new LabError(`${command} is not installed: run "scmi-lab setup"`)
    throw error
  } finally {
    signal?.removeEventListener('abort', stop)
    if (log) await new Promise(done => log.end(done))
  }
}

function failure(command: string, result: number | string, tail: string[], options: RunOptions): WorkError {
  const how = typeof result === 'number' ? `exit status ${result}` : `killed by ${result}`
  const where = options.log ? `\nThe whole log: ${options.log}` : ''
  return new WorkError(`${options.what ?? command} failed (${how})\n${tail.join('\n')}${where}`)
}

/** Ends a child, or its whole group (`sign` -1): with SIGTERM, after a grace period with SIGKILL. */
function endChild(child: ChildProcess, sign: 1 | -1): void {
  const send = (name: NodeJS.Signals) => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    process.kill(sign * child.pid, name)
  }
  send('SIGTERM')
  setTimeout(send, KILL_GRACE_MS, 'SIGKILL').unref()
}

/** Quotes one word for a POSIX shell; plain words stay as they are. */
export const shellQuote = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`

export const shellLine = (words: string[]): string => words.map(shellQuote).join(' ')
