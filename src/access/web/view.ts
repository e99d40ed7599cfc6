/** The web view of a running platform: a page for each browser that was let in. */
import type { Logger } from '../../support/log.js'
import type { Clients } from '../http/clients.js'
import { parseListenAddress } from '../http/listen-address.js'
import type { Operations } from '../operations/operations.js'
import { PageLink } from './page-link.js'
import { WebServer } from './server.js'

export interface WebViewOptions {
  /** `PORT` or `HOST:PORT`, as `--http` has it. */
  address: string
  operations: Operations
  log: Logger
  clients: Clients
}

/** Resolves when browsers can connect; the log says where. Throws OperatorError for an address that can't be used. */
export function openWebView({ address, operations, log, clients }: WebViewOptions): Promise<WebServer> {
  return WebServer.open({
    address: parseListenAddress('--http', address),
    log,
    clients,
    onPage: socket => new PageLink(socket, { operations, log, clients }),
  })
}
