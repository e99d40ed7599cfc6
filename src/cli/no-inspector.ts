/**
 * Keeps Node's inspector closed; commands import this first. On SIGUSR1 Node opens it on a port, and any local user who
 * reaches that can run code in the process. --disable-sigusr1 exists only since Node 22.14, and a command that npm
 * installs can't set flags: so the signal gets a handler instead. A SIGUSR1 during Node's start, before this runs, may
 * still open the inspector, now or shortly after: then it is closed again.
 */
import type Inspector from 'node:inspector'
import { createRequire } from 'node:module'

/** When to check; Node opens the inspector from the event loop, some time after the signal. */
const LOOK_MS = [0, 100, 1000]

const wanted = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].some(text => /--inspect/.test(text))

process.on('SIGUSR1', () => {})
if (!wanted) for (const ms of LOOK_MS) setTimeout(shut, ms).unref()

function shut(): void {
  const inspector = createRequire(import.meta.url)('node:inspector') as typeof Inspector
  if (inspector.url() === undefined) return
  inspector.close()
  console.error('SIGUSR1 arrived while Node started: its inspector was open for a moment and is closed again')
}
