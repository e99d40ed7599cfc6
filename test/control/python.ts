/** A client in Python that knows only the socket: it learns the service by server reflection. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'

const CLIENT = join(import.meta.dirname, 'reflect.py')

/** Runs the client with Debian's Python, whose modules setup installs. Returns the replies, which it prints one a line. */
export function python(socket: string, ...args: string[]): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    execFile('/usr/bin/python3', [CLIENT, socket, ...args], (error, stdout, stderr) => {
      if (error && stdout === '') reject(new Error(stderr))
      else
        resolve(
          stdout
            .trimEnd()
            .split('\n')
            .map(line => JSON.parse(line) as unknown),
        )
    })
  })
}
