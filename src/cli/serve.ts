/** `vhost-user-scmi` without a subcommand: serves a platform until a signal ends it. */
import type { Endpoint } from '../device/endpoint.js'
import { surviveDroppedErrors } from '../loading/plugin-guard.js'
import { type ServeOptions, serve } from '../server/serve.js'
import { createLogger } from '../support/log.js'
import type { LogLevel } from '../support/log-levels.js'
import { inheritedSockets } from './activation.js'
import { type OpenOptions, waysIn } from './open-options.js'
import { ENDING_SIGNALS } from './signals.js'

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
  faults?: string
  agent: Record<string, Endpoint>
  socketMode: number
  releaseAfter: number
  sharedMemory?: number
}

const MS_PER_S = 1000

/** Endpoints from the options, or else from socket activation, one for each agent. */
function endpointsOf(options: ServeCommandOptions): Pick<ServeOptions, 'endpoint' | 'endpoints'> {
  const { socketPath, connect, fd, agent: endpoints } = options
  if (socketPath !== undefined) return { endpoint: { socketPath }, endpoints }
  if (connect !== undefined) return { endpoint: { connectPath: connect }, endpoints }
  if (fd !== undefined) return { endpoint: { fd }, endpoints }
  if (Object.keys(endpoints).length > 0) return { endpoints }
  const sockets = inheritedSockets(process.env, process.pid)
  // A single socket needs no name.
  if (sockets.length === 1) return { endpoint: { fd: sockets[0]!.fd } }
  return { endpoints: Object.fromEntries(sockets.map(({ name, fd }) => [name, { fd }])) }
}

function describeEndpoint(endpoint: Endpoint): string {
  if ('connectPath' in endpoint) return `connecting to ${endpoint.connectPath}`
  return `accepting connections on ${'fd' in endpoint ? `fd ${endpoint.fd}` : endpoint.socketPath}`
}

export async function run(options: ServeCommandOptions): Promise<void> {
  const open = waysIn(options)
  const log = createLogger({ level: options.logLevel, json: options.json })
  const server = await serve({
    ...endpointsOf(options),
    socketMode: options.socketMode,
    releaseAfterMs: options.releaseAfter * MS_PER_S,
    platform: options.platform,
    plugins: options.plugin,
    log,
    ...(options.trace === undefined ? {} : { trace: options.trace }),
    ...(options.state === undefined ? {} : { state: options.state }),
    ...(options.faults === undefined ? {} : { faults: options.faults }),
    ...(open ? { open } : {}),
    sharedMemory: options.sharedMemory,
    native: { memSlots: options.memSlots, pollUs: options.pollUs },
  })
  surviveDroppedErrors(problem => log.error(problem))
  const stop = (signal: NodeJS.Signals): void => {
    // A second signal kills the process at once; not SIGHUP, which the shell of a closed terminal sends again.
    for (const name of ENDING_SIGNALS) process.off(name, stop)
    process.on('SIGHUP', () => {})
    log.info(`${signal}: stopping`)
    server.close()
  }
  for (const name of ENDING_SIGNALS) process.once(name, stop)
  process.on('SIGUSR1', () => log.info('SIGUSR1 ignored; use `vhost-user-scmi ctl` to inspect a running device'))
  // Logged at any level: supervisors wait for it.
  log.child({}, { level: 'info' }).info(`ready: ${server.endpoints.map(describeEndpoint).join(', ')}`)
}
