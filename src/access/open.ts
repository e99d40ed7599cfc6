/** Opens access to a running server as options ask; loaded only then. */
import { createRequire } from 'node:module'
import type { Logger } from '../support/log.js'
import { Clients } from './http/clients.js'
import { Operations } from './operations/operations.js'
import type { Served } from './served.js'

const { version } = createRequire(import.meta.url)('#root/package.json') as { version: string }

export interface ControlOptions {
  /** The control service listens on this Unix socket. */
  control?: string
  /** The web view listens on this PORT or HOST:PORT; logs the link that opens it. */
  http?: string
  /** Metrics are served on this PORT or HOST:PORT, at /metrics. */
  metrics?: string
}

/**
 * Opens what `options` ask for. Returns a function that closes it. Throws OperatorError if something can't be opened.
 */
export async function openControl(server: Served, options: ControlOptions, log: Logger): Promise<() => void> {
  const operations = new Operations(server, version)
  const clients = new Clients(log)
  const opened: { close(): void }[] = [clients]
  const close = (): void => {
    for (const each of opened) each.close()
  }
  try {
    if (options.control !== undefined) {
      const { ControlServer } = await import('./control/grpc.js')
      opened.push(await ControlServer.open(options.control, { operations, log, clients }))
      log.info(`control service on ${options.control}`)
    }
    if (options.http !== undefined) {
      const { openWebView } = await import('./web/view.js')
      opened.push(await openWebView({ address: options.http, operations, log, clients }))
    }
    if (options.metrics !== undefined) {
      const { MetricsServer } = await import('./metrics/server.js')
      opened.push(await MetricsServer.open({ address: options.metrics, server, version, log, clients }))
    }
  } catch (error) {
    close()
    throw error
  }
  return close
}
