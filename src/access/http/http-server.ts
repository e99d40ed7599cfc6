/** An HTTP server that clients can't hold up: connections, requests and responses have limits of number and time. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { errorCode, OperatorError } from '../../support/errors.js'
import type { Clients, Door } from './clients.js'
import { addressText, type ListenAddress } from './listen-address.js'
import { Slots } from './slots.js'

const PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program uses that port; choose another, or 0 for any free one',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'that port needs privileges; choose one above 1023',
  ENOTFOUND: 'there is no such name',
}

/** What a connection may take to say what it wants, and how often that is looked at. */
const REQUEST_MS = 5000
const CHECK_MS = 1000
/** For how long a connection may do nothing at all. */
const IDLE_MS = 30_000
/** What reading a response may take. */
const RESPONSE_MS = 60_000
const HEADERS_MAX = 8 << 10

export interface HttpOptions {
  address: ListenAddress
  door: Door
  connectionsMax: number
  clients: Clients
  /** One at a time of each connection: who sends the next one before it has the response is disconnected. */
  onRequest(request: IncomingMessage, response: ServerResponse): void
}

/** Resolves with a server that listens. Throws OperatorError if the address can't be used. */
export function listenHttp({ address, door, connectionsMax, clients, onRequest }: HttpOptions): Promise<Server> {
  const server = createServer({
    headersTimeout: REQUEST_MS,
    requestTimeout: REQUEST_MS,
    connectionsCheckingInterval: CHECK_MS,
    maxHeaderSize: HEADERS_MAX,
  })
  server.timeout = IDLE_MS
  /** Connections that have asked for something, and not got it yet. */
  const busy = new WeakSet<Socket>()
  const removers = new WeakMap<Socket, () => void>()
  const slots = new Slots(connectionsMax, socket => !busy.has(socket))
  server.on('connection', (socket: Socket) => {
    if (!slots.admit(socket)) return
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
  // What a connection becomes then is not HTTP's to limit.
  server.on('upgrade', ({ socket }) => {
    busy.add(socket)
    removers.get(socket)?.()
  })
  return new Promise((resolve, reject) => {
    server.once('error', error => {
      const problem = PROBLEMS[errorCode(error) ?? ''] ?? error.message
      reject(new OperatorError(`${address.option} ${addressText(address)}: ${problem}`))
    })
    server.listen(address.port, address.host, () => resolve(server))
  })
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
