/** Serves metrics over HTTP at /metrics. */
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Registry } from 'prom-client'
import type { Logger } from '../../support/log.js'
import type { Clients } from '../http/clients.js'
import { isOwnHost } from '../http/host.js'
import { listenHttp } from '../http/http-server.js'
import { addressText, isLoopback, type ListenAddress, parseListenAddress } from '../http/listen-address.js'
import type { Served } from '../served.js'
import { metricsText } from './metrics.js'

const PATH = '/metrics'
const CONNECTIONS_MAX = 16
/** Scrapes in a period that get values of their own; the others of the period get those of the last one. */
const FRESH_MAX = 8
const PERIOD_MS = 1000

export interface MetricsOptions {
  /** `PORT` or `HOST:PORT`, as in `--metrics`. */
  address: string
  server: Served
  /** This program's version. */
  version: string
  log: Logger
  clients: Clients
}

export class MetricsServer {
  /** With the actual port. */
  readonly address: ListenAddress
  readonly #http: HttpServer
  readonly #options: MetricsOptions
  #periodBeganMs = 0
  /** Scrapes in this period. */
  #scrapes = 0
  #last = Buffer.alloc(0)

  private constructor(http: HttpServer, address: ListenAddress, options: MetricsOptions) {
    this.address = { ...address, port: (http.address() as AddressInfo).port }
    this.#http = http
    this.#options = options
    // Such as too many open files: waiting clients keep waiting.
    http.on('error', error => options.log.warn(`metrics: ${error.message}`))
  }

  /** Resolves when it accepts requests; logs the address. Throws OperatorError for an unusable address. */
  static async open(options: MetricsOptions): Promise<MetricsServer> {
    const address = parseListenAddress('--metrics', options.address)
    const http = await listenHttp({
      address,
      door: 'metrics',
      connectionsMax: CONNECTIONS_MAX,
      clients: options.clients,
      onRequest: (request, response) => void server.#answer(request, response),
    })
    const server = new MetricsServer(http, address, options)
    const reach = isLoopback(address) ? '' : ' (unencrypted, and open to the network)'
    options.log.child({}, { level: 'info' }).info(`metrics: http://${addressText(server.address)}${PATH}${reach}`)
    return server
  }

  close(): void {
    this.#http.close()
    this.#http.closeAllConnections()
  }

  async #answer({ method, url, headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = (status: number, type: string, body: string | Buffer) =>
      response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) }).end(body)
    const refuse = (status: number, text: string) => answer(status, 'text/plain; charset=utf-8', `${text}\n`)
    // A wrong Host on loopback can only be a foreign page (DNS rebinding).
    if (isLoopback(this.address) && !isOwnHost(this.address, headers.host)) {
      refuse(403, `This is not ${headers.host}, but ${addressText(this.address)}.`)
    } else if (method !== 'GET' && method !== 'HEAD') {
      refuse(405, 'Only GET is allowed.')
    } else if (url !== PATH) {
      refuse(404, `Metrics are at ${PATH}.`)
    } else {
      answer(200, Registry.PROMETHEUS_CONTENT_TYPE, await this.#metrics())
    }
  }

  /** Bounds the time and memory that scrapes cost, however many there are. */
  async #metrics(): Promise<Buffer> {
    const nowMs = performance.now()
    if (nowMs - this.#periodBeganMs > PERIOD_MS) {
      this.#periodBeganMs = nowMs
      this.#scrapes = 0
    }
    if (this.#scrapes++ < FRESH_MAX) {
      const { server, version, clients } = this.#options
      this.#last = Buffer.from(await metricsText(server, version, clients.ended))
    }
    return this.#last
  }
}
