/** Where a trace is encoded and written: in a worker, or on this thread if the worker can't have all protocols. */
import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import type { PluginModule } from '../loading/plugins.js'
import type { Protocol } from '../protocols/declaration/protocol.js'
import type { TraceStart } from './events.js'
import { type TraceMessage, type TraceProgress, TraceSession } from './session.js'
import type { TraceWorkerData } from './worker.js'

export interface SessionPort {
  /** Sends to the session, which answers each message with its progress, in order. */
  post(message: TraceMessage): void
  /** What it has been sent is wanted soon, whatever else has to wait. */
  hurry(): void
}

export interface SessionOptions {
  /** Of the open trace file, which the session closes when it ends. */
  fd: number
  start: TraceStart
  protocols: readonly Protocol[]
  /** Modules that the protocols come from besides the standard ones; undefined: not all come from modules. */
  plugins: readonly PluginModule[] | undefined
  /** Of the chunks of records. */
  memory: SharedArrayBuffer
  /** Called when the session has begun, and then once for each message. */
  onProgress(progress: TraceProgress): void
  /** The session is over, before its end if there is an error. */
  onExit(error?: Error): void
}

/** Begins a session. Resolves when it has made its first progress. */
export async function openSession(options: SessionOptions): Promise<SessionPort> {
  return options.plugins ? openWorker(options, options.plugins) : openHere(options)
}

/** Protocols that a program has made itself can't be sent to a worker: their layouts have functions. */
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
  // What was built: workers can't run TypeScript.
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
