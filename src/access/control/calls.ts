/**
 * Limits of the control service: number of calls, and data that clients leave unread. An interceptor, so that it covers
 * all calls, reflection included.
 */
import { constants, type ServerHttp2Stream } from 'node:http2'
import {
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type ServerMethodDefinition,
  status,
} from '@grpc/grpc-js'
import type { Client, Clients } from '../http/clients.js'

/** Limits of concurrent calls, and of those among them that stream to the client. */
const CALLS_MAX = 128
const STREAMS_MAX = 32
/** Up to this many unread bytes of a call, the total of all clients is not checked. */
const LARGE = 64 << 10
/** Time limit for a call to send its request. */
const REQUEST_MS = 10_000

/** A connection of a client, by the calls that it has. */
interface Connection {
  calls: number
}

type Listener = Parameters<ServerInterceptingCallInterface['start']>[0]
type Definition = ServerMethodDefinition<unknown, unknown>

/** One set of limits for a whole server. */
export function callLimits(clients: Clients): ServerInterceptor {
  const open = { calls: 0, streams: 0 }
  const connections = new WeakMap<object, Connection>()
  const connectionOf = new WeakMap<Client, Connection>()
  return (method, call) => {
    const stream = streamOf(call)
    const session = stream?.session ?? {}
    const connection = connections.get(session) ?? { calls: 0 }
    connections.set(session, connection)
    const isStream = method.responseStream
    const isFull = () => open.calls >= CALLS_MAX || (isStream && open.streams >= STREAMS_MAX)
    // A connection replaces only calls of connections that have more than it: calling again and again gains nothing.
    if (isFull()) {
      const mayReplace = (other: Client) => (connectionOf.get(other)?.calls ?? 0) > connection.calls
      clients.makeRoom('control', mayReplace, connection.calls === 0)
    }
    if (!stream || isFull()) return new RefusedCall(call)
    open.calls++
    connection.calls++
    if (isStream) open.streams++
    const client: Client = {
      door: 'control',
      what: `a call of ${method.path.replace(/^.*\//, '')}`,
      waiting: () => stream.writableLength,
      progress: () => stream.writableLength,
      // Sends RESOURCE_EXHAUSTED by resetting the stream: a status would be queued behind the unread data.
      end: () => {
        stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM)
        leave()
      },
    }
    connectionOf.set(client, connection)
    const remove = clients.add(client)
    let isOpen = true
    const leave = (): void => {
      if (!isOpen) return
      isOpen = false
      open.calls--
      connection.calls--
      if (isStream) open.streams--
      remove()
    }
    stream.once('close', leave)
    return new LimitedCall(call, method, stream, clients)
  }
}

/**
 * The HTTP/2 stream of a call. grpc-js keeps it private and has no other way to end a call whose client does not read.
 */
function streamOf(call: ServerInterceptingCallInterface): ServerHttp2Stream | undefined {
  return Reflect.get(call, 'stream') as ServerHttp2Stream | undefined
}

class RefusedCall extends ServerInterceptingCall {
  override start(): void {
    const details = `there are ${CALLS_MAX} calls, or ${STREAMS_MAX} streaming ones: end one, or try again later`
    this.sendStatus({ code: status.RESOURCE_EXHAUSTED, details })
  }
}

class LimitedCall extends ServerInterceptingCall {
  readonly #stream: ServerHttp2Stream
  readonly #clients: Clients
  /** Messages sent but not read. */
  #unread = 0
  #readLater = false
  /** Ends the call unless its request arrives in time. */
  readonly #timer: NodeJS.Timeout | undefined

  constructor(call: ServerInterceptingCallInterface, method: Definition, stream: ServerHttp2Stream, clients: Clients) {
    super(call)
    this.#stream = stream
    this.#clients = clients
    if (method.requestStream) return
    this.#timer = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), REQUEST_MS)
    this.#timer.unref()
    stream.once('close', () => clearTimeout(this.#timer))
  }

  override start(listener: Listener): void {
    const onReceiveMessage = (message: unknown): void => {
      clearTimeout(this.#timer)
      listener.onReceiveMessage(message)
    }
    super.start({
      onReceiveMetadata: metadata => listener.onReceiveMetadata(metadata),
      onReceiveMessage,
      onReceiveHalfClose: () => listener.onReceiveHalfClose(),
      onCancel: () => listener.onCancel(),
    })
  }

  /** Stops reading from a client that does not read: gRPC buffers all replies of a call. */
  override startRead(): void {
    if (this.#unread > 0) this.#readLater = true
    else super.startRead()
  }

  override sendMessage(message: unknown, callback: () => void): void {
    this.#unread++
    super.sendMessage(message, () => {
      this.#unread--
      if (this.#unread === 0 && this.#readLater) {
        this.#readLater = false
        super.startRead()
      }
      callback()
    })
    if (this.#stream.writableLength > LARGE) this.#clients.sent()
  }
}
