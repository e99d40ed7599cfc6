/** The web view of a running platform: serves the page and connects open pages to the operations. */
import type { Logger } from '../../support/log.js'
import type { Clients } from '../http/clients.js'
import { parseListenAddress } from '../http/listen-address.js'
import type { Operations } from '../operations/operations.js'
import { PageLink } from './page-link.js'
import { WebServer } from './server.js'

export interface WebViewOptions {
  /** `PORT` or `HOST:PORT`, as in `--http`. */
  address: string
  operations: Operations
  log: Logger
  clients: Clients
}

/** Resolves when browsers can connect; logs the link. Throws OperatorError for an unusable address. */
export function openWebView({ address, operations, log, clients }: WebViewOptions): Promise<WebServer> {
  return WebServer.open({
    address: parseListenAddress('--http', address),
    log,
    clients,
    onPage: socket => new PageLink(socket, { operations, log, clients }),
  })
}
