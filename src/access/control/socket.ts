/** Where the control service is found, unless somebody says it, and whose it may be. */
import { lstatSync, mkdirSync, type Stats, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { errorCode, OperatorError } from '../../support/errors.js'

/** Names the socket for all commands of a session. */
export const CONTROL_VARIABLE = 'VHOST_USER_SCMI_CONTROL'

const ROOT = 0
const OWNER_ONLY = 0o700
const PERMISSIONS = 0o777
/** Users of their own everywhere but on Windows. */
const userId = process.getuid?.() ?? ROOT

/** In /tmp, where everybody can make files: for users whose system gives them no folder for sockets. */
const ownFolder = `/tmp/vhost-user-scmi-${userId}`

/** The user's own folder for such files, where the system has one. */
export function defaultControlPath(): string {
  const { XDG_RUNTIME_DIR, [CONTROL_VARIABLE]: named } = process.env
  if (named) return named
  return XDG_RUNTIME_DIR ? join(XDG_RUNTIME_DIR, 'vhost-user-scmi') : join(ownFolder, 'control')
}

/** Makes the folder of the default path, if that is ours to make. Throws OperatorError if others can get at it. */
export function prepareControlPath(path: string): void {
  if (dirname(path) !== ownFolder) return
  try {
    mkdirSync(ownFolder, OWNER_ONLY)
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw new OperatorError(`--control: ${(error as Error).message}; give a path`)
  }
  checkOwnFolder()
}

/** Throws OperatorError unless nobody else can put anything into the folder. */
function checkOwnFolder(): void {
  const stat = lstatSync(ownFolder, { throwIfNoEntry: false })
  if (!stat) return
  const isOurs = stat.isDirectory() && stat.uid === userId && (stat.mode & PERMISSIONS) === OWNER_ONLY
  if (isOurs) return
  throw new OperatorError(
    `--control: ${ownFolder} must be a folder of your own with mode 0700, and is not; remove it, or give a path`,
  )
}

/** Throws OperatorError if somebody else may be behind the socket: neither this user nor root. */
export function checkControlOwner(path: string): void {
  if (dirname(path) === ownFolder) checkOwnFolder()
  let stat: Stats | undefined
  try {
    stat = statSync(path, { throwIfNoEntry: false })
  } catch {
    // Connecting tells why, too.
  }
  if (!stat || stat.uid === userId || stat.uid === ROOT) return
  throw new OperatorError(
    `${path} belongs to another user (${stat.uid}): whoever that is could answer anything; name a socket of your own`,
  )
}
