/** Claims socket paths: replaces stale socket files, and leaves live sockets and other files alone. */
import { lstatSync, unlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { errorCode, OperatorError } from './errors.js'

/**
 * Makes `path`, given by `option`, free to bind: removes a stale socket file. Throws OperatorError if the path is
 * something else, or is in use by a live process.
 */
export async function claimSocketPath(path: string, option = '--socket-path'): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (!stat) return
  if (!stat.isSocket()) {
    throw new OperatorError(`${path} exists and is not a socket; give another ${option} or remove it`)
  }
  if (await isServed(path)) {
    throw new OperatorError(`${path} is served by a running process; stop it or give another ${option}`)
  }
  unlinkSync(path)
}

/** Whether a process listens on the socket file. A listener with a full backlog (EAGAIN) counts. */
function isServed(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', error => {
      const code = errorCode(error)
      if (code === 'ECONNREFUSED' || code === 'ENOENT') resolve(false)
      else if (code === 'EAGAIN') resolve(true)
      else reject(new OperatorError(`can't find out whether ${path} is in use: ${error.message}`))
    })
  })
}

/** Identity of a socket file, so that only our own is removed later. */
export function socketIdentity(path: string): string | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  return stat && `${stat.dev}:${stat.ino}`
}

/** Removes the socket file unless somebody has replaced it. */
export function releaseSocketPath(path: string, identity: string | undefined): void {
  if (identity !== undefined && socketIdentity(path) === identity) unlinkSync(path)
}
