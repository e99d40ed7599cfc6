/** The thread that encodes and writes a trace, to relieve the devices' thread: recorder.ts is its other end. */
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
  /** Shared memory of the chunks. */
  memory: SharedArrayBuffer
  /** One Int32: 1 when the trace ends, see rest.ts. */
  hurry: SharedArrayBuffer
}

let protocols: readonly Protocol[] = standard
const { fd, start, plugins, memory, hurry } = workerData as TraceWorkerData
for (const { name, folder } of plugins) protocols = withPlugin(protocols, await loadPlugin(name, folder), name)
const session = new TraceSession(protocols, start, fd, memory, rests(new Int32Array(hurry)))

// The devices' thread has priority; what this thread can't keep up with is dropped and counted. With a still lower
// priority, starting or ending a trace would take minutes on a busy machine. On Linux, id 0 is this thread.
os.setPriority(0, os.constants.priority.PRIORITY_BELOW_NORMAL)

// Replies are always a TraceProgress: one when ready, and one for each message.
const port = parentPort!
port.postMessage(session.progress)
port.on('message', (message: TraceMessage) => {
  port.postMessage(session.handle(message))
  if (message.type === 'end') port.close()
})
