/**
 * Keeps Node's inspector shut, for commands; imported before all else. On SIGUSR1 Node opens it on a port, and whoever
 * reaches that, any local user, can run code in the process. Node can be told not to (--disable-sigusr1), but only since
 * 22.14, and a command that npm installs has no place for flags: the signal gets a handler instead. One that came while Node
 * started, before this ran, may have opened it, now or soon: it is shut again.
 */
import type Inspector from 'node:inspector'
import { createRequire } from 'node:module'

/** When it is looked at; Node opens it from the event loop, some time after the signal. */
const LOOK_MS = [0, 100, 1000]

const wanted = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].some(text => /--inspect/.test(text))

process.on('SIGUSR1', () => {})
if (!wanted) for (const ms of LOOK_MS) setTimeout(shut, ms).unref()

function shut(): void {
  const inspector = createRequire(import.meta.url)('node:inspector') as typeof Inspector
  if (inspector.url() === undefined) return
  inspector.close()
  console.error('SIGUSR1 came while Node started: its inspector was open for a moment, and is shut')
}
