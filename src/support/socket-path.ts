/** Taking over a socket path: stale socket files are replaced, anything that is alive or no socket is left alone. */
import { lstatSync, type Stats, unlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { errorCode, OperatorError } from './errors.js'

/**
 * Makes `path` free to bind, which `option` gave. Removes a socket file that nobody listens on.
 * Throws OperatorError if the path is something else, or if a live process serves it.
 */
export async function claimSocketPath(path: string, option = '--socket-path'): Promise<void> {
  let stat: Stats | undefined
  try {
    stat = lstatSync(path, { throwIfNoEntry: false })
  } catch (error) {
    throw new OperatorError(`${path}: ${(error as Error).message}; give another ${option}`)
  }
  if (!stat) return
  if (!stat.isSocket()) {
    throw new OperatorError(`${path} exists and is not a socket; give another ${option} or remove it`)
  }
  if (await isServed(path)) {
    throw new OperatorError(`${path} is served by a running process; stop it or give another ${option}`)
  }
  unlinkSync(path)
}

/** Whether somebody listens on the socket file. A listener with a full backlog (EAGAIN) counts. */
function isServed(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', error => {
      const code = errorCode(error)
      if (code === 'ECONNREFUSED' || code === 'ENOENT') resolve(false)
      else if (code === 'EAGAIN') resolve(true)
      else reject(new OperatorError(`cannot tell whether ${path} is in use: ${error.message}`))
    })
  })
}

/** The identity of a socket file, to remove it later only if it is still ours. */
export function socketIdentity(path: string): string | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  return stat && `${stat.dev}:${stat.ino}`
}

/** Removes the socket file unless somebody else has put another one there. */
export function releaseSocketPath(path: string, identity: string | undefined): void {
  if (identity !== undefined && socketIdentity(path) === identity) unlinkSync(path)
}
