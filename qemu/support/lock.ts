/**
 * One holder at a time, across processes. The lock is the kernel's own flock(2) on an open file: it ends with the last
 * process that holds the descriptor, so a killed build leaves nothing to clean up.
 */
import { type StdioOptions, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { InterruptedError, WorkError } from './errors.js'

/** Runs `work` while holding the lock; `onWait` is called once if somebody else has it. */
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

/** flock(1) locks the open file it inherits, which is ours: the lock stays when the program has ended. */
function flock(file: number, args: string[], signal: AbortSignal | undefined): Promise<boolean> {
  return new Promise((resolve, reject) => {
    // In a group of its own: Ctrl-C on the terminal reaches it through the signal alone.
    const stdio: StdioOptions = ['ignore', 'ignore', 'ignore', file]
    const child = spawn('flock', ['-x', ...args, '3'], { stdio, signal, detached: true })
    child.on('error', error => reject(signal?.aborted ? new InterruptedError() : error))
    child.on('close', code => resolve(code === 0))
  })
}
