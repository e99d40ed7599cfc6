/**
 * The control service on a Unix socket, for its owner alone. A thin layer: each method of the schema is the operation of that
 * name, refusals become gRPC codes.
 */
import { existsSync } from 'node:fs'
import { createServer, type Server as SocketServer } from 'node:net'
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
import { OperatorError, RequestError } from '../errors.js'
import type { Logger } from '../log.js'
import { claimSocketPath, releaseSocketPath, socketIdentity } from '../socket-path.js'
import type { Operations } from './operations.js'
import { corrected } from './reflection.js'
import { operationName, packageDefinition, serviceDefinition } from './schema.js'
import type { Sink } from './sink.js'

/** Sockets are for their owners: whoever can write to one can change the platform. */
const OWNER_ONLY = 0o177

/** Loads and serves; `close` ends all calls and removes the socket file. Throws OperatorError for an unusable path. */
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

  static async open(path: string, operations: Operations, log: Logger): Promise<ControlServer> {
    const grpc = new GrpcServer()
    const service = serviceDefinition()
    grpc.addService(service, implementation(operations, log))
    new ReflectionService(corrected(packageDefinition())).addToServer(grpc)
    const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure())
    const sockets = createServer(socket => injector.injectConnection(socket))
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

function listen(sockets: SocketServer, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    sockets.once('error', error => {
      const folder = dirname(path)
      const problem = existsSync(folder) ? error.message : `there is no folder ${folder}`
      reject(new OperatorError(`--control ${path}: ${problem}`))
    })
    sockets.once('listening', resolve)
    // The file is made within the call.
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

function implementation(operations: Operations, log: Logger): Record<string, UntypedHandleCall> {
  return Object.fromEntries(
    Object.entries(serviceDefinition()).map(([method, { responseStream }]) => {
      const operation: unknown = Reflect.get(operations, operationName(method))
      if (typeof operation !== 'function') throw new Error(`there is no operation for ${method}`)
      const bound = operation.bind(operations)
      return [method, responseStream ? streaming(bound as Streaming, log) : unary(bound as Unary, log)]
    }),
  )
}

function unary(operation: Unary, log: Logger): UntypedHandleCall {
  return async ({ request }: { request: unknown }, callback: sendUnaryData<unknown>) => {
    try {
      callback(null, await operation(request))
    } catch (error) {
      callback(serviceError(error, log))
    }
  }
}

function streaming(operation: Streaming, log: Logger): UntypedHandleCall {
  return (call: ServerWritableStream<unknown, unknown>) => {
    try {
      const stop = operation(call.request, {
        send: message => void call.write(message),
        ready: () => !call.writableNeedDrain,
      })
      call.once('close', stop)
      call.once('cancelled', stop)
    } catch (error) {
      call.emit('error', serviceError(error, log))
    }
  }
}

function serviceError(error: unknown, log: Logger): Partial<ServiceError> {
  if (error instanceof RequestError) return { code: status[error.refusal], details: error.message }
  if (error instanceof OperatorError) return { code: status.INVALID_ARGUMENT, details: error.message }
  log.error(error, 'a control operation failed (a bug)')
  return { code: status.INTERNAL, details: `a bug of vhost-user-scmi: ${error}` }
}
