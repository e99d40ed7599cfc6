/** Sockets that a supervisor has opened for this process, as systemd does (sd_listen_fds(3)). */
import { OperatorError } from '../support/errors.js'

/** They begin there, one after the other. */
const FIRST_FD = 3

export interface InheritedSocket {
  /** What the supervisor calls it, in systemd by FileDescriptorName=. */
  name: string
  fd: number
}

/** The sockets that are meant for the process with this id. Throws OperatorError if what says so makes no sense. */
export function inheritedSockets(env: NodeJS.ProcessEnv, pid: number): InheritedSocket[] {
  const { LISTEN_PID, LISTEN_FDS = '', LISTEN_FDNAMES = '' } = env
  if (LISTEN_PID !== String(pid)) return []
  if (!/^[1-9]\d{0,2}$/.test(LISTEN_FDS)) throw new OperatorError(`LISTEN_FDS=${LISTEN_FDS}: is no number of sockets`)
  const names = LISTEN_FDNAMES.split(':')
  if (Number(LISTEN_FDS) > 1 && new Set(names.filter(Boolean)).size !== Number(LISTEN_FDS)) {
    throw new OperatorError(`LISTEN_FDNAMES=${LISTEN_FDNAMES}: of several sockets each needs its agent's name`)
  }
  return Array.from({ length: Number(LISTEN_FDS) }, (_, i) => ({ name: names[i] ?? '', fd: FIRST_FD + i }))
}
