/** Client of the control service, for the command line: operations of a device in another process. */
import { connect } from 'node:net'
import { resolve } from 'node:path'
import { Client, type ClientReadableStream, credentials, type ServiceError, status } from '@grpc/grpc-js'
import { errorCode, FailedError, OperatorError } from '../../support/errors.js'
import type { Operations } from '../operations/operations.js'
import { operationName, serviceDefinition } from './schema.js'
import { checkControlOwner } from './socket.js'

/** Operations that stream. */
interface Streamed {
  watch: Operations['watch']
  streamMessages: Operations['streamMessages']
}
type StreamRequest<Name extends keyof Streamed> = Parameters<Streamed[Name]>[0]
type Message<Name extends keyof Streamed> = Parameters<Parameters<Streamed[Name]>[1]['send']>[0]

/** Operations with a single reply. */
type UnaryName = Exclude<keyof Operations, keyof Streamed | 'server' | 'resources'>
type Reply<Name extends UnaryName> = Operations[Name] extends (request: never) => infer Result ? Awaited<Result> : never
type Request<Name extends UnaryName> = Parameters<Operations[Name]>[0]

/** Time limit of a reply; the device may be busy. */
const DEADLINE_MS = 10_000

/** Codes for mistakes of the operator, as opposed to failures of the device. */
const WRONG: readonly number[] = [status.NOT_FOUND, status.INVALID_ARGUMENT, status.ALREADY_EXISTS]

export class ControlClient {
  readonly #path: string
  readonly #client: Client
  readonly #methods = serviceDefinition()

  private constructor(path: string) {
    this.#path = path
    this.#client = new Client(`unix:${resolve(path)}`, credentials.createInsecure(), {
      // A description of thousands of resources is one message.
      'grpc.max_receive_message_length': -1,
    })
  }

  /** Throws OperatorError if the socket does not exist or belongs to another user, FailedError if nobody serves it. */
  static async open(path: string): Promise<ControlClient> {
    checkControlOwner(path)
    await probe(path)
    return new ControlClient(path)
  }

  /** Throws what the operation throws: OperatorError for a wrong request, FailedError for everything else. */
  call<Name extends UnaryName>(name: Name, request: Request<Name>): Promise<Reply<Name>> {
    const { path, requestSerialize, responseDeserialize } = this.#method(name)
    return new Promise((resolve, reject) => {
      const deadline = Date.now() + DEADLINE_MS
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request ?? {},
        { deadline },
        (error, reply) => {
          if (error) reject(this.#errorOf(error))
          else resolve(reply as Reply<Name>)
        },
      )
    })
  }

  /** Calls `onMessage` until the promise settles, because of `signal` or an error as for `call`. */
  stream<Name extends keyof Streamed>(
    name: Name,
    request: StreamRequest<Name>,
    onMessage: (message: Message<Name>) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    const { path, requestSerialize, responseDeserialize } = this.#method(name)
    const call: ClientReadableStream<unknown> = this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
    )
    return new Promise((resolve, reject) => {
      const stop = () => call.cancel()
      signal?.addEventListener('abort', stop, { once: true })
      call.on('data', onMessage)
      call.once('error', (error: ServiceError) => {
        signal?.removeEventListener('abort', stop)
        if (signal?.aborted) resolve()
        else reject(this.#errorOf(error))
      })
      call.once('end', resolve)
    })
  }

  close(): void {
    this.#client.close()
  }

  #method(name: string) {
    const method = Object.entries(this.#methods).find(([method]) => operationName(method) === name)?.[1]
    if (!method) throw new Error(`the schema has no method for ${name}`)
    return method
  }

  #errorOf({ code, details }: ServiceError): Error {
    if (WRONG.includes(code)) return new OperatorError(details)
    if (code === status.UNAVAILABLE || code === status.CANCELLED) {
      return new FailedError(`the device at ${this.#path} has stopped`)
    }
    if (code === status.DEADLINE_EXCEEDED) return new FailedError(`the device at ${this.#path} does not answer`)
    return new FailedError(details)
  }
}

/** Checks whether somebody serves the socket; gRPC does not report that separately. */
function probe(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve()
    })
    socket.once('error', error => reject(connectError(path, error)))
  })
}

function connectError(path: string, error: Error): Error {
  switch (errorCode(error)) {
    case 'ENOENT':
      return new OperatorError(
        `there is no socket ${path}; start the device with --control ${path}, or give another path`,
      )
    case 'ECONNREFUSED':
      return new FailedError(`nothing listens on ${path}: the device has exited`)
    case 'EACCES':
      return new FailedError(`${path} belongs to another user: only the user who started the device can control it`)
    case 'ENOTSOCK':
      return new OperatorError(`${path} is not a socket`)
    default:
      return new FailedError(`can't connect to ${path}: ${error.message}`)
  }
}
