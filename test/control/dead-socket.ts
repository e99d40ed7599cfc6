/** Sockets of devices that died. */
import { linkSync, renameSync } from 'node:fs'
import { createServer } from 'node:net'

/** Leaves a socket file that nobody listens on. */
export async function leaveStale(path: string): Promise<void> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(path, resolve))
  // Closing removes the file: a second name keeps it.
  linkSync(path, `${path}.kept`)
  await new Promise(resolve => server.close(resolve))
  renameSync(`${path}.kept`, path)
}
