/** TCP addresses of HTTP servers, as options give them: on loopback by default. */
import { OperatorError } from '../../support/errors.js'

export interface ListenAddress {
  /** The option, for errors. */
  option: string
  /** Name or IP address, without brackets. */
  host: string
  /** 0: any free port. */
  port: number
}

const PORT_MAX = 0xffff
export const LOOPBACK = '127.0.0.1'
export const LOOPBACK_NAMES: readonly string[] = [LOOPBACK, '::1', 'localhost']

/** Parses `8080` (on loopback), `localhost:8080`, `192.168.1.5:8080` or `[::1]:8080`. Throws OperatorError. */
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

/** Whether only this machine can connect. */
export function isLoopback({ host }: ListenAddress): boolean {
  return LOOPBACK_NAMES.includes(host) || /^127(\.\d{1,3}){3}$/.test(host)
}

/** Removes the brackets that IPv6 addresses have in URLs. */
export function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1')
}
