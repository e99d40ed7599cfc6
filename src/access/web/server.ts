/**
 * The web view's HTTP server: serves the page to browsers with a session, and a WebSocket for each open page. Decides
 * who may connect, and knows nothing of the messages. Pages of other sites in the same browser are kept out: Host must
 * name this server, a socket's Origin must be the page's own, the cookie is SameSite=Strict, and only sockets can
 * change anything.
 */
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Logger } from '../../support/log.js'
import type { Clients } from '../http/clients.js'
import { isEveryInterface, isOwnHost } from '../http/host.js'
import { listenHttp } from '../http/http-server.js'
import { addressText, isLoopback, type ListenAddress, LOOPBACK } from '../http/listen-address.js'
import { Access } from './access.js'
import { type PageFile, readPageFiles } from './page-files.js'

/** Limits of connections, and of open pages. */
const CONNECTIONS_MAX = 64
const PAGES_MAX = 8
/** Size limit of a message from a page; requests have some hundred bytes. */
const MESSAGE_MAX = 64 << 10
const SOCKET_PATH = '/live'
/** Close code, from the registry of RFC 6455 §11.7. */
const TRY_LATER = 1013

const HEADERS: Readonly<Record<string, string>> = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': [
    "default-src 'none'",
    ...['script', 'style', 'connect', 'img'].map(kind => `${kind}-src 'self'`),
    ...['base-uri', 'form-action', 'frame-ancestors'].map(what => `${what} 'none'`),
  ].join('; '),
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
}

const TEXT = 'text/plain; charset=utf-8'
const HTML = 'text/html; charset=utf-8'

/** Response to a request. */
interface Reply {
  status: number
  type: string
  body: string | Buffer
  cookie?: string
}

const refused = (status: number, text: string): Reply => ({ status, type: TEXT, body: `${text}\n` })
const CLOSED = refused(403, 'Open this page with the last link that vhost-user-scmi printed; each link works once.')

export interface WebServerOptions {
  address: ListenAddress
  log: Logger
  clients: Clients
  /** A page with a session has connected. */
  onPage(socket: WebSocket): void
}

export class WebServer {
  /** With the actual port. */
  readonly address: ListenAddress
  readonly #http: HttpServer
  readonly #sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MESSAGE_MAX,
    perMessageDeflate: false,
    // Pongs are sent by page-link.ts, only while the page reads.
    autoPong: false,
  })
  readonly #access = new Access()
  readonly #files: ReadonlyMap<string, PageFile>
  readonly #options: WebServerOptions

  private constructor(http: HttpServer, options: WebServerOptions) {
    this.#http = http
    this.#options = options
    this.#files = readPageFiles()
    this.address = { ...options.address, port: (http.address() as AddressInfo).port }
    // Such as too many open files: waiting clients keep waiting.
    http.on('error', error => options.log.warn(`web view: ${error.message}`))
  }

  /** Resolves when browsers can connect. Throws OperatorError if the address can't be used. */
  static async open(options: WebServerOptions): Promise<WebServer> {
    const { address, clients } = options
    const http = await listenHttp({
      address,
      door: 'http',
      connectionsMax: CONNECTIONS_MAX,
      clients,
      onRequest: (request, response) => server.#onRequest(request, response),
      onUpgrade: (request, socket, head) => server.#onUpgrade(request, socket, head),
    })
    const server = new WebServer(http, options)
    const reach = isLoopback(options.address) ? '' : ' (unencrypted, and open to the network)'
    options.log.child({}, { level: 'info' }).info(`web view: ${server.link}${reach}`)
    return server
  }

  /** The link for the next browser; it works once. */
  get link(): string {
    const { address } = this
    const host = isEveryInterface(address) ? LOOPBACK : address.host
    return `http://${addressText({ ...address, host })}/?token=${this.#access.token}`
  }

  close(): void {
    for (const socket of this.#sockets.clients) socket.terminate()
    this.#http.close()
    this.#http.closeAllConnections()
  }

  get #cookie(): string {
    return `scmi_${this.address.port}`
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { status, type, body, cookie } = this.#refusal(request) ?? this.#reply(request)
    // Request bodies are not read; a refused connection is closed.
    if (status >= 400) response.setHeader('Connection', 'close')
    if (cookie !== undefined) response.setHeader('Set-Cookie', cookie)
    const length = Buffer.byteLength(body)
    response.writeHead(status, { ...HEADERS, 'Content-Type': type, 'Content-Length': length }).end(body)
  }

  /** Checks that apply to every request; undefined: it passes. */
  #refusal({ headers, method }: IncomingMessage): Reply | undefined {
    const { host, origin } = headers
    if (!isOwnHost(this.address, host)) return refused(403, `This is not ${host}, but ${addressText(this.address)}.`)
    if (origin !== undefined && origin !== `http://${host}`) {
      return refused(403, `Pages of ${origin} may not use this server.`)
    }
    return method === 'GET' || method === 'HEAD' ? undefined : refused(405, 'Only GET is allowed.')
  }

  #reply(request: IncomingMessage): Reply {
    const { pathname, searchParams } = urlOf(request)
    const token = pathname === '/' ? searchParams.get('token') : null
    if (token !== null && request.method === 'GET') return this.#enter(token)
    if (!this.#isKnown(request)) return CLOSED
    const file = this.#files.get(pathname)
    return file ? { status: 200, ...file } : refused(404, 'There is only one page, at /.')
  }

  #isKnown({ headers }: IncomingMessage): boolean {
    return this.#access.has(headers.cookie, this.#cookie)
  }

  /**
   * Exchanges a link's token for a session. Opens the page by a refresh, not by a redirect: browsers treat a redirect
   * as part of the navigation from the foreign page that showed the link, and withhold a strict cookie.
   */
  #enter(token: string): Reply {
    const session = this.#access.redeem(token)
    if (session === undefined) return CLOSED
    this.#options.log.info(`web view opened; for another browser: ${this.link}`)
    const cookie = `${this.#cookie}=${session}; Path=/; HttpOnly; SameSite=Strict`
    return { status: 200, type: HTML, body: '<!doctype html><meta http-equiv="refresh" content="0; url=/">', cookie }
  }

  #onUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const refusal = this.#refusal(request) ?? this.#socketRefusal(request)
    if (refusal) {
      socket.on('error', () => socket.destroy())
      socket.write(`HTTP/1.1 ${refusal.status} Refused\r\nConnection: close\r\n\r\n${refusal.body}`)
      // Not end(): the client may never close its side.
      socket.destroySoon()
      return
    }
    this.#sockets.handleUpgrade(request, socket, head, page => {
      // Scripts can see the code of a closed socket, but not why a connection was refused.
      if (this.#sockets.clients.size > PAGES_MAX) page.close(TRY_LATER, `${PAGES_MAX} pages are open; close one.`)
      else this.#options.onPage(page)
    })
  }

  #socketRefusal(request: IncomingMessage): Reply | undefined {
    if (urlOf(request).pathname !== SOCKET_PATH) return refused(404, `Sockets are at ${SOCKET_PATH}.`)
    if (request.headers.origin === undefined) return refused(403, 'Sockets need an Origin header.')
    return this.#isKnown(request) ? undefined : CLOSED
  }
}

/** Path and query; an invalid URL becomes a path that does not exist. */
function urlOf(request: IncomingMessage): URL {
  const base = 'http://host'
  return URL.canParse(request.url ?? '', base) ? new URL(request.url ?? '', base) : new URL('/none', base)
}
