/** The default path of the control socket, and checks of its owner. */
import { lstatSync, mkdirSync, type Stats, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { errorCode, OperatorError } from '../../support/errors.js'

/** Environment variable with the path, for all commands of a session. */
export const CONTROL_VARIABLE = 'VHOST_USER_SCMI_CONTROL'

const ROOT = 0
const OWNER_ONLY = 0o700
const PERMISSIONS = 0o777
/** Node has user ids everywhere but on Windows. */
const userId = process.getuid?.() ?? ROOT

/** Fallback in /tmp, where everybody can create files, for systems without a runtime folder per user. */
const ownFolder = `/tmp/vhost-user-scmi-${userId}`

/** The default path, in the user's runtime folder if the system has one. */
export function defaultControlPath(): string {
  const { XDG_RUNTIME_DIR, [CONTROL_VARIABLE]: named } = process.env
  if (named) return named
  return XDG_RUNTIME_DIR ? join(XDG_RUNTIME_DIR, 'vhost-user-scmi') : join(ownFolder, 'control')
}

/** Creates the folder of the default path if it is the fallback. Throws OperatorError if others can access it. */
export function prepareControlPath(path: string): void {
  if (dirname(path) !== ownFolder) return
  try {
    mkdirSync(ownFolder, OWNER_ONLY)
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw new OperatorError(`--control: ${(error as Error).message}; give a path`)
  }
  checkOwnFolder()
}

/** Throws OperatorError unless only this user can write to the folder. */
function checkOwnFolder(): void {
  const stat = lstatSync(ownFolder, { throwIfNoEntry: false })
  if (!stat) return
  const isOurs = stat.isDirectory() && stat.uid === userId && (stat.mode & PERMISSIONS) === OWNER_ONLY
  if (isOurs) return
  throw new OperatorError(
    `--control: ${ownFolder} must be a folder of your own with mode 0700, and is not; remove it, or give a path`,
  )
}

/** Throws OperatorError if a user other than this one and root owns the socket. */
export function checkControlOwner(path: string): void {
  if (dirname(path) === ownFolder) checkOwnFolder()
  let stat: Stats | undefined
  try {
    stat = statSync(path, { throwIfNoEntry: false })
  } catch {
    // The connection attempt reports the reason.
  }
  if (!stat || stat.uid === userId || stat.uid === ROOT) return
  throw new OperatorError(
    `${path} belongs to another user (${stat.uid}), whose answers can't be trusted; give a socket of your own`,
  )
}
