/** Socket activation: sockets that a supervisor such as systemd opened for this process (sd_listen_fds(3)). */
import { OperatorError } from '../support/errors.js'

/** File descriptors of the sockets are consecutive, from this one. */
const FIRST_FD = 3

export interface InheritedSocket {
  /** Name that the supervisor gave it; in systemd FileDescriptorName=. */
  name: string
  fd: number
}

/** The sockets passed to the process with this id. Throws OperatorError if the environment variables are wrong. */
export function inheritedSockets(env: NodeJS.ProcessEnv, pid: number): InheritedSocket[] {
  const { LISTEN_PID, LISTEN_FDS = '', LISTEN_FDNAMES = '' } = env
  if (LISTEN_PID !== String(pid)) return []
  if (!/^[1-9]\d{0,2}$/.test(LISTEN_FDS))
    throw new OperatorError(`LISTEN_FDS=${LISTEN_FDS}: is not a number of sockets`)
  const names = LISTEN_FDNAMES.split(':')
  if (Number(LISTEN_FDS) > 1 && new Set(names.filter(Boolean)).size !== Number(LISTEN_FDS)) {
    throw new OperatorError(`LISTEN_FDNAMES=${LISTEN_FDNAMES}: with several sockets, each needs the name of its agent`)
  }
  return Array.from({ length: Number(LISTEN_FDS) }, (_, i) => ({ name: names[i] ?? '', fd: FIRST_FD + i }))
}
