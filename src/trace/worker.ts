/** The thread that encodes and writes a trace, so that the devices' thread does not: see recorder.ts for its other end. */
import os from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { loadPlugin, type PluginModule, withPlugin } from '../loading/plugins.js'
import type { Protocol } from '../protocols/declaration/protocol.js'
import { protocols as standard } from '../protocols/index.js'
import type { TraceStart } from './events.js'
import { rests } from './rest.js'
import { type TraceMessage, TraceSession } from './session.js'

export interface TraceWorkerData {
  fd: number
  start: TraceStart
  plugins: readonly PluginModule[]
  /** Of the chunks of records. */
  memory: SharedArrayBuffer
  /** One Int32: 1 when the trace ends, see rest.ts. */
  hurry: SharedArrayBuffer
}

let protocols: readonly Protocol[] = standard
const { fd, start, plugins, memory, hurry } = workerData as TraceWorkerData
for (const { name, folder } of plugins) protocols = withPlugin(protocols, await loadPlugin(name, folder), name)
const session = new TraceSession(protocols, start, fd, memory, rests(new Int32Array(hurry)))

// The devices' thread has work that is urgent; what this one does not get done in time is counted. Any lower, and it takes
// minutes to begin or end a trace where others keep the machine busy. On Linux, 0 is the thread.
os.setPriority(0, os.constants.priority.PRIORITY_BELOW_NORMAL)

// What it says is always a TraceProgress: one when it is ready, and one for each message that it was sent.
const port = parentPort!
port.postMessage(session.progress)
port.on('message', (message: TraceMessage) => {
  port.postMessage(session.handle(message))
  if (message.type === 'end') port.close()
})
