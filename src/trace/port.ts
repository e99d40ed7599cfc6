/**
 * Starts the session that encodes and writes a trace: in a worker, or on this thread if the worker can't load all
 * protocols.
 */
import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import type { PluginModule } from '../loading/plugins.js'
import type { Protocol } from '../protocols/declaration/protocol.js'
import type { TraceStart } from './events.js'
import { type TraceMessage, type TraceProgress, TraceSession } from './session.js'
import type { TraceWorkerData } from './worker.js'

export interface SessionPort {
  /** Sends to the session, which reports progress for each message, in order. */
  post(message: TraceMessage): void
  /** Makes the session work without pauses, because its end is wanted soon. */
  hurry(): void
}

export interface SessionOptions {
  /** Descriptor of the trace file; the session closes it. */
  fd: number
  start: TraceStart
  protocols: readonly Protocol[]
  /** Modules of the protocols besides the standard ones; undefined: not all come from modules. */
  plugins: readonly PluginModule[] | undefined
  /** Shared memory of the chunks. */
  memory: SharedArrayBuffer
  /** Called when the session has begun, and once for each message. */
  onProgress(progress: TraceProgress): void
  /** The session has ended; early if there is an error. */
  onExit(error?: Error): void
}

/** Starts a session. Resolves at its first progress. */
export async function openSession(options: SessionOptions): Promise<SessionPort> {
  return options.plugins ? openWorker(options, options.plugins) : openHere(options)
}

/** Protocols that a program has defined can't be sent to a worker, because their layouts contain functions. */
function openHere({ fd, start, protocols, memory, onProgress, onExit }: SessionOptions): SessionPort {
  const session = new TraceSession(protocols, start, fd, memory)
  onProgress(session.progress)
  return {
    post(message) {
      onProgress(session.handle(message))
      if (message.type === 'end') onExit()
    },
    hurry() {},
  }
}

function openWorker(options: SessionOptions, plugins: readonly PluginModule[]): Promise<SessionPort> {
  const { fd, start, memory, onProgress, onExit } = options
  const hurry = new Int32Array(new SharedArrayBuffer(4))
  const workerData: TraceWorkerData = { fd, start, plugins, memory, hurry: hurry.buffer as SharedArrayBuffer }
  // Compiled code: workers can't run TypeScript.
  const file = createRequire(import.meta.url).resolve('#root/dist/src/trace/worker.js')
  const worker = new Worker(file, { workerData, trackUnmanagedFds: false })
  const port: SessionPort = {
    post: message => worker.postMessage(message),
    hurry() {
      Atomics.store(hurry, 0, 1)
      Atomics.notify(hurry, 0)
    },
  }
  return new Promise((resolve, reject) => {
    let failure: Error | undefined
    worker.on('message', (progress: TraceProgress) => {
      onProgress(progress)
      resolve(port)
    })
    worker.on('error', error => {
      failure = error
    })
    worker.on('exit', () => {
      if (failure) reject(failure)
      onExit(failure)
    })
  })
}
