/** TCP addresses that HTTP servers listen on, as options give them: on loopback, unless they say otherwise. */
import { createServer, type Server } from 'node:http'
import { errorCode, OperatorError } from '../errors.js'

export interface ListenAddress {
  /** The option that gave it, for errors. */
  option: string
  /** Name or IP address, without brackets. */
  host: string
  /** 0: any free one. */
  port: number
}

const PORT_MAX = 0xffff
export const LOOPBACK = '127.0.0.1'
export const LOOPBACK_NAMES: readonly string[] = [LOOPBACK, '::1', 'localhost']

/** `8080`, which is on loopback, `localhost:8080`, `192.168.1.5:8080` or `[::1]:8080`. Throws OperatorError. */
export function parseListenAddress(option: string, text: string): ListenAddress {
  const [, host = LOOPBACK, digits] = /^(?:([\w.-]+|\[[\da-f:.]+\]):)?(\d{1,5})$/i.exec(text) ?? []
  const port = Number(digits)
  if (digits !== undefined && port <= PORT_MAX) return { option, host: withoutBrackets(host), port }
  throw new OperatorError(`${option} ${text}: write PORT or HOST:PORT with a port of 0 (any free one) to ${PORT_MAX}`)
}

/** `127.0.0.1:8080`, `[::1]:8080` */
export function addressText({ host, port }: ListenAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** Whether only this machine can reach it. */
export function isLoopback({ host }: ListenAddress): boolean {
  return LOOPBACK_NAMES.includes(host) || /^127(\.\d{1,3}){3}$/.test(host)
}

/** An IPv6 address without the brackets that it has in URLs; others as they are. */
export function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1')
}

const PROBLEMS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program uses that port; choose another, or 0 for any free one',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'that port needs privileges; choose one above 1023',
  ENOTFOUND: 'there is no such name',
}

/** What a connection may take to say what it wants, and how often that is looked at. */
const REQUEST_MS = 5000
const CHECK_MS = 1000

/** Resolves with an HTTP server that listens. Throws OperatorError if the address can't be used. */
export function listenHttp(address: ListenAddress, connectionsMax: number): Promise<Server> {
  const server = createServer({
    headersTimeout: REQUEST_MS,
    requestTimeout: REQUEST_MS,
    connectionsCheckingInterval: CHECK_MS,
  })
  server.maxConnections = connectionsMax
  return new Promise((resolve, reject) => {
    server.once('error', error => {
      const problem = PROBLEMS[errorCode(error) ?? ''] ?? error.message
      reject(new OperatorError(`${address.option} ${addressText(address)}: ${problem}`))
    })
    server.listen(address.port, address.host, () => resolve(server))
  })
}
