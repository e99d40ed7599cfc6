/** An HTTP server with limits for the number and time of connections, requests and responses. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { errorCode, OperatorError } from '../../support/errors.js'
import type { Clients, Door } from './clients.js'
import { addressText, type ListenAddress } from './listen-address.js'
import { Slots } from './slots.js'

const PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use; choose another, or 0 for any free one',
  EADDRNOTAVAIL: 'not an address of this machine',
  EACCES: 'the port needs privileges; choose one above 1023',
  ENOTFOUND: 'unknown host name',
}

/** Time limit for a connection to send its request, and how often that is checked. */
const REQUEST_MS = 5000
const CHECK_MS = 1000
/** Time limit for an idle connection. */
const IDLE_MS = 30_000
/** Time limit for a client to read a response. */
const RESPONSE_MS = 60_000
const HEADERS_MAX = 8 << 10
const HEADERS_END = '\r\n\r\n'
/** Limit of header ends in one read of a connection; one GET has one. */
const PIPELINED_MAX = 4

export interface HttpOptions {
  address: ListenAddress
  door: Door
  connectionsMax: number
  clients: Clients
  /** One request at a time per connection: a client that pipelines is disconnected. */
  onRequest(request: IncomingMessage, response: ServerResponse): void
  /** Takes over the connection, without limits. Default: a request to upgrade is a request as any other. */
  onUpgrade?(request: IncomingMessage, socket: Socket, head: Buffer): void
}

/** Resolves with a listening server. Throws OperatorError if the address can't be used. */
export function listenHttp(options: HttpOptions): Promise<Server> {
  const { address, door, connectionsMax, clients, onRequest, onUpgrade } = options
  const server = createServer({
    headersTimeout: REQUEST_MS,
    requestTimeout: REQUEST_MS,
    connectionsCheckingInterval: CHECK_MS,
    maxHeaderSize: HEADERS_MAX,
  })
  server.timeout = IDLE_MS
  /** Connections with a request that is not answered yet. */
  const busy = new WeakSet<Socket>()
  const removers = new WeakMap<Socket, () => void>()
  const slots = new Slots(connectionsMax, socket => !busy.has(socket))
  server.on('connection', (socket: Socket) => {
    if (!slots.admit(socket)) return
    socket.prependListener('data', refusePipelines)
    const remove = clients.add(httpClient(door, socket))
    removers.set(socket, remove)
    socket.once('close', remove)
  })
  server.on('request', (request, response) => {
    const { socket } = request
    if (socket.destroyed) return
    if (busy.has(socket)) {
      socket.destroy()
      return
    }
    busy.add(socket)
    response.once('close', () => busy.delete(socket))
    onRequest(request, response)
    clients.sent()
  })
  if (onUpgrade) {
    server.on('upgrade', (request, _, head) => {
      const { socket } = request
      socket.off('data', refusePipelines)
      busy.add(socket)
      removers.get(socket)?.()
      onUpgrade(request, socket, head)
    })
  }
  return new Promise((resolve, reject) => {
    server.once('error', error => {
      const problem = PROBLEMS[errorCode(error) ?? ''] ?? error.message
      reject(new OperatorError(`${address.option} ${addressText(address)}: ${problem}`))
    })
    server.listen(address.port, address.host, () => resolve(server))
  })
}

/**
 * Disconnects a client that pipelines many requests. Node would make objects for each request of a read, a thousand in
 * 64 KiB, even after the connection is destroyed. Its parser gets the same buffer after this, and stops at the zeros.
 */
function refusePipelines(this: Socket, read: Buffer): void {
  let requests = 0
  for (let at = read.indexOf(HEADERS_END); at >= 0; at = read.indexOf(HEADERS_END, at + HEADERS_END.length)) {
    if (++requests <= PIPELINED_MAX) continue
    read.fill(0)
    this.destroy()
    return
  }
}

function httpClient(door: Door, socket: Socket) {
  return {
    door,
    what: `a connection of --${door}`,
    waiting: () => socket.writableLength,
    progress: () => socket.bytesWritten - socket.writableLength,
    end: () => void socket.destroy(),
    limitMs: RESPONSE_MS,
  }
}
