/** A served platform with one guest, both until the test ends. */
import { pino } from 'pino'
import { onTestFinished } from 'vitest'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { type ServeOptions, serve } from '../../src/server/serve.js'
import { Guest, type GuestOptions } from '../driver/guest.js'
import { socketPath } from './rig.js'

/** `lines`: what was logged as a warning or an error. */
export async function guestOf(
  platform: ServeOptions['platform'],
  { guest: options, ...more }: Pick<ServeOptions, 'sharedMemory'> & { guest?: GuestOptions } = {},
) {
  const lines: string[] = []
  const write = (line: string) => void lines.push((JSON.parse(line) as { msg: string }).msg)
  const path = socketPath()
  const server = await serve({
    platform,
    endpoint: { socketPath: path },
    log: pino({ level: 'warn' }, { write }),
    ...more,
  })
  const guest = new Guest(options)
  onTestFinished(() => {
    guest.close()
    server.close()
  })
  await guest.connect(FrontEnd.connect(path))
  return { server, guest, lines, path }
}
