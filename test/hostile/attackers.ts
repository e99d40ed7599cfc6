/**
 * Hostile clients: they send requests and do not read, or connect and send nothing. Each attack goes on until it is ended,
 * and counts its requests.
 */
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { WebSocket } from 'ws'

export interface Attack {
  /** Number of requests, calls or connections so far. */
  count: number
  end(): void
}

/** Keeps `sockets` connections open; those that are closed are opened again. `onOpen` may write to one. */
function connections(options: NetConnectOpts, sockets: number, onOpen: (socket: Socket) => void): Attack {
  const open = new Set<Socket>()
  let isOver = false
  const attack = {
    count: 0,
    end() {
      isOver = true
      for (const socket of open) socket.destroy()
    },
  }
  const start = (): void => {
    if (isOver) return
    const socket = connect(options)
    open.add(socket)
    attack.count++
    socket.pause()
    socket.on('connect', () => onOpen(socket))
    socket.on('error', () => {})
    socket.on('close', () => {
      open.delete(socket)
      // Without a delay, this would be a busy loop if nobody listens.
      setTimeout(start, 5)
    })
  }
  for (let i = 0; i < sockets; i++) start()
  return attack
}

/** Connects and says nothing. */
export const silent = (options: NetConnectOpts, sockets: number): Attack => connections(options, sockets, () => {})

/** Connects and sends a header that never ends, a few bytes at a time. */
export function slow(options: NetConnectOpts, sockets: number): Attack {
  return connections(options, sockets, socket => {
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n')
    const timer = setInterval(() => socket.write('X-A: b\r\n'), 200)
    socket.on('close', () => clearInterval(timer))
  })
}

/** Sends the same request over and over, many at a time, and reads nothing. */
export function unreadRequests(port: number, path: string, sockets: number, cookie = ''): Attack {
  const requests = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\n\r\n`.repeat(1000)
  return connections({ port, host: '127.0.0.1' }, sockets, socket => {
    const send = (): void => {
      while (!socket.destroyed && socket.write(requests));
    }
    socket.on('drain', send)
    send()
  })
}

/** A page that sends requests as fast as they are taken, and reads no answer. */
export function unreadPage(url: string, headers: Record<string, string>): Attack {
  const socket = new WebSocket(url, { headers })
  const attack = { count: 0, end: () => socket.terminate() }
  const text = JSON.stringify({ op: 'show', filter: {} })
  const request = JSON.stringify({ op: 'set', id: 1, request: { address: 'x'.repeat(2000), value: '1' } })
  const send = (): void => {
    if (socket.readyState !== WebSocket.OPEN) return
    for (; socket.bufferedAmount < 1 << 20; attack.count++) socket.send(request)
    setTimeout(send, 1)
  }
  socket.on('error', () => {})
  socket.on('open', () => {
    socket.pause()
    socket.send(text)
    send()
  })
  return attack
}

/** An empty message of gRPC, or one with these bytes. */
function grpcMessage(bytes = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(5)
  header.writeUInt32BE(bytes.length, 1)
  return Buffer.concat([header, bytes])
}

export interface UnreadCalls extends Attack {
  session: ClientHttp2Session
  /** HTTP/2 codes by which calls ended. */
  codes: number[]
}

/** Makes calls of one method, over and over, and reads nothing: the window of each stream stays as it is. */
export function unreadCalls(
  path: string,
  method: string,
  { calls = 64, message = Buffer.alloc(0), repeat = 1 } = {},
): UnreadCalls {
  const session = connectHttp2('http://localhost', {
    createConnection: () => connect(path),
    settings: { initialWindowSize: 1 << 10 },
  })
  session.on('error', () => {})
  const codes: number[] = []
  const attack = { count: 0, codes, session, end: () => session.destroy() }
  const body = grpcMessage(message)
  const start = (): void => {
    if (session.destroyed) return
    attack.count++
    const headers = { 'content-type': 'application/grpc', te: 'trailers', ':method': 'POST', ':path': method }
    const stream = session.request(headers)
    stream.on('error', () => {})
    stream.pause()
    stream.on('close', () => {
      codes.push(stream.rstCode)
      setTimeout(start, 5)
    })
    if (repeat === 1) {
      stream.end(body)
      return
    }
    const many = Buffer.concat(Array.from({ length: 100 }, () => body))
    const send = (): void => {
      while (!stream.destroyed && stream.write(many));
    }
    stream.on('drain', send)
    send()
  }
  session.on('connect', () => {
    for (let i = 0; i < calls; i++) start()
  })
  return attack
}

/** A MessageFilter with the largest `max_per_second`. */
export const AS_MANY_AS_THERE_ARE = Buffer.from([0x38, 0xff, 0xff, 0xff, 0xff, 0x0f])
/** A ServerReflectionRequest that lists all services. */
export const LIST_SERVICES = Buffer.from([0x3a, 0x01, 0x2a])
