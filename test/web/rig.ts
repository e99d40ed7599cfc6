/** A served platform with its web view, and what browsers and attackers send to it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { Clients } from '../../src/access/http/clients.js'
import { Operations } from '../../src/access/operations/operations.js'
import type { WebServer } from '../../src/access/web/server.js'
import { openWebView } from '../../src/access/web/view.js'
import type { Answer, FromDevice, Hello, Requests, Tick } from '../../src/access/web/wire.js'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { until } from '../../src/front-end/wait.js'
import { definePlatform } from '../../src/loading/load.js'
import { serve } from '../../src/server/serve.js'
import type { Server } from '../../src/server/server.js'
import { Guest } from '../driver/guest.js'

const PLATFORM = {
  vendor: 'acme',
  clocks: [
    { name: 'cpu', rates: ['600 MHz', '1.2 GHz'] },
    { name: 'uart', rate: '24 MHz' },
  ],
  sensors: [{ name: 'soc', type: 'celsius', scale: -3, value: 41.5 }],
}

export interface WebRig {
  server: Server
  web: WebServer
  clients: Clients
  /** Lines of the log. */
  log: string[]
  /** The first agent's socket. */
  socketPath: string
}

/** `sections` of the platform file replace those of PLATFORM. */
export async function openRig(sections: Record<string, unknown> = {}, stuckMs?: number): Promise<WebRig> {
  const folder = mkdtempSync(join(tmpdir(), 'scmi-web-'))
  const socketPath = join(folder, 'socket')
  const lines: string[] = []
  const log = pino({ level: 'info' }, { write: line => void lines.push((JSON.parse(line) as { msg: string }).msg) })
  const server = await serve({ platform: definePlatform({ ...PLATFORM, ...sections }), endpoint: { socketPath }, log })
  const clients = new Clients(log, stuckMs)
  const web = await openWebView({ address: '0', operations: new Operations(server, '0.0.0'), log, clients })
  onTestFinished(() => {
    clients.close()
    web.close()
    server.close()
    rmSync(folder, { recursive: true })
  })
  return { server, web, clients, log: lines, socketPath }
}

/** Connects a mock driver as guest. */
export async function connectGuest(socketPath: string): Promise<Guest> {
  const guest = new Guest()
  onTestFinished(() => guest.close())
  await guest.connect(FrontEnd.connect(socketPath))
  return guest
}

export interface Reply {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

export interface Asking {
  method?: string
  headers?: Record<string, string>
  body?: Buffer
}

/** Sends a request without normalising its path, as browsers would. */
export function ask(
  { address }: WebServer,
  path: string,
  { method = 'GET', headers = {}, body }: Asking = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const options = { host: address.host, port: address.port, path, method, headers, agent: false }
    const request = httpRequest(options, response => {
      let text = ''
      response.on('data', chunk => (text += chunk))
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body: text }))
    })
    request.on('error', reject)
    request.end(body)
  })
}

/** Opens the link, and returns the cookie that a browser would keep. */
export async function enter(web: WebServer): Promise<string> {
  const { search } = new URL(web.link)
  const { headers } = await ask(web, `/${search}`)
  return headers['set-cookie']![0]!.split(';', 1)[0]!
}

export const originOf = ({ address }: WebServer): string => `http://${address.host}:${address.port}`

/** Opens a socket as a page does; headers can be others. */
export function openSocket(web: WebServer, headers: Record<string, string>, path = '/live'): WebSocket {
  const { host, port } = web.address
  const socket = new WebSocket(`ws://${host}:${port}${path}`, { headers })
  onTestFinished(() => socket.terminate())
  return socket
}

/** The status with which a socket is refused; rejects if it is accepted. */
export function refusal(socket: WebSocket): Promise<number> {
  return new Promise((resolve, reject) => {
    socket.on('error', () => {})
    socket.on('unexpected-response', (_request, response) => resolve(response.statusCode!))
    socket.on('open', () => reject(new Error('the socket was accepted')))
  })
}

/** Waits for a socket to close; returns code and reason. */
export function closing(socket: WebSocket): Promise<{ code: number; reason: string }> {
  return new Promise(resolve => {
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }))
  })
}

/** A page without a browser: collects what it is sent, and sends requests. */
export class Page {
  readonly socket: WebSocket
  readonly ticks: Tick[] = []
  hello: Hello | undefined
  readonly #answers = new Map<number, Answer>()
  #lastId = 0

  private constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (bytes: Buffer) => this.#onMessage(JSON.parse(bytes.toString()) as FromDevice))
  }

  static async open(web: WebServer, cookie: string): Promise<Page> {
    const page = new Page(openSocket(web, { Origin: originOf(web), Cookie: cookie }))
    await until(() => page.hello !== undefined, 'the page to be greeted')
    return page
  }

  #onMessage(message: FromDevice): void {
    if (message.type === 'hello') this.hello = message
    else if (message.type === 'tick') this.ticks.push(message)
    else this.#answers.set(message.id, message)
  }

  async request<Name extends keyof Requests>(op: Name | string, request: Requests[Name] | object): Promise<Answer> {
    const id = ++this.#lastId
    this.socket.send(JSON.stringify({ op, id, request }))
    await until(() => this.#answers.has(id), `an answer to ${op}`)
    return this.#answers.get(id)!
  }

  /** The newest value of a property. */
  shown(address: string): string | undefined {
    return this.ticks.flatMap(tick => tick.values ?? []).findLast(([at]) => at === address)?.[1]
  }
}
