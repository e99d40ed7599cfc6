/** What `vhost-user-scmi` does without a subcommand: serves a platform until a signal ends it. */
import type { Endpoint } from '../endpoint.js'
import { createLogger } from '../log.js'
import type { LogLevel } from '../log-levels.js'
import { serve } from '../serve.js'
import { type OpenOptions, waysIn } from './open-options.js'

export interface ServeCommandOptions extends OpenOptions {
  socketPath?: string
  connect?: string
  fd?: number
  platform: string
  plugin: string[]
  logLevel: LogLevel
  json: boolean
  memSlots: boolean
  trace?: string
  pollUs: number | 'auto'
  state?: string
  agent: Record<string, Endpoint>
}

function endpointOf(options: ServeCommandOptions): Endpoint | undefined {
  if (options.socketPath !== undefined) return { socketPath: options.socketPath }
  if (options.connect !== undefined) return { connectPath: options.connect }
  if (options.fd !== undefined) return { fd: options.fd }
  return undefined
}

function describeEndpoint(endpoint: Endpoint): string {
  if ('connectPath' in endpoint) return `dialling ${endpoint.connectPath}`
  return `accepting connections on ${'fd' in endpoint ? `fd ${endpoint.fd}` : endpoint.socketPath}`
}

export async function run(options: ServeCommandOptions): Promise<void> {
  const endpoint = endpointOf(options)
  const open = waysIn(options)
  const log = createLogger({ level: options.logLevel, json: options.json })
  const server = await serve({
    ...(endpoint ? { endpoint } : {}),
    endpoints: options.agent,
    platform: options.platform,
    plugins: options.plugin,
    log,
    ...(options.trace === undefined ? {} : { trace: options.trace }),
    ...(options.state === undefined ? {} : { state: options.state }),
    ...(open ? { open } : {}),
    native: { memSlots: options.memSlots, pollUs: options.pollUs },
  })
  const stop = (signal: NodeJS.Signals): void => {
    log.info(`${signal}: stopping`)
    server.close()
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  // Said at any log level: supervisors wait for it.
  log.child({}, { level: 'info' }).info(`ready: ${server.endpoints.map(describeEndpoint).join(', ')}`)
}
