/**
 * A lock across processes: flock(2) on an open file. The kernel releases it with the last process that holds the
 * descriptor, so a killed build leaves nothing to clean up.
 */
import { type StdioOptions, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { InterruptedError, WorkError } from './errors.js'

/** Runs `work` while holding the lock; calls `onWait` once if another process holds it. */
export async function withLock<T>(
  path: string,
  options: { signal?: AbortSignal | undefined; onWait?: () => void },
  work: (lock: number) => Promise<T>,
): Promise<T> {
  const file = openSync(path, 'a')
  try {
    if (!(await flock(file, ['-n'], options.signal))) {
      options.onWait?.()
      if (!(await flock(file, [], options.signal))) throw new WorkError(`cannot lock ${path}`)
    }
    return await work(file)
  } finally {
    closeSync(file)
  }
}

/** flock(1) locks the open file that it inherits from us, so the lock remains when flock(1) has ended. */
function flock(file: number, args: string[], signal: AbortSignal | undefined): Promise<boolean> {
  return new Promise((resolve, reject) => {
    // In its own process group: Ctrl-C on the terminal reaches it only through `signal`.
    const stdio: StdioOptions = ['ignore', 'ignore', 'ignore', file]
    const child = spawn('flock', ['-x', ...args, '3'], { stdio, signal, detached: true })
    child.on('error', error => reject(signal?.aborted ? new InterruptedError() : error))
    child.on('close', code => resolve(code === 0))
  })
}
