/**
 * Calls of the control service, as far as their number goes, and what their clients do not read. An interceptor: it sees all
 * calls, reflection's as well, and none of their meaning.
 */
import { constants, type Http2Session, type ServerHttp2Stream } from 'node:http2'
import {
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type ServerMethodDefinition,
  status,
} from '@grpc/grpc-js'
import type { Client, Clients } from '../http/clients.js'

/** Calls at once, and those among them that stream to the client. */
const CALLS_MAX = 128
const STREAMS_MAX = 32
/** Bytes that may wait for the client of a call without a look at what waits for all. */
const LARGE = 64 << 10
/** What a call may take to say what it wants. */
const REQUEST_MS = 10_000

type Listener = Parameters<ServerInterceptingCallInterface['start']>[0]
type Definition = ServerMethodDefinition<unknown, unknown>

interface OpenCall {
  connection: Http2Session | undefined
  isStream: boolean
  client: Client
}

/**
 * The call that gives way to one of another connection: of the connection with the most of them, the first that it does not
 * read. Undefined if the other one would then have as many: nobody gets in by asking more often.
 */
function callTooMany(open: Iterable<OpenCall>, connection: Http2Session | undefined): OpenCall | undefined {
  const groups = new Map<Http2Session | undefined, OpenCall[]>()
  for (const call of open) {
    const group = groups.get(call.connection)
    if (group) group.push(call)
    else groups.set(call.connection, [call])
  }
  const own = groups.get(connection)?.length ?? 0
  const [most = []] = [...groups.values()].sort((a, b) => b.length - a.length)
  return most.length > own + 1 ? most.find(({ client }) => client.waiting() > 0) : undefined
}

/** One for a whole server. */
export function callLimits(clients: Clients): ServerInterceptor {
  const open = new Set<OpenCall>()
  const streams = () => [...open].filter(({ isStream }) => isStream)
  return (method, call) => {
    const stream = streamOf(call)
    const isStream = method.responseStream
    const lacksStreams = () => isStream && streams().length >= STREAMS_MAX
    const isFull = () => open.size >= CALLS_MAX || lacksStreams()
    if (stream && isFull()) {
      const loser = callTooMany(lacksStreams() ? streams() : open, stream.session)
      if (loser) clients.end(loser.client, 'another connection, with fewer calls, wanted one')
      else clients.makeRoom('control')
    }
    if (!stream || isFull()) return new RefusedCall(call)
    const client: Client = {
      door: 'control',
      what: `a call of ${method.path.replace(/^.*\//, '')}`,
      waiting: () => stream.writableLength,
      progress: () => stream.writableLength,
      // Tells the client RESOURCE_EXHAUSTED; a status would wait behind all that it does not read.
      end: () => {
        stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM)
        leave()
      },
    }
    const opened = { connection: stream.session, isStream, client }
    open.add(opened)
    const remove = clients.add(client)
    const leave = (): void => {
      if (open.delete(opened)) remove()
    }
    stream.once('close', leave)
    return new LimitedCall(call, method, stream, clients)
  }
}

/** grpc-js keeps the stream of a call to itself, and has no other way to end one whose client does not read. */
function streamOf(call: ServerInterceptingCallInterface): ServerHttp2Stream | undefined {
  return Reflect.get(call, 'stream') as ServerHttp2Stream | undefined
}

class RefusedCall extends ServerInterceptingCall {
  override start(): void {
    const details = `there are ${CALLS_MAX} calls, or ${STREAMS_MAX} that stream: end one, or try again later`
    this.sendStatus({ code: status.RESOURCE_EXHAUSTED, details })
  }
}

class LimitedCall extends ServerInterceptingCall {
  readonly #stream: ServerHttp2Stream
  readonly #clients: Clients
  /** Messages that were sent and not read. */
  #unread = 0
  #readLater = false
  /** Ends the call, if it does not say what it wants. */
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

  /** Who does not read is not read either: gRPC keeps all replies that a call has yet to send. */
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
