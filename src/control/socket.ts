/** Where the control service is found, unless somebody says it. */
import { join } from 'node:path'

/** Names the socket for all commands of a session. */
export const CONTROL_VARIABLE = 'VHOST_USER_SCMI_CONTROL'

/** The user's own folder for such files, where the system has one. */
export function defaultControlPath(): string {
  const { XDG_RUNTIME_DIR, [CONTROL_VARIABLE]: named } = process.env
  if (named) return named
  return XDG_RUNTIME_DIR ? join(XDG_RUNTIME_DIR, 'vhost-user-scmi') : `/tmp/vhost-user-scmi-${process.getuid?.()}`
}
