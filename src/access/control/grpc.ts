/**
 * The control service on a Unix socket that only its owner can open. A thin layer: each method of the schema calls the
 * operation of that name, and RequestErrors become gRPC codes.
 */
import { existsSync } from 'node:fs'
import { createServer, type Socket, type Server as SocketServer } from 'node:net'
import { dirname } from 'node:path'
import {
  Server as GrpcServer,
  ServerCredentials,
  type ServerWritableStream,
  type ServiceError,
  type sendUnaryData,
  status,
  type UntypedHandleCall,
} from '@grpc/grpc-js'
import { ReflectionService } from '@grpc/reflection'
import { OperatorError, RequestError } from '../../support/errors.js'
import { LimitedLog } from '../../support/limited-log.js'
import type { Logger } from '../../support/log.js'
import { printable } from '../../support/printable.js'
import { claimSocketPath, releaseSocketPath, socketIdentity } from '../../support/socket-path.js'
import type { Clients } from '../http/clients.js'
import { Slots } from '../http/slots.js'
import type { Operations } from '../operations/operations.js'
import type { Sink } from '../operations/sink.js'
import { callLimits } from './calls.js'
import { corrected } from './reflection.js'
import { operationName, packageDefinition, serviceDefinition } from './schema.js'

/** Only the owner may connect: whoever can write to the socket can change the platform. */
const OWNER_ONLY = 0o177

const CONNECTIONS_MAX = 64
/** Length in bytes of the HTTP/2 connection preface (RFC 9113 §3.4), and time limit for it. */
const PREFACE = 24
const PREFACE_MS = 5000
const GRPC_OPTIONS = {
  'grpc.max_concurrent_streams': 64,
  // Half a MiB for each possible call (calls.ts).
  'grpc.max_receive_message_length': 512 << 10,
  // Per connection, in MB. It only limits new data, not data already buffered.
  'grpc-node.max_session_memory': 16,
  // Closes dead connections, and those without calls.
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.max_connection_idle_ms': 60_000,
}

export interface ControlServerOptions {
  operations: Operations
  log: Logger
  clients: Clients
}

/**
 * Loads the schema and serves it; `close` ends all calls and removes the socket file. Throws OperatorError for an
 * unusable path.
 */
export class ControlServer {
  readonly path: string
  readonly #grpc: GrpcServer
  readonly #sockets: SocketServer
  readonly #identity: string | undefined

  private constructor(path: string, grpc: GrpcServer, sockets: SocketServer) {
    this.path = path
    this.#grpc = grpc
    this.#sockets = sockets
    this.#identity = socketIdentity(path)
  }

  static async open(path: string, { operations, log, clients }: ControlServerOptions): Promise<ControlServer> {
    const grpc = new GrpcServer({ ...GRPC_OPTIONS, interceptors: [callLimits(clients)] })
    const service = serviceDefinition()
    grpc.addService(service, implementation(operations, new LimitedLog(log)))
    new ReflectionService(corrected(packageDefinition())).addToServer(grpc)
    const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure())
    const slots = new Slots(CONNECTIONS_MAX, isSilent)
    const sockets = createServer(socket => {
      if (!slots.admit(socket)) return
      const timer = setTimeout(() => isSilent(socket) && socket.destroy(), PREFACE_MS).unref()
      socket.once('close', () => clearTimeout(timer))
      injector.injectConnection(socket)
    })
    await claimSocketPath(path, '--control')
    await listen(sockets, path)
    return new ControlServer(path, grpc, sockets)
  }

  close(): void {
    this.#sockets.close()
    this.#grpc.forceShutdown()
    releaseSocketPath(this.path, this.#identity)
  }
}

/** Whether a connection has not sent the HTTP/2 preface yet. */
const isSilent = (socket: Socket): boolean => socket.bytesRead < PREFACE

function listen(sockets: SocketServer, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    sockets.once('error', error => {
      const folder = dirname(path)
      const problem = existsSync(folder) ? error.message : `there is no folder ${folder}`
      reject(new OperatorError(`--control ${path}: ${problem}`))
    })
    sockets.once('listening', resolve)
    // The socket file is created within the call.
    const before = process.umask(OWNER_ONLY)
    try {
      sockets.listen(path)
    } finally {
      process.umask(before)
    }
  })
}

type Unary = (request: unknown) => unknown
type Streaming = (request: unknown, sink: Sink<unknown>) => () => void

function implementation(operations: Operations, log: LimitedLog): Record<string, UntypedHandleCall> {
  return Object.fromEntries(
    Object.entries(serviceDefinition()).map(([method, { responseStream }]) => {
      const operation: unknown = Reflect.get(operations, operationName(method))
      if (typeof operation !== 'function') throw new Error(`there is no operation for ${method}`)
      const bound = operation.bind(operations)
      return [method, responseStream ? streaming(bound as Streaming, log) : unary(bound as Unary, log)]
    }),
  )
}

function unary(operation: Unary, log: LimitedLog): UntypedHandleCall {
  return async ({ request }: { request: unknown }, callback: sendUnaryData<unknown>) => {
    try {
      callback(null, await operation(request))
    } catch (error) {
      callback(serviceError(error, log))
    }
  }
}

function streaming(operation: Streaming, log: LimitedLog): UntypedHandleCall {
  return (call: ServerWritableStream<unknown, unknown>) => {
    try {
      const stop = operation(call.request, {
        send: message => void call.write(message),
        // One message at a time: this bounds what a call buffers; the rest is omitted or counted.
        ready: () => call.writableLength === 0,
      })
      call.once('close', stop)
      call.once('cancelled', stop)
    } catch (error) {
      call.emit('error', serviceError(error, log))
    }
  }
}

function serviceError(error: unknown, log: LimitedLog): Partial<ServiceError> {
  if (error instanceof RequestError) return { code: status[error.refusal], details: error.message }
  if (error instanceof OperatorError) return { code: status.INVALID_ARGUMENT, details: error.message }
  log.bug(error, 'a control operation failed (a bug)')
  return { code: status.INTERNAL, details: printable(`a bug of vhost-user-scmi: ${error}`) }
}
